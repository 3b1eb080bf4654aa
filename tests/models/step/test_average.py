"""The moving average."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.models.step import guard
from effsr.models.step.average import ema_decay_at, make_ema, update_ema


def test_the_average_is_worked_out_by_hand_and_buffers_are_copied():
    net = nn.BatchNorm1d(2)
    ema = make_ema(net)
    assert not ema.training and not any(p.requires_grad for p in ema.parameters())
    for value, expected in ((3.0, 1.5), (5.0, 2.375)):  # 0.75 * 1 + 0.25 * 3 = 1.5; 0.75 * 1.5 + 0.25 * 5 = 2.375
        with torch.no_grad():
            net.weight.fill_(value)
            net.running_mean.fill_(value)
            net.num_batches_tracked.fill_(7)
        update_ema(ema, net, 0.75)
        assert ema.weight.tolist() == [expected, expected]
        assert ema.running_mean.tolist() == [value, value] and int(ema.num_batches_tracked) == 7
    assert net.weight.requires_grad and net.weight.tolist() == [5.0, 5.0]


def test_the_decay_of_the_average_starts_low_under_warmup_only():
    assert ema_decay_at(1, 0.999, warmup=True) == pytest.approx(2 / 11)
    assert ema_decay_at(90, 0.999, warmup=True) == pytest.approx(0.91)
    assert ema_decay_at(10**6, 0.999, warmup=True) == 0.999
    assert ema_decay_at(1, 0.999, warmup=False) == 0.999


@pytest.mark.parametrize('looks', [True, False])
def test_the_average_stays_after_a_step_that_was_not_taken(monkeypatch, looks):
    monkeypatch.setattr(guard, 'host_may_look', lambda ok: looks)
    net = nn.BatchNorm1d(2)
    ema = make_ema(net)
    with torch.no_grad():
        net.weight.fill_(3.0)
        net.running_mean.fill_(3.0)
    assert update_ema(ema, net, 0.75, torch.tensor(False))  # nothing is wrong with the network
    assert ema.weight.tolist() == [1.0, 1.0] and ema.running_mean.tolist() == [0.0, 0.0]
    update_ema(ema, net, 0.75, torch.tensor(True))
    assert ema.weight.tolist() == [1.5, 1.5] and ema.running_mean.tolist() == [3.0, 3.0]


@pytest.mark.parametrize('looks', [True, False])
@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_the_average_takes_nothing_that_is_not_finite(monkeypatch, looks, bad):
    monkeypatch.setattr(guard, 'host_may_look', lambda ok: looks)
    for name in ('weight', 'running_mean'):
        net = nn.BatchNorm1d(2)
        ema = make_ema(net)
        before = {key: value.clone() for key, value in ema.state_dict().items()}
        with torch.no_grad():
            net.bias.fill_(7.0)
            getattr(net, name)[1] = bad
        assert not update_ema(ema, net, 0.5)
        assert all(torch.equal(value, before[key]) for key, value in ema.state_dict().items())


@pytest.mark.parametrize('looks', [True, False])
def test_a_mask_that_holds_infinity_does_not_stop_the_average(monkeypatch, looks):
    monkeypatch.setattr(guard, 'host_may_look', lambda ok: looks)
    net = nn.Linear(1, 1)
    net.register_buffer('mask', torch.tensor([0.0, float('-inf')]))
    ema = make_ema(net)
    before = ema.weight.item()
    with torch.no_grad():
        net.weight.add_(1)
    assert update_ema(ema, net, 0.75) and ema.weight.item() == pytest.approx(before + 0.25)
