"""Colour consistency with lq: what it sees, what it does not, its gradient, what it refuses."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch.nn import functional as F

from effsr.losses.color import color_difference
from effsr.losses.color_loss import ColorLoss


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_shapes():
    lq = torch.rand(2, 3, 8, 10)
    assert color_difference(torch.rand(2, 3, 32, 40), lq, 3).shape == (2, 3, 6, 8)
    assert color_difference(torch.rand(2, 3, 8, 10), lq, 8).shape == (2, 3, 1, 3)


def test_a_shift_of_one_channel_is_seen_and_detail_is_not():
    lq = torch.rand(1, 3, 8, 8)
    detail = torch.rand(1, 3, 16, 16)
    detail = detail - F.interpolate(F.avg_pool2d(detail, 2), scale_factor=2)  # of no mean over a pixel of lq
    pred = F.interpolate(lq, scale_factor=2) + detail
    assert color_difference(pred, lq, 4).max() < 1e-6
    pred[:, 1] += 0.125
    difference = color_difference(pred, lq, 4)
    torch.testing.assert_close(difference[:, 1], torch.full((1, 5, 5), 0.125))
    assert difference[:, ::2].max() < 1e-6
    assert ColorLoss(loss_weight=6, window=4)(pred, lq).item() == pytest.approx(0.25, abs=1e-5)


def test_lq_upscaled_or_the_result_downscaled_is_the_same():
    pred, lq = torch.rand(1, 3, 24, 24, dtype=torch.float64), torch.rand(1, 3, 8, 8, dtype=torch.float64)
    upscaled = F.interpolate(lq, scale_factor=3)
    expected = F.avg_pool2d(pred - upscaled, 12, stride=3).abs()
    torch.testing.assert_close(color_difference(pred, lq, 4), expected)


def test_gradient():
    pred = torch.rand(2, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    lq = torch.rand(2, 2, 3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: color_difference(x, lq, 2), (pred,))
    half = color_difference(pred.detach().half(), lq.half(), 2)
    assert half.dtype == torch.float32


@pytest.mark.parametrize(('pred', 'lq', 'match'), [
    ((1, 3, 15, 16), (1, 3, 8, 8), 'a result of .*accepted: a whole multiple of lq'),
    ((1, 3, 16, 24), (1, 3, 8, 8), 'a whole multiple'),
    ((1, 1, 16, 16), (1, 3, 8, 8), 'a whole multiple'),
    ((1, 3, 4, 4), (1, 3, 8, 8), 'a whole multiple'),
    ((1, 3, 8, 8), (1, 3, 4, 4), r'colour \(window: 8\): pictures of 4 x 4 .*too small'),
])
def test_what_is_refused(pred, lq, match):
    with pytest.raises(ValueError, match=match):
        LOSS_REGISTRY.get('ColorLoss')()(torch.rand(pred), torch.rand(lq))


@pytest.mark.parametrize(('arguments', 'match'), [({'window': 0}, 'window is 0'), ({'loss_weight': -1}, 'loss_weight')])
def test_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        ColorLoss(**arguments)
