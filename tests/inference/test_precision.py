"""The precision that is picked, and results that are of no use."""
import pytest
import torch

from effsr.inference import precision
from effsr.inference.precision import check_device, choose_precision, spoiled

CPU = torch.device('cpu')


class Clock:
    """Runs take as long as their precision says."""

    def __init__(self, monkeypatch, seconds, error=0.0, faults=()):
        self.now, self.seconds, self.error, self.faults = 0.0, seconds, error, faults
        monkeypatch.setattr(precision.time, 'perf_counter', lambda: self.now)
        monkeypatch.setattr(precision, 'cpu_has_bf16', lambda: True)

    def __call__(self, tiles, name):
        self.now += self.seconds[name]
        if name in self.faults:
            return torch.full_like(tiles, torch.nan)
        return tiles + (0 if name == 'fp32' else self.error / 255)


def choose(run, wanted='auto', device=CPU):
    said = []
    return choose_precision(wanted, device, run, 1, said.append), said


@pytest.mark.parametrize(('seconds', 'error', 'faults', 'chosen'), [
    (0.5, 0.1, (), 'bf16'), (0.5, 1.0, (), 'fp32'), (0.95, 0.1, (), 'fp32'), (2.0, 0.1, (), 'fp32'),
    (0.5, 0.1, ('bf16',), 'fp32')])
def test_auto_on_a_cpu_takes_what_is_faster_and_close(monkeypatch, seconds, error, faults, chosen):
    assert choose(Clock(monkeypatch, {'fp32': 1.0, 'bf16': seconds}, error, faults)) == (chosen, [])


def test_auto_on_cuda_prefers_fp16(monkeypatch):
    seconds = {'fp32': 1.0, 'fp16': 0.5, 'bf16': 0.4}
    cuda = torch.device('cuda')
    assert choose(Clock(monkeypatch, seconds, 0.1), device=cuda)[0] == 'fp16'
    assert choose(Clock(monkeypatch, seconds, 0.1, ('fp16',)), device=cuda)[0] == 'bf16'


def test_auto_on_a_cpu_without_bf16_tries_nothing(monkeypatch):
    monkeypatch.setattr(precision, 'cpu_has_bf16', lambda: False)
    assert choose(None) == ('fp32', [])


def test_what_is_asked_for_is_taken_unless_it_fails(monkeypatch):
    run = Clock(monkeypatch, {'fp32': 1.0, 'bf16': 0.5}, 3.0)
    assert choose(run, 'bf16') == ('bf16', [])
    run = Clock(monkeypatch, {'fp32': 1.0, 'fp16': 3.0})
    assert choose(run, 'fp16') == ('fp16', ['fp16 is slower than fp32 on this device (3.0 times the time)'])
    run = Clock(monkeypatch, {'fp32': 1.0, 'fp16': 1.0}, faults=('fp16',))
    assert choose(run, 'fp16') == ('fp32', ['the network gives NaN or infinity in fp16; fp32 is taken'])


def test_spoiled_results():
    tiles = torch.full((1, 3, 2, 2), 0.5)
    assert spoiled(tiles, tiles) == ''
    assert spoiled(tiles, tiles * 0) == 'black'
    assert spoiled(tiles * 0, tiles * 0) == ''
    assert spoiled(tiles, tiles / 0) == spoiled(tiles, tiles * torch.nan) == 'NaN or infinity'


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without CUDA')
def test_cuda_where_there_is_none():
    assert check_device('auto') == check_device('cpu') == CPU
    with pytest.raises(ValueError, match='device is cuda, but torch finds none; accepted here: cpu, auto'):
        check_device('cuda')
