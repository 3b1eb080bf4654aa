"""Tiles of a picture equal the whole, for every architecture; smaller tiles when memory runs out."""
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from effsr.archs.efficientsr_arch import EfficientSRNet
from effsr.archs.rrdbnet_arch import RRDBNet
from effsr.archs.srresnet_arch import SRResNet
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.inference import passes
from effsr.inference.engine import EngineSettings, OutOfMemory, open_engine, silent
from effsr.inference.passes import BandEnd, BandLost, Part, Picture, Progress, Runner
from effsr.inference.plan import Layout
from effsr.inference.planes import Plane
from effsr.inference.tiling import crop_to_scale, pad_to_multiple
from effsr.inference.weights import LoadedModel

NETWORKS = {
    'EfficientSRNet': (lambda: EfficientSRNet(num_feat=8, num_block=3), 4, 1),
    'EfficientSRNet x3': (lambda: EfficientSRNet(num_feat=8, num_block=2, upscale=3), 3, 1),
    'SRVGGNetCompact': (lambda: SRVGGNetCompact(num_feat=8, num_conv=5), 4, 1),
    'SRResNet': (lambda: SRResNet(num_feat=8, num_block=2), 4, 1),
    'RRDBNet': (lambda: RRDBNet(num_feat=8, num_block=1, num_grow_ch=4), 4, 1),
    'RRDBNet x2': (lambda: RRDBNet(scale=2, num_feat=8, num_block=1, num_grow_ch=4), 2, 2),
    'RRDBNet x1': (lambda: RRDBNet(scale=1, num_feat=8, num_block=1, num_grow_ch=4), 1, 4),
}


def lively(net):
    """Untrained networks hardly look beyond a pixel: with larger weights the border of a tile would show."""
    torch.manual_seed(0)
    for name, parameter in net.named_parameters():
        if name.endswith('weight') and parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    return net.eval().requires_grad_(False)


def model_of(name):
    torch.manual_seed(0)
    make, scale, multiple = NETWORKS[name]
    return LoadedModel(lively(make()), name.split()[0], {'test': name}, scale, Path('x.pth'), 'bare', multiple)


def gather(engine, pixels, layout, say=silent, tell=None):
    """What a runner delivers, put together: float32 (3, H * scale, W * scale)."""
    plane, size = Plane(pixels, 0), pixels.shape[:2]
    picture = Picture((plane,), size, engine.multiple)
    runner = Runner(engine, picture, layout, say, Progress(tell, picture, 0), lambda: engine.halo)
    height, width = (length * engine.scale for length in picture.extended)
    out, waiting, ends = torch.full((3, height, width), torch.nan), [], [0]

    def take(item):
        if isinstance(item, Part):
            waiting.append(item)
            return
        for part in waiting if isinstance(item, BandEnd) else ():
            rows, columns = (slice(span.first * engine.scale, span.last * engine.scale)
                             for span in (part.row, part.column))
            assert (part.row.first, part.row.last) == (ends[-1], item.last)
            assert out[:, rows, columns].isnan().all()
            out[:, rows, columns] = part.answer
        if isinstance(item, BandEnd):
            ends.append(item.last)
        waiting.clear()

    runner.run(take)
    return out[:, :size[0] * engine.scale, :size[1] * engine.scale], runner


def whole(model, pixels):
    lq = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)[None]
    return crop_to_scale(model.net(pad_to_multiple(lq, model.multiple)), lq, model.scale)[0]


