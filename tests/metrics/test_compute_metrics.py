"""Carrying out an option file's `val: metrics:` section."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import copy
from types import MappingProxyType

import numpy as np
import pytest
from basicsr.utils.registry import METRIC_REGISTRY

from effsr.metrics import compute_metrics, higher_is_better, psnr, ssim


@pytest.fixture
def registered(monkeypatch):
    """Registers functions for one test only."""
    monkeypatch.setattr(METRIC_REGISTRY, '_obj_map', dict(METRIC_REGISTRY._obj_map))
    return METRIC_REGISTRY.register


@pytest.fixture
def pair():
    draw = np.random.default_rng(0)
    return tuple(draw.integers(0, 256, (24, 30, 3), dtype=np.uint8) for _ in range(2))


def test_values_order_and_options_left_alone(pair):
    options = {
        'y': {'type': 'calculate_psnr', 'crop_border': 4, 'test_y_channel': True, 'better': 'higher'},
        'a': {'type': 'calculate_ssim', 'crop_border': 0},
    }
    before = copy.deepcopy(options)
    values = compute_metrics(MappingProxyType(options), *pair)
    assert values == {'y': psnr(*pair, 4, True), 'a': ssim(*pair)}
    assert list(values) == ['y', 'a']
    assert options == before


def test_metrics_see_bgr(registered, pair):
    def blue_first(img, img2, weight=1):
        assert img.flags['C_CONTIGUOUS']
        return weight * img[..., 0].mean() - img2[..., 0].mean()

    registered(blue_first)
    expected = 2 * pair[0][..., 2].mean() - pair[1][..., 2].mean()
    assert compute_metrics({'b': {'type': 'blue_first', 'weight': 2}}, *pair) == {'b': pytest.approx(expected)}


def test_a_metric_without_truth(registered, pair):
    def brightness(img, **kwargs):
        assert not kwargs
        return img.mean()

    registered(brightness)
    options = {'m': {'type': 'brightness', 'better': 'lower'}}
    assert compute_metrics(options, *pair) == compute_metrics(options, pair[0], None)
    with pytest.raises(ValueError, match='val: metrics: p: calculate_psnr compares with a ground truth'):
        compute_metrics({'p': {'type': 'calculate_psnr', 'crop_border': 0}}, pair[0], None)


def test_grey_pictures(pair):
    grey = tuple(img[..., 0] for img in pair)
    assert compute_metrics({'p': {'type': 'calculate_psnr', 'crop_border': 2}}, *grey) == {'p': psnr(*grey, 2)}


@pytest.mark.parametrize(('entry', 'message'), [
    ({'crop_border': 4}, 'val: metrics: p: type is missing'),
    ({'type': 'calculate_pnsr'}, "no metric is named 'calculate_pnsr'.*did you mean calculate_psnr"),
    ({'type': 'calculate_psnr', 'crop_boarder': 4}, 'crop_border'),
    ({'type': 'calculate_psnr'}, "missing a required argument: 'crop_border'"),
    ({'type': 'calculate_psnr', 'crop_border': 0, 'img2': 1}, 'img2 is the picture itself'),
    ({'type': 'calculate_psnr', 'crop_border': 12}, 'val: metrics: p: a picture of 24 x 30'),
])
def test_errors(pair, entry, message):
    with pytest.raises(ValueError, match=message):
        compute_metrics({'p': entry}, *pair)


def test_higher_is_better():
    assert higher_is_better({'type': 'calculate_psnr'})
    assert higher_is_better({'better': 'higher'})
    assert not higher_is_better({'better': 'lower'})
    with pytest.raises(ValueError, match="'less'; accepted: 'higher', 'lower'"):
        higher_is_better({'better': 'less'})
