"""MS-SSIM: the loss as reference, values by hand, sizes."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import numpy as np
import pytest
import torch
from basicsr.utils.registry import METRIC_REGISTRY

from effsr.losses.ms_ssim import ms_ssim as loss_ms_ssim
from effsr.metrics.ms_ssim import SMALLEST, WEIGHTS, ms_ssim
from effsr.metrics.psnr_ssim import rgb_to_y, ssim


def pair(*shape):
    draw = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 200
    first = (smooth[..., None] + draw.integers(0, 40, shape)).astype(np.uint8)
    return first, np.clip(first + draw.normal(0, 15, shape), 0, 255).astype(np.uint8)


def reference(a, b):
    first, second = (torch.from_numpy(x.astype(np.float64) / 255).permute(2, 0, 1)[None] for x in (a, b))
    return loss_ms_ssim(first, second).mean().item()


# Odd heights and widths at several scales, and the least side.
@pytest.mark.parametrize('shape', [(176, 200, 3), (SMALLEST, 203, 3), (187, 165, 3)])
def test_the_loss_has_the_same_value(shape):
    a, b = pair(*shape)
    assert ms_ssim(a, b) == pytest.approx(reference(a, b), abs=1e-9)
    luma = [rgb_to_y(x)[..., None] for x in (a, b)]
    assert ms_ssim(a, b, 0, True) == pytest.approx(reference(*luma), abs=1e-9)


def test_flat_pictures_by_hand():
    """Contrast is 1 everywhere; luminance counts at the coarsest scale alone."""
    a, b = np.full((170, 170), 100.0), np.full((170, 170), 150.0)
    assert ms_ssim(a, b) == pytest.approx(ssim(a, b) ** WEIGHTS[-1], rel=1e-6)
    assert ms_ssim(a, a) == pytest.approx(1.0)


def test_a_picture_and_its_negative():
    a = pair(170, 170, 3)[0]
    assert ms_ssim(a, 255 - a) == 0.0


def test_border_and_least_side():
    a, b = pair(SMALLEST + 8, SMALLEST + 8, 3)
    assert ms_ssim(a, b, 4) == ms_ssim(a[4:-4, 4:-4], b[4:-4, 4:-4])
    with pytest.raises(ValueError, match='169 x 169 .* border of 5 .* 161 x 161'):
        ms_ssim(a, b, 5)
    with pytest.raises(ValueError, match='different shapes'):
        ms_ssim(a, b[1:])


def test_registered():
    a, b = pair(170, 170, 3)
    metric = METRIC_REGISTRY.get('calculate_ms_ssim')
    value = metric(a[..., ::-1], b[..., ::-1], 2, test_y_channel=True, better='higher')
    assert value == ms_ssim(a, b, 2, True)