@pytest.mark.parametrize('name', NETWORKS)
def test_tiles_equal_the_whole_at_odd_sizes(name):
    model = model_of(name)
    engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
    pixels = np.random.default_rng(0).integers(0, 256, (2 * engine.halo + 57, 2 * engine.halo + 73, 3), np.uint8)
    tile = -(-24 // model.multiple) * model.multiple
    tiled, runner = gather(engine, pixels, Layout((tile, 2 * tile), engine.halo, 2))
    expected = whole(model, pixels)
    assert expected.std() > 0.1, 'a network that does nothing would prove nothing'
    assert (tiled - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())
    assert runner.passes == (3 if name == 'EfficientSRNet' else 2 if name == 'EfficientSRNet x3' else 0)


@pytest.mark.parametrize('name', ['SRVGGNetCompact', 'SRResNet', 'RRDBNet'])
def test_a_halo_that_is_one_too_small_is_seen(name):
    model = model_of(name)
    engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 2 * engine.halo + 60, 3), np.uint8)
    tiled, _ = gather(engine, pixels, Layout((20, 24), max(0, engine.halo // 3), 1))
    assert (tiled - whole(model, pixels)).abs().max() > 1e-4


class Failing:
    """An engine for which tiles of more than ``most`` pixels do not fit, from the given call on."""

    def __init__(self, engine, most, after=0):
        self.engine, self.most, self.after, self.calls = engine, most, after, 0
        self.name, self.scale, self.multiple, self.halo = engine.name, engine.scale, engine.multiple, engine.halo
        self.fixed_batch = None

    def __call__(self, tiles):
        self.calls += 1
        if self.calls > self.after and tiles.shape[0] * tiles.shape[-2] * tiles.shape[-1] > self.most:
            raise OutOfMemory('not enough memory: you tried to allocate 5 bytes')
        return self.engine(tiles)


@pytest.mark.parametrize('after', [0, 3, 5])
def test_out_of_memory_halves_and_goes_on_from_the_row_that_failed(after):
    model = model_of('SRVGGNetCompact')
    engine = Failing(open_engine(model, EngineSettings(precision='fp32', device='cpu')), 1400, after)
    pixels = np.random.default_rng(0).integers(0, 256, (150, 131, 3), np.uint8)
    said = []
    tiled, runner = gather(engine, pixels, Layout((40, 40), engine.halo, 2), said.append)
    assert (tiled - whole(model, pixels)).abs().max() <= 1e-5
    assert runner.retries == len(said) >= 1
    assert said[0].startswith('out of memory with tiles of 54x54; trying again with tiles of 54x54, 1 at once')


def test_out_of_memory_while_means_are_found():
    model = model_of('EfficientSRNet')
    engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
    sums, calls = engine.pool_sums, []

    def failing(tiles, cores, means):
        calls.append(tiles.shape)
        if len(calls) == 5:
            raise OutOfMemory('not enough memory')
        return sums(tiles, cores, means)

    engine.pool_sums = failing
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    tiled, runner = gather(engine, pixels, Layout((40, 40), engine.halo, 1))
    expected = whole(model, pixels)
    assert runner.retries == 1
    assert (tiled - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


def test_a_whole_picture_that_does_not_fit_gets_its_halo():
    model = model_of('EfficientSRNet')
    engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
    run, calls = engine.run, []

    def failing(tiles, means):
        calls.append(tiles.shape)
        if tiles.shape[-1] > 60:
            raise OutOfMemory('not enough memory')
        return run(tiles, means)

    engine.run = failing
    pixels = np.random.default_rng(0).integers(0, 256, (90, 80, 3), np.uint8)
    tiled, runner = gather(engine, pixels, Layout((90, 80), 0, 1))
    expected = whole(model, pixels)
    assert runner.retries >= 1 and runner.passes == 3
    assert (tiled - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


def test_very_many_means_are_found_in_one_pass_and_that_is_said(monkeypatch):
    model, said = model_of('EfficientSRNet'), []
    torch.manual_seed(0)
    model = dataclasses.replace(model, net=EfficientSRNet(num_feat=8, num_block=3).eval().requires_grad_(False))
    engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
    monkeypatch.setattr(passes, 'MOST_PASSES', 2)
    pixels = np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8)
    tiled, runner = gather(engine, pixels, Layout((30, 30), engine.halo, 1), said.append)
    assert runner.passes == 1 and len(said) == 1 and 'averages 3 times over the whole picture' in said[0]
    assert (tiled - whole(model, pixels)).abs().max() < 1e-3


def test_memory_that_suffices_for_no_tile_is_an_error():
    engine = Failing(open_engine(model_of('SRVGGNetCompact'), EngineSettings(precision='fp32', device='cpu')), 0)
    with pytest.raises(OutOfMemory, match='out of memory with the smallest tiles'):
        gather(engine, np.zeros((50, 50, 3), np.uint8), Layout((40, 40), 7, 1))


def test_progress_rises_to_one():
    engine = open_engine(model_of('SRVGGNetCompact'), EngineSettings(precision='fp32', device='cpu'))
    told = []
    gather(engine, np.zeros((50, 70, 3), np.uint8), Layout((16, 16), 7, 2), tell=told.append)
    assert told == sorted(told) and told[-1] == pytest.approx(1) and len(told) > 3


def test_a_fixed_batch_is_filled():
    engine = open_engine(model_of('SRVGGNetCompact'), EngineSettings(precision='fp32', device='cpu'))
    engine.fixed_batch, seen, run = 4, [], engine.run
    engine.run = lambda tiles, means: seen.append(len(tiles)) or run(tiles, means)
    tiled, _ = gather(engine, np.zeros((20, 100, 3), np.uint8), Layout((16, 16), 7, 4))
    assert set(seen) == {4} and not tiled.isnan().any()


def test_lost_band_is_told():
    engine = Failing(open_engine(model_of('SRVGGNetCompact'), EngineSettings(precision='fp32', device='cpu')), 900, 1)
    plane = Plane(np.zeros((60, 60, 3), np.uint8), 0)
    picture, items = Picture((plane,), (60, 60), 1), []
    Runner(engine, picture, Layout((30, 30), 7, 1), silent, Progress(None, picture, 0), lambda: 7).run(items.append)
    assert any(isinstance(item, BandLost) for item in items)
