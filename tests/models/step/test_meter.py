"""Losses between two log lines."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch

from effsr.models.step.meter import LossMeter, readable_log


def test_readable_losses():
    log = {'l_pix': torch.tensor([1.0, 3.0]), 'l_gan': torch.tensor(0.5)}
    assert readable_log(log) == {'l_pix': 2.0, 'l_gan': 0.5}
    assert readable_log({}) == {}


def test_losses_are_averaged_over_the_steps_since_the_last_reading():
    meter = LossMeter()
    meter.add({'l_pix': torch.tensor(1.0)})
    meter.add({'l_pix': torch.tensor([2.0, 4.0]), 'l_gan': torch.tensor(5.0)})
    assert {name: value.item() for name, value in meter.read().items()} == {'l_pix': 2.0, 'l_gan': 5.0}
    assert meter.read() == {}


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_what_is_not_finite_is_left_out(bad):
    meter = LossMeter()
    for value in (1.0, bad, 3.0):
        meter.add({'l_pix': torch.tensor(value), 'l_gan': torch.tensor(bad)})
    assert readable_log(meter.read()) == {'l_pix': 2.0}
