"""Pictures of every kind, from pixels to rows: sizes, modes, bits, transparency, resizing, errors."""
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.data.imresize import imresize
from effsr.inference.engine import EngineSettings, OutOfMemory, open_engine
from effsr.inference.plan import Plan, output_size
from effsr.inference.planes import LUMA
from effsr.inference.streaming import upscale_stream
from effsr.inference.weights import LoadedModel


class Rows:
    def __init__(self):
        self.all = []

    def write(self, rows):
        self.all.append(rows)

    @property
    def picture(self):
        return np.concatenate(self.all)


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    net = SRVGGNetCompact(num_feat=8, num_conv=2, upscale=2).eval().requires_grad_(False)
    return LoadedModel(net, 'SRVGGNetCompact', {'test': 'streaming'}, 2, Path('x.pth'), 'bare')


@pytest.fixture(scope='module')
def engine(model):
    return open_engine(model, EngineSettings(precision='fp32', device='cpu'))


def noise(height, width, channels, dtype=np.uint8):
    most = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, most + 1, (height, width, channels)).astype(dtype)


def stream(engine, pixels, plan=None, **more):
    rows = Rows()
    report = upscale_stream(engine, pixels, rows, plan, **more)
    return rows.picture, report


def network(model, values):
    """float (H, W, 3) -> float32 (H * 2, W * 2, 3), clipped."""
    lq = torch.from_numpy(values.astype(np.float32).transpose(2, 0, 1))[None]
    return model.net(lq)[0].clamp(0, 1).permute(1, 2, 0).numpy()


def rounded(values, dtype):
    return np.rint(values.astype(np.float32) * np.float32(np.iinfo(dtype).max)).astype(dtype)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('tile', [0, 16])
def test_color_equals_the_network(model, engine, dtype, tile):
    pixels = noise(37, 53, 3, dtype)
    found, report = stream(engine, pixels, Plan(tile=tile))
    assert found.dtype == dtype and report.size == (74, 106) == found.shape[:2]
    assert np.abs(found.astype(int) - rounded(network(model, pixels / np.iinfo(dtype).max), dtype)).max() <= 1
    assert (report.tiles == 1) == (tile == 0)


def test_grey_goes_in_thrice_and_comes_out_as_luma(model, engine):
    pixels = noise(20, 30, 1)
    expected = rounded((network(model, np.repeat(pixels / 255, 3, axis=2)) @ LUMA)[..., None], np.uint8)
    assert np.abs(stream(engine, pixels)[0].astype(int) - expected).max() <= 1


def test_transparency_by_the_network_keeps_flat_areas_flat(model, engine):
    pixels = noise(40, 40, 4)
    pixels[:20, :, 3], pixels[20:, :, 3] = 0, 255
    found, _ = stream(engine, pixels, Plan(tile=16))
    assert (found[:38, :, 3] == 0).all() and (found[42:, :, 3] == 255).all()
    assert np.array_equal(found[..., :3], stream(engine, pixels[..., :3], Plan(tile=16))[0])


@pytest.mark.parametrize('value', [0, 77, 255])
@pytest.mark.parametrize('scale', [None, 1.5])
def test_one_transparency_everywhere_stays(engine, value, scale):
    pixels = noise(20, 24, 2)
    pixels[..., 1] = value
    assert (stream(engine, pixels, Plan(scale=scale))[0][..., 1] == value).all()


@pytest.mark.parametrize('scale', [None, 3.5])
def test_transparency_by_resizing(engine, scale):
    pixels = noise(30, 41, 4)
    found, report = stream(engine, pixels, Plan(scale=scale, alpha='resize', tile=16))
    expected = imresize(pixels[..., 3].astype(np.float32) / 255, size=report.size)
    assert np.abs(found[..., 3] - np.clip(expected, 0, 1) * 255).max() <= 0.5001


@pytest.mark.parametrize('scale', [0.3, 1.0, 1.5, 3.5, 6])
@pytest.mark.parametrize('tile', [0, 16])
def test_any_scale_is_the_network_and_then_imresize(model, engine, scale, tile):
    pixels = noise(33, 47, 3)
    plan = Plan(scale=scale, tile=tile, bits=16)
    found, report = stream(engine, pixels, plan)
    assert report.size == output_size(33, 47, plan, 2) == (round(33 * scale), round(47 * scale))
    expected = np.clip(imresize(network(model, pixels / 255), size=report.size), 0, 1)
    assert np.abs(found / 65535 - expected).max() <= 1e-5 + 0.5 / 65535


def test_bits_by_option(engine):
    pixels = noise(12, 12, 3)
    deep = stream(engine, pixels, Plan(bits=16))[0]
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - stream(engine, pixels)[0]).max() <= 0.502
    assert stream(engine, pixels.astype(np.uint16), Plan(bits=8))[0].dtype == np.uint8


@pytest.mark.parametrize('size', [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_smallest_pictures(engine, size):
    assert stream(engine, noise(*size, 4), Plan(scale=2.5))[0].shape == (*(max(1, round(n * 2.5)) for n in size), 4)


def test_a_small_memory_makes_small_tiles_and_low_bands(engine):
    pixels = noise(120, 160, 3)
    plan = Plan(memory=2_000_000)
    rows = Rows()
    report = upscale_stream(engine, pixels, rows, plan)
    assert report.tiles > 2 and max(len(part) for part in rows.all) < 240
    assert np.abs(rows.picture.astype(int) - stream(engine, pixels)[0]).max() <= 1


@pytest.mark.parametrize(('pixels', 'message'), [
    (np.zeros((4, 4), np.uint8), r'shape \(4, 4\)'), (np.zeros((4, 0, 3), np.uint8), 'at least one pixel'),
    (np.zeros((4, 4, 5), np.uint8), 'C from 1 to 4'), (np.zeros((4, 4, 3), np.float32), 'dtype float32')])
def test_other_pixels_are_refused(engine, pixels, message):
    with pytest.raises(ValueError, match=message):
        stream(engine, pixels)


def test_what_the_sink_raises_comes_through(engine):
    class Full:
        def write(self, rows):
            raise OSError(28, 'No space left on device')

    with pytest.raises(OSError, match='No space left'):
        upscale_stream(engine, noise(60, 60, 3), Full(), Plan(tile=8))


def test_an_interrupt_ends_it(engine):
    def press(part):
        raise KeyboardInterrupt

    rows = Rows()
    with pytest.raises(KeyboardInterrupt):
        upscale_stream(engine, noise(60, 60, 3), rows, Plan(tile=8), progress=press)
    assert sum(len(part) for part in rows.all) < 120


def test_no_memory_for_the_rows_is_told_as_such(engine):
    class Narrow:
        def write(self, rows):
            raise MemoryError('cannot allocate')

    with pytest.raises(OutOfMemory, match='beside the network'):
        upscale_stream(engine, noise(20, 20, 3), Narrow())


class Wrong(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 3, 1)

    def forward(self, x):
        return super().forward(x).repeat_interleave(3, 2)


def test_another_size_than_the_scale_says_is_an_error():
    model = LoadedModel(Wrong().eval(), 'Wrong', {}, 2, Path('x.pth'), 'bare')
    with pytest.raises(ValueError, match='at scale 2 should become 24 x 20'):
        stream(open_engine(model, EngineSettings(precision='fp32', device='cpu')), noise(12, 10, 3))
