"""MS-SSIM: against the metric's SSIM, against another program, by hand on flat pictures; its gradient."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch

from effsr.losses.ms_ssim import C1, LEAST, WEIGHTS, ms_ssim, smallest_side
from effsr.losses.ms_ssim_loss import MSSSIMLoss
from effsr.metrics.psnr_ssim import ssim


def waves(height, width, dtype=torch.float64):
    """Two pictures (1, 2, H, W) in [0, 1], alike but not the same, the same on every machine."""
    y = torch.arange(height, dtype=dtype).view(1, 1, -1, 1)
    x = torch.arange(width, dtype=dtype).view(1, 1, 1, -1)
    shift = torch.tensor([0.0, 1.0], dtype=dtype).view(1, 2, 1, 1)
    first = 0.5 + 0.2 * torch.sin(0.31 * x + 0.17 * y + shift) + 0.25 * torch.cos(0.9 * x * (1 + shift) - 0.05 * y)
    second = 0.48 + 0.22 * torch.sin(0.30 * x + 0.17 * y + shift) + 0.15 * torch.cos(0.9 * x * (1 + shift) - 0.05 * y)
    return first, second


def test_one_scale_is_the_metric():
    first, second = waves(40, 33)
    expected = [ssim(first[0, c].numpy() * 255, second[0, c].numpy() * 255) for c in range(2)]
    torch.testing.assert_close(ms_ssim(first, second, 1)[0], torch.tensor(expected, dtype=torch.float64))


def test_five_scales_by_another_program():
    # pytorch-msssim 1.0.0 in double: ms_ssim(x, y, data_range=1.0, size_average=False), for each channel.
    expected = torch.tensor([[0.6530200690894381, 0.6072601964858716]], dtype=torch.float64)
    torch.testing.assert_close(ms_ssim(*waves(176, 192)), expected, rtol=0, atol=2e-6)


def test_flat_pictures_by_hand():
    # Contrast is 1 everywhere; luminance counts in the last scale alone, with its weight.
    a, b = 0.25, 0.75
    luminance = (2 * a * b + C1) / (a * a + b * b + C1)
    first, second = (torch.full((1, 1, 21, 30), value, dtype=torch.float64) for value in (a, b))
    for levels in (1, 2):
        power = WEIGHTS[levels - 1] / sum(WEIGHTS[:levels])
        assert ms_ssim(first, second, levels).item() == pytest.approx(luminance**power)
        assert MSSSIMLoss(2.0, levels=levels)(first, second).item() == pytest.approx(2 - 2 * luminance**power)


def test_least_sides():
    assert [smallest_side(levels) for levels in range(1, 6)] == [11, 21, 41, 81, 161]
    for levels in range(1, 6):
        side = smallest_side(levels)
        assert ms_ssim(*waves(side, side + 3), levels).shape == (1, 2)
        with pytest.raises(ValueError, match=rf'MS-SSIM \(levels: {levels}\): pictures of {side - 1} x {side} .* too '
                                             rf'small; it needs {side} x {side}'):
            ms_ssim(*waves(side - 1, side), levels)


def test_alike_is_1():
    first, _ = waves(50, 50, torch.float32)
    pred = first.clone().requires_grad_()
    loss = MSSSIMLoss(levels=3)(pred, first)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6) and pred.grad.abs().max() < 1e-5


@pytest.mark.parametrize('levels', [1, 2])
def test_gradients(levels):
    pred, target = (picture.clone() for picture in waves(22, 21))
    assert torch.autograd.gradcheck(lambda x: ms_ssim(x, target, levels), pred.requires_grad_())


def test_opposite_pictures_have_a_finite_gradient():
    first, _ = waves(50, 50, torch.float32)
    pred = (1 - first).requires_grad_()
    value = ms_ssim(pred, first, 3)
    value.sum().backward()
    assert (value < 2 * LEAST ** 0.5).all() and pred.grad.isfinite().all()


def test_reductions():
    first, second = waves(30, 30)
    values = 1 - ms_ssim(first, second, 2)
    assert torch.equal(MSSSIMLoss(1.0, 'none', 2)(first, second), values)
    torch.testing.assert_close(MSSSIMLoss(0.5, 'sum', 2)(first, second), values.sum() / 2)
    torch.testing.assert_close(MSSSIMLoss(0.5, 'mean', 2)(first, second), values.mean() / 2)


@pytest.mark.parametrize('levels', [0, 6, 2.5, True])
def test_levels_that_are_refused(levels):
    with pytest.raises(ValueError, match='levels is .*; accepted: a whole number from 1 to 5'):
        MSSSIMLoss(levels=levels)
