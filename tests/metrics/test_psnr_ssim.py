"""PSNR and SSIM: values by hand, published pictures, scikit-image, BasicSR's contract, errors."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import math
from pathlib import Path

import numpy as np
import pytest
from basicsr.utils.registry import METRIC_REGISTRY
from skimage import io
from skimage.metrics import structural_similarity

from effsr.metrics import compute_metrics, psnr, ssim
from effsr.metrics.psnr_ssim import rgb_to_y

SHARED = Path(__file__).resolve().parents[3] / 'shared' / 'data'
ORACLE = {'baby': 33.976, 'bird': 36.024, 'butterfly': 29.520, 'head': 33.052, 'woman': 31.088}
Y_OPTIONS = {'type': 'calculate_psnr', 'crop_border': 4, 'test_y_channel': True, 'better': 'higher'}


def picture(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape or (40, 50, 3), dtype=np.uint8)


def noisy(img, seed=9):
    shift = np.random.default_rng(seed).integers(-20, 21, img.shape)
    return np.clip(img.astype(int) + shift, 0, 255).astype(np.uint8)


@pytest.mark.skipif(not (SHARED / 'oracles').is_dir(), reason='no ../shared/data/oracles beside the repository')
def test_published_pictures():
    values = {}
    for name in ORACLE:
        result = io.imread(SHARED / 'oracles' / 'rcanplus_set5_x4' / f'{name}_RCANplus_x4.png')
        truth = io.imread(SHARED / 'val' / 'Set5' / 'HR' / f'{name}.png')
        values[name] = compute_metrics({'y': Y_OPTIONS}, result, truth)['y']
        assert psnr(result, truth, 4, True) == values[name]
    assert values == pytest.approx(ORACLE, abs=1e-3)
    assert np.mean(list(values.values())) == pytest.approx(32.732, abs=1e-3)


def test_psnr_by_hand():
    a = np.full((4, 4, 3), 100, np.uint8)
    b = a.copy()
    b[..., 0] = 103
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 / 3))
    # 65.481 / 255 of the difference in red arrives in luma.
    assert psnr(a, b, test_y_channel=True) == pytest.approx(10 * math.log10(255**2 / (3 * 65.481 / 255) ** 2))


def test_border_is_left_out():
    a = picture(0, 12, 14, 3)
    b = a.copy()
    b[:2], b[-2:], b[:, :2], b[:, -2:] = 0, 0, 0, 0
    assert psnr(a, b, 2) == math.inf
    assert psnr(a, b, 1) < 60


def test_luma_of_matlab():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    expected = [16, 235, 16 + 65.481, 16 + 128.553, 16 + 24.966]
    assert rgb_to_y(colours)[0] == pytest.approx(expected)


@pytest.mark.parametrize('test_y_channel', [False, True])
def test_identical_pictures(test_y_channel):
    a = picture(1)
    assert psnr(a, a, 0, test_y_channel) == math.inf
    assert ssim(a, a, 0, test_y_channel) == pytest.approx(1.0)


def test_ssim_of_flat_pictures_by_hand():
    a, b = np.full((11, 11), 100.0), np.full((11, 11), 150.0)
    c1 = (0.01 * 255) ** 2
    assert ssim(a, b) == pytest.approx((2 * 100 * 150 + c1) / (100**2 + 150**2 + c1), rel=1e-6)


# 163 rows: more than two of the bands in which the map is computed.
@pytest.mark.parametrize('shape', [(163, 30, 3), (12, 60, 3), (74, 75)])
def test_ssim_of_scikit_image(shape):
    a = picture(2, *shape)
    b = noisy(a)
    _, full = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11,
                                    data_range=255, full=True, channel_axis=2 if len(shape) == 3 else None)
    assert ssim(a, b) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-10)


def test_grey_is_its_own_luma_and_floats_are_taken():
    a = picture(3, 30, 30)
    b = noisy(a)
    for metric in (psnr, ssim):
        value = metric(a, b)
        assert metric(a, b, 0, True) == value
        assert metric(a[..., None], b[..., None]) == value
        assert metric(a.astype(np.float32), b) == pytest.approx(value)


def test_inputs_are_left_as_they_were():
    a, b = picture(4), picture(5)
    before = a.copy(), b.copy()
    psnr(a, b, 4, True), ssim(a, b, 4, True)
    assert np.array_equal(a, before[0]) and np.array_equal(b, before[1])


@pytest.mark.parametrize('metric', [psnr, ssim])
def test_errors(metric):
    a = picture(6)
    with pytest.raises(ValueError, match=r'\(40, 50, 3\) and \(40, 49, 3\)'):
        metric(a, a[:, :49])
    with pytest.raises(ValueError, match='40 x 50 .* border of 20'):
        metric(a, a, 20)
    with pytest.raises(ValueError, match='crop_border is -1'):
        metric(a, a, -1)
    with pytest.raises(ValueError, match='dtype uint16'):
        metric(a.astype(np.uint16), a)
    with pytest.raises(ValueError, match=r'shape \(40, 50, 4\)'):
        metric(picture(7, 40, 50, 4), picture(7, 40, 50, 4))


def test_ssim_needs_a_whole_window():
    a = picture(8, 18, 30, 3)
    assert ssim(a[:11, :11], a[:11, :11]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match='18 x 30 .* border of 4 .* 11 x 11'):
        ssim(a, a, 4)


@pytest.mark.parametrize('name', ['calculate_psnr', 'calculate_ssim'])
@pytest.mark.parametrize('test_y_channel', [False, True])
def test_registered_and_agreeing_with_basicsr(name, test_y_channel):
    a = picture(10)
    b = noisy(a)
    ours, theirs = METRIC_REGISTRY.get(name), METRIC_REGISTRY.get(f'{name}_basicsr')
    assert ours.__module__.startswith('effsr.') and theirs.__module__.startswith('basicsr.')
    value = ours(a, b, 3, test_y_channel=test_y_channel)
    assert value == pytest.approx(theirs(a, b, 3, test_y_channel=test_y_channel), abs=1e-5)
    first, second = a.transpose(2, 0, 1), b.transpose(2, 0, 1)
    assert ours(first, second, 3, input_order='CHW', test_y_channel=test_y_channel) == value


def test_registered_errors():
    a, metric = picture(11), METRIC_REGISTRY.get('calculate_psnr')
    with pytest.raises(ValueError, match="'HCW'; accepted: 'HWC', 'CHW'"):
        metric(a, a, 0, input_order='HCW')
    with pytest.raises(TypeError, match='crop_boarder'):
        metric(a, a, 0, crop_boarder=4)
    assert metric(a, a, crop_border=0, better='higher') == math.inf
