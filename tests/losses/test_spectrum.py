"""Losses on Fourier spectra: values by hand, gradients in double, what is refused."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import math

import pytest
import torch

from effsr.losses.spectrum import focal_frequency, spectrum_difference
from effsr.losses.spectrum_loss import FFTLoss, FocalFrequencyLoss


def pictures(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(*shape, generator=generator, dtype=dtype) for _ in range(2)]


def whole_spectrum(pred, target, norm='ortho'):
    return torch.fft.fft2(pred, norm=norm), torch.fft.fft2(target, norm=norm)


@pytest.mark.parametrize('size', [(6, 8), (5, 7), (4, 1), (1, 2)])
@pytest.mark.parametrize('norm', ['ortho', 'backward'])
def test_the_half_that_is_computed_stands_for_the_whole(size, norm):
    pred, target = pictures(2, 3, *size)
    a, b = whole_spectrum(pred, target, norm)
    parts = torch.view_as_real(a - b).abs()
    torch.testing.assert_close(spectrum_difference(pred, target, norm=norm), parts.mean())
    torch.testing.assert_close(FFTLoss(2.0, 'sum', norm=norm)(pred, target), parts.sum())  # the mean of both parts
    amplitudes = (a.abs() - b.abs()).abs()
    torch.testing.assert_close(FFTLoss(part='amplitude', norm=norm)(pred, target), amplitudes.mean())


def test_a_wave_by_hand():
    wave = torch.cos(2 * math.pi * torch.arange(8.0) / 8).expand(1, 1, 4, 8)
    blank = torch.zeros(1, 1, 4, 8)
    # Two coefficients of H W / 2 = 16, real; divided by sqrt(32) in ortho. 32 coefficients of two parts.
    assert FFTLoss(norm='backward')(wave, blank).item() == pytest.approx(2 * 16 / 64)
    assert FFTLoss()(wave, blank).item() == pytest.approx(2 * 16 / math.sqrt(32) / 64)
    moved = wave.roll(2, -1)
    assert FFTLoss(part='amplitude')(wave, moved).item() == pytest.approx(0, abs=1e-6)
    assert FFTLoss()(wave, moved).item() > 0.05


def test_focal_frequency_by_hand():
    blank = torch.zeros(1, 1, 4, 8)
    # One frequency: it has the largest weight, 1, and its square is the picture's energy, 0.25 * 32.
    assert FocalFrequencyLoss()(blank + 0.5, blank).item() == pytest.approx(0.25)
    wave = torch.cos(2 * math.pi * torch.arange(8.0) / 8).expand(1, 1, 4, 8)
    # Squares: 32 * 4 of the mean of 2, and 2 times 16^2 / 32 = 8 of the wave, which weigh sqrt(8 / 128) = 1/4.
    value = FocalFrequencyLoss()(wave + 2.0, blank)
    assert value.item() == pytest.approx((128 + 2 * 8 / 4) / 32)
    assert FocalFrequencyLoss(3.0, 'sum')(wave + 2.0, blank).item() == pytest.approx(3 * 132)


@pytest.mark.parametrize('size', [(6, 8), (6, 10)])
def test_focal_frequency_of_the_whole_spectrum(size):
    pred, target = pictures(2, 3, *size)
    rows, columns = size[0] // 2, size[1] // 2
    total = 0.0
    for top, left in ((0, 0), (0, columns), (rows, 0), (rows, columns)):
        patch = (..., slice(top, top + rows), slice(left, left + columns))
        a, b = whole_spectrum(pred[patch], target[patch])
        weight = (a - b).abs() ** 1.5
        weight = weight / weight.amax((-2, -1), keepdim=True)
        total = total + (weight * (a - b).abs() ** 2).sum()
    torch.testing.assert_close(focal_frequency(pred, target, 1.5, 2, 'sum'), total)


def test_focal_frequency_of_alpha_0_is_the_mean_squared_error():
    pred, target = pictures(2, 3, 7, 6)
    torch.testing.assert_close(FocalFrequencyLoss(alpha=0)(pred, target), ((pred - target) ** 2).mean())


LOSSES = [FFTLoss(), FFTLoss(part='amplitude', norm='backward'), FocalFrequencyLoss(alpha=0, patch_factor=2)]


@pytest.mark.parametrize('loss', LOSSES)
def test_gradients(loss):
    pred, target = pictures(1, 2, 6, 8)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), pred.requires_grad_())


def test_the_gradient_of_focal_frequency_takes_its_weights_as_they_are():
    pred, target = pictures(1, 2, 6, 8)
    pred.requires_grad_()
    focal_frequency(pred, target).backward()
    a, b = whole_spectrum(pred.detach(), target)
    weight = (a - b).abs() / (a - b).abs().amax((-2, -1), keepdim=True)
    # Each frequency's square by its weight: a filter of the difference.
    expected = torch.fft.ifft2(weight * (a - b), norm='ortho').real * 2 / pred.numel()
    torch.testing.assert_close(pred.grad, expected)


@pytest.mark.parametrize('loss', [*LOSSES, FocalFrequencyLoss()])
def test_no_loss_and_a_finite_gradient_at_the_target(loss):
    pred = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    value = loss(pred, pred.detach().clone())
    value.backward()
    assert value.item() == 0 and pred.grad.isfinite().all()


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: FFTLoss(part='phase'), "part is 'phase'; accepted: complex, amplitude"),
    (lambda: FFTLoss(norm='forward'), "norm is 'forward'; accepted: ortho, backward"),
    (lambda: FFTLoss(reduction='none'), "reduction is 'none'; accepted: mean, sum"),
    (lambda: FocalFrequencyLoss(alpha=-1), 'alpha is -1; accepted: a number from 0'),
    (lambda: FocalFrequencyLoss(patch_factor=0), 'patch_factor is 0; accepted: a whole number from 1'),
    (lambda: FocalFrequencyLoss(patch_factor=3)(torch.zeros(1, 3, 9, 8), torch.zeros(1, 3, 9, 8)),
     r'focal frequency: pictures of 9 x 8 \(height x width\) cannot be divided into 3 x 3 patches'),
    (lambda: FFTLoss()(torch.zeros(1, 3, 9, 8), torch.zeros(1, 3, 8, 9)), 'FFT: pictures of different shapes'),
])
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
