"""Costs of networks in turn, ways to run them, their memory, and how they grow."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from effsr.benchmarks import costs, footprint
from effsr.benchmarks.backends import LIBRARIES, CannotRun, Way, check_libraries, check_way, prepare
from effsr.benchmarks.costs import measure, quick_costs
from effsr.benchmarks.exports import Exports, check_answer, scale_and_multiple
from effsr.benchmarks.growth import SIDES, Growth, exponent, growth_tables
from effsr.benchmarks.named_models import open_models
from effsr.benchmarks.timing import Timed
from effsr.inference.backends.libraries import missing
from effsr.inference.weights import LoadedModel

CPU = torch.device('cpu')
SMALL = 'SRVGGNetCompact(num_feat=4, num_conv=1)'


@pytest.fixture
def no_process(monkeypatch):
    monkeypatch.setattr(costs, 'peak_memory', lambda *given: 1000)


def small_net():
    net, = open_models([SMALL], 4).values()
    return net


def test_quick_costs(no_process):
    net = small_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = LoadedModel(net, 'SRVGGNetCompact', {}, 4, Path('x.pth'), 'params', multiple=4)
    row = quick_costs({'mine': model}, size=17, rounds=3)['mine']
    assert row.pixels == 80 * 80 and row.peak_memory == 1000 and len(row.times) == 2
    assert 0 < row.seconds.low <= row.seconds.median <= row.seconds.high
    assert row.megapixels_a_second == pytest.approx(row.pixels / 1e6 / row.seconds.median)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_fails_does_not_stop_the_rest(no_process):
    class Fails(nn.Module):
        def forward(self, x):
            raise IndexError('a picture of\nanother kind')
    found = measure({'fails': Fails(), 'flat': nn.Flatten(), 'small': small_net()}, [Way()], (1, 3, 8, 8), 2, CPU)
    assert [name for name, _ in found.rows] == ['small'] and found.peak.flops['fp32'] > 1e8
    assert list(found.failed.values())[0] == 'a picture of' and 'gives shape' in list(found.failed.values())[1]


@pytest.mark.parametrize('way', [Way('bf16'), Way('fp32', 'channels_last')])
def test_ways_compute_the_same(way):
    net, picture = small_net(), torch.rand(1, 3, 9, 7)
    plain, found = prepare(net, picture, Way())(), prepare(net, picture, way)()
    assert torch.allclose(plain, found.float(), atol=0.02) and next(net.parameters()).dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize('way', [Way(precision, backend) for backend, (_, precisions) in LIBRARIES.items()
                                 for precision in precisions], ids=lambda way: f'{way.backend} {way.precision}')
@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::FutureWarning')
def test_libraries(tmp_path, way):
    if missing(LIBRARIES[way.backend][0]):
        pytest.skip(f'needs {way.backend}')
    net, picture = small_net(), torch.rand(1, 3, 9, 8)
    exports = Exports(tmp_path)
    file = exports.file(0, net, picture, way)
    assert exports.file(0, net, picture, way) == file
    answer = prepare(net, picture, way, file)()
    assert abs(answer - net(picture)).max() < {'fp32': 1e-5, 'fp16': 5e-3, 'bf16': 2e-2, 'int8': 0.1}[way.precision]


def test_what_sides_must_be_divisible_by():
    nets = open_models([SMALL, 'RRDBNet(num_feat=4, num_block=1, num_grow_ch=4, scale=2)'], 4)
    assert [scale_and_multiple(net) for net in nets.values()] == [(4, 1), (2, 2)]
    with pytest.raises(CannotRun, match='takes no picture'):
        scale_and_multiple(nn.Flatten())


def test_answers_are_compared():
    net, picture = nn.Identity(), torch.rand(1, 3, 4, 4)
    for precision, off in (('fp32', 5e-3), ('fp16', 5e-2), ('bf16', 0.1), ('fp32', float('nan'))):
        with pytest.raises(CannotRun, match='differs'):
            check_answer(picture + off, net, picture, Way(precision, 'onnxruntime'))
    check_answer(picture + 0.01, net, picture, Way('fp16', 'onnxruntime'))
    check_answer(picture + 0.3, net, picture, Way('int8', 'onnxruntime'))
    with pytest.raises(CannotRun, match='gives .1, 3, 2, 4., torch'):
        check_answer(picture[:, :, :2], net, picture, Way('int8', 'onnxruntime'))


def test_ways_that_do_not_exist(monkeypatch):
    for way, says in ((Way('fp16'), 'fp16 is for GPUs'), (Way('bf16', 'onnxruntime'), 'in fp32, fp16, int8, not'),
                      (Way('int8', 'compile'), 'int8 is for'), (Way('fp32', 'cudagraphs'), 'CUDA graphs are for')):
        with pytest.raises(CannotRun, match=says):
            check_way(way, CPU)
    for backend in ('openvino', 'ncnn'):
        with pytest.raises(CannotRun, match='on CPUs alone'):
            check_way(Way('fp32', backend), torch.device('cuda'))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ValueError, match=r'onnx, onnxscript, onnxruntime not installed; pip install "effsr\[onnx\]"'):
        check_libraries('onnxruntime')
    check_libraries('eager')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda_graphs():
    net, picture = small_net().to('cuda'), torch.rand(1, 3, 9, 8, device='cuda')
    call = prepare(net, picture, Way('fp32', 'cudagraphs'))
    assert torch.allclose(call(), net(picture), atol=1e-5) and call() is call()


@pytest.mark.slow
def test_memory_in_a_process_of_its_own():
    """A convolution that makes 64 features of a picture holds at least these."""
    if not Path('/proc/self/status').exists():
        pytest.skip("the peak is Linux's")
    net = nn.Conv2d(3, 64, 3, 1, 1).requires_grad_(False)
    found = footprint.peak_memory(net, (1, 3, 512, 512), Way(), CPU)
    features = 4 * 64 * 512 * 512
    assert features < found < 3 * features


def test_memory_of_a_network_that_cannot_be_sent():
    class Local(nn.Module):
        pass
    assert footprint.peak_memory(Local(), (1, 3, 8, 8), Way(), CPU) is None


def test_quick_calls_are_repeated_and_slow_ones_not(monkeypatch):
    calls = []
    quick = Timed(lambda: calls.append(1), CPU)
    quick.warm_up()
    assert quick(0) == quick.first and len(calls) == 2 and quick.repeats == 100
    quick(1)
    assert len(calls) == 102
    slow = Timed(lambda: calls.append(1), CPU)
    monkeypatch.setattr(slow, '_once', lambda: 2.0)
    assert slow(0) == 2.0 and slow.repeats == 1


def test_growth_by_hand():
    assert exponent({64: 1.0, 128: 4.0, 256: 16.0}) == pytest.approx(1)
    assert exponent({64: 1.0, 128: 16.0}) == pytest.approx(2)
    assert exponent({64: 1.0, 128: None}) is None
    growth = {'a': Growth(dict(zip(SIDES, (0.001, 0.002, 0.01, 0.2064), strict=True)),
                          dict(zip(SIDES, (2**20, None, 2**21, 2**21 + 1024 * 196608), strict=True)))}
    times, memory = growth_tables(growth, 1, Way())
    assert times.rows[0][1:5] == ('1.0', '2.0', '10.0', '206.4') and times.rows[0][-1] == '0.999 us'
    assert memory.rows[0][1:5] == ('1', '', '2', '194') and memory.rows[0][-1] == '1.00 KiB'
