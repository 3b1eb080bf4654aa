"""The sum of several losses, registration, and what all losses have in common: precision."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from basicsr.utils.registry import LOSS_REGISTRY

from effsr.losses.composite_loss import CompositeLoss
from effsr.losses.ms_ssim_loss import MSSSIMLoss
from effsr.losses.pixel_loss import CharbonnierLoss, GradientLoss, TVLoss, WaveletLoss
from effsr.losses.spectrum_loss import FFTLoss, FocalFrequencyLoss

NAMES = ['CharbonnierLoss', 'TVLoss', 'GradientLoss', 'WaveletLoss', 'MSSSIMLoss', 'FFTLoss', 'FocalFrequencyLoss',
         'CompositeLoss']


def pictures(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(*shape, generator=generator, dtype=dtype) for _ in range(2)]


@pytest.mark.parametrize('name', NAMES)
def test_registered(name):
    cls = LOSS_REGISTRY.get(name)
    assert cls.__module__.startswith('effsr.losses.') and cls(loss_weight=0.5).loss_weight == 0.5


def test_basicsrs_own_stay_within_reach():
    assert LOSS_REGISTRY.get('CharbonnierLoss_basicsr').__module__ == 'basicsr.losses.basic_loss'
    assert LOSS_REGISTRY.get('WeightedTVLoss').__module__ == 'basicsr.losses.basic_loss'


def test_by_hand():
    pred = torch.tensor([[0.0, 3.0], [3.0, 0.0]]).view(1, 1, 2, 2)
    total, components = CompositeLoss(charbonnier_eps=16.0)(pred, torch.zeros(1, 1, 2, 2))
    # L1: mean of 0 3 3 0. Charbonnier: of 4 5 5 4, by half. Variation: 3 downwards and 3 to the right, by a tenth.
    assert {name: value.item() for name, value in components.items()} == pytest.approx(
        {'pixel': 1.5, 'charbonnier': 2.25, 'tv': 0.6})
    assert total.item() == pytest.approx(4.35) and total.dim() == 0


def test_every_term_is_the_loss_of_its_name():
    pred, target = pictures(2, 3, 24, 30)
    loss = CompositeLoss(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, charbonnier_eps=1e-4, ms_ssim_levels=2,
                         fft_part='amplitude', fft_norm='backward', wavelet_levels=3, loss_weight=2.0)
    total, components = loss(pred, target)
    expected = {
        'pixel': 0.2 * (pred - target).abs().mean(),
        'charbonnier': CharbonnierLoss(0.4, eps=1e-4)(pred, target),
        'tv': TVLoss(0.6)(pred),
        'ms_ssim': MSSSIMLoss(0.8, levels=2)(pred, target),
        'fft': FFTLoss(1.0, part='amplitude', norm='backward')(pred, target),
        'gradient': GradientLoss(1.2)(pred, target),
        'wavelet': WaveletLoss(1.4, levels=3)(pred, target),
    }
    assert list(components) == list(expected)
    for name, value in expected.items():
        assert components[name].dim() == 0
        torch.testing.assert_close(components[name], value)
    torch.testing.assert_close(total, sum(expected.values()))


def test_gradient():
    pred, target = pictures(1, 2, 12, 13, dtype=torch.float64)
    loss = CompositeLoss(ms_ssim_weight=1.0, fft_weight=1.0, gradient_weight=1.0, wavelet_weight=1.0, ms_ssim_levels=1)
    assert torch.autograd.gradcheck(lambda x: loss(x, target)[0], pred.requires_grad_())


def test_terms_of_weight_0_are_not_computed():
    pred, target = pictures(1, 3, 8, 8)  # too small for MS-SSIM
    assert list(CompositeLoss(1.0, 0.0, 0.0)(pred, target)[1]) == ['pixel']
    with pytest.raises(ValueError, match=r'MS-SSIM \(levels: 5\): pictures of 8 x 8 .* it needs 161 x 161'):
        CompositeLoss(ms_ssim_weight=0.1)(pred, target)


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'pixel_weight': 0.0, 'charbonnier_weight': 0.0, 'tv_weight': 0.0}, 'all of pixel_weight, charbonnier_weight, '),
    ({'tv_weight': -0.1}, 'tv_weight is -0.1; accepted: a number from 0'),
    ({'loss_weight': 'one'}, "loss_weight is 'one'; accepted: a number from 0"),
    ({'ms_ssim_levels': 9}, 'levels is 9; accepted: a whole number from 1 to 5'),
    ({'fft_part': 'phase'}, "part is 'phase'; accepted: complex, amplitude"),
])
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CompositeLoss(**arguments)


LOSSES = [CharbonnierLoss(), TVLoss(), GradientLoss(), WaveletLoss(), MSSSIMLoss(levels=2), FFTLoss(),
          FFTLoss(part='amplitude'), FocalFrequencyLoss()]


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_short_types_are_compared_in_fp32(loss, dtype):
    pred, target = (picture.to(dtype) for picture in pictures(2, 3, 24, 24))
    expected = loss(pred.float(), target.float())
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(pred.requires_grad_(), target)
    assert value.dtype == torch.float32 and torch.equal(value, expected)
    value.backward()
    assert pred.grad.dtype == dtype and pred.grad.isfinite().all()


@pytest.mark.parametrize('loss', LOSSES)
def test_one_picture_or_the_batch(loss):
    pred, target = pictures(3, 3, 24, 24)
    parts = torch.stack([loss(pred[i:i + 1], target[i:i + 1]) for i in range(3)])
    torch.testing.assert_close(loss(pred, target), parts.mean())
    summed = type(loss)(reduction='sum', **({'levels': 2} if isinstance(loss, MSSSIMLoss) else {}))
    parts = torch.stack([summed(pred[i:i + 1], target[i:i + 1]) for i in range(3)])
    torch.testing.assert_close(summed(pred, target), parts.sum())
