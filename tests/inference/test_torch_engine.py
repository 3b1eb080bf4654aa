"""The engine of PyTorch: what it answers, and what it does when precision or memory do not suffice."""
from pathlib import Path

import pytest
import torch
from torch import nn

from effsr.archs.efficientsr_arch import EfficientSRNet
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.inference.engine import EngineSettings, MeasuredEngine, OutOfMemory, PooledEngine, open_engine
from effsr.inference.memory import SCRATCH
from effsr.inference.weights import LoadedModel

TILES = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def loaded(net, scale=4):
    return LoadedModel(net.eval().requires_grad_(False), type(net).__name__, {}, scale, Path('weights.pth'), 'bare')


def opened(net, scale=4, say=print, **settings):
    return open_engine(loaded(net, scale), EngineSettings(device='cpu', **{'precision': 'fp32', **settings}), say)


@pytest.mark.parametrize('last', [True, False, None])
def test_it_answers_as_the_network(last):
    torch.manual_seed(0)
    net = SRVGGNetCompact(num_feat=4, num_conv=1)
    engine = opened(net, channels_last=last)
    assert (engine.name, engine.scale, engine.multiple, engine.halo, engine.pools) == ('torch cpu fp32', 4, 1, 3, 0)
    assert isinstance(engine, PooledEngine) and isinstance(engine, MeasuredEngine)
    torch.testing.assert_close(engine(TILES), net(TILES))


def test_bf16_is_close_to_fp32():
    torch.manual_seed(0)
    net = SRVGGNetCompact(num_feat=4, num_conv=1)
    answer = opened(net, precision='bf16')(TILES)
    assert answer.dtype == torch.float32
    assert 0 < (answer - net(TILES)).abs().max() < 0.02


def test_with_means_tiles_are_those_of_the_picture():
    torch.manual_seed(0)
    engine = opened(EfficientSRNet(num_feat=4, num_block=2))
    assert engine.pools == 2 and engine.halo == 6
    bound = engine.with_means([torch.zeros(4)] * 2)
    assert (bound.scale, bound.multiple, bound.halo, bound.name) == (4, 1, 6, engine.name)
    torch.testing.assert_close(bound(TILES)[:, :, 24:28, 24:28], bound(TILES[..., :13])[:, :, 24:28, 24:28])
    assert (bound(TILES) - engine(TILES)).abs().max() > 1e-5


class Overflowing(nn.Module):
    """More than fp16 can hold, or nothing, in half precision."""

    def __init__(self, gain):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 1)
        self.gain = gain

    def forward(self, x):
        y = self.first(x)
        return y * (self.gain if y.dtype != torch.float32 else 1)


@pytest.mark.parametrize(('gain', 'fault'), [(float('inf'), 'NaN or infinity'), (0.0, 'black')])
def test_half_precision_that_fails_is_redone_in_fp32_and_said_once(gain, fault):
    net, said = Overflowing(1.0), []
    engine = opened(net, 1, said.append, precision='bf16')
    said.clear()
    net.gain = gain
    for _ in range(3):
        torch.testing.assert_close(engine(TILES), net.first(TILES))
    assert said == [f'Overflowing gave {fault} in bf16; redone, and continued, in fp32']
    assert engine.name == 'torch cpu fp32'


def test_precision_that_fails_at_once_is_not_taken():
    said = []
    assert opened(Overflowing(0.0), 1, said.append, precision='bf16').name == 'torch cpu fp32'
    assert said == ['the network gives black in bf16; fp32 is taken']


def test_weights_of_no_use_are_an_error():
    net = SRVGGNetCompact(num_feat=4, num_conv=1)
    net.body[0].weight.data.fill_(torch.nan)
    with pytest.raises(ValueError, match=r'gave NaN or infinity; the weights weights.pth are of no use'):
        opened(net)(TILES)


class Raising(nn.Conv2d):
    error = None

    def forward(self, x):
        if self.error is not None:
            raise self.error
        return super().forward(x)


@pytest.mark.parametrize('error', [
    MemoryError('no'), torch.OutOfMemoryError('CUDA out of memory.'),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory")])
def test_all_ways_to_run_out_of_memory_are_one(error):
    net = Raising(3, 3, 1)
    engine = opened(net, 1)
    net.error = error
    with pytest.raises(OutOfMemory):
        engine(TILES)


def test_other_failures_name_the_network():
    net = Raising(3, 3, 1)
    engine = opened(net, 1)
    net.error = RuntimeError('shapes\ndo not fit')
    with pytest.raises(ValueError, match=r'Raising failed on tiles of \(2, 3, 12, 10\): shapes do not fit'):
        engine(TILES)


@pytest.mark.parametrize(('name', 'value'), [
    ('backend', 'tvm'), ('precision', 'int4'), ('device', 'tpu'), ('threads', 0)])
def test_settings_out_of_range(name, value):
    with pytest.raises(ValueError, match=f'^{name} is .*; accepted: '):
        EngineSettings(**{name: value})


def test_memory_of_larger_networks_is_larger():
    small, large = (opened(SRVGGNetCompact(num_feat=width, num_conv=1)).bytes_per_pixel() for width in (4, 256))
    # The picture, four maps of the result's size at the end; and with many features two maps of these before it.
    assert small == pytest.approx(SCRATCH * 4 * (3 + 4 * 48))
    assert large == pytest.approx(SCRATCH * 4 * (3 + 2 * 256))


def test_compiling_that_fails_is_said_and_left(monkeypatch):
    def fail(net, **settings):
        def run(tiles):
            raise RuntimeError('no compiler\nfound')
        return run

    monkeypatch.setattr(torch, 'compile', fail)
    said = []
    engine = opened(SRVGGNetCompact(num_feat=4, num_conv=1), say=said.append, compile=True)
    assert engine.name == 'torch cpu fp32 compiled'
    assert engine(TILES).shape == engine(TILES).shape == (2, 3, 48, 40)
    assert engine.name == 'torch cpu fp32' and len(said) == 1
    assert said[0].startswith('torch.compile failed, the network runs without it (SRVGGNetCompact failed on tiles')


def test_networks_that_pool_are_not_compiled():
    said = []
    assert opened(EfficientSRNet(num_feat=4, num_block=1), say=said.append, compile=True).name == 'torch cpu fp32'
    assert said == ['EfficientSRNet averages over the whole picture and runs without torch.compile']
