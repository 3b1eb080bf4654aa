import cv2
import numpy as np
import pytest
import torch
from basicsr.utils import USMSharp

from effsr.degradations import usm_sharpen
from effsr.degradations.usm import _gaussian


def test_agrees_with_the_reference(crops):
    torch.testing.assert_close(usm_sharpen(crops), USMSharp()(crops), atol=1e-5, rtol=0)


def test_window_is_that_of_opencv():
    ours = _gaussian(51, torch.device('cpu'), torch.float64)
    np.testing.assert_allclose(ours.numpy(), cv2.getGaussianKernel(51, 0)[:, 0], atol=1e-8)


def test_shape_range_and_input_untouched(crops):
    odd = crops[..., :61, :47].contiguous(memory_format=torch.channels_last)
    before = odd.clone()
    out = usm_sharpen(odd)
    assert out.shape == odd.shape and torch.equal(odd, before)
    assert out.min() >= 0 and out.max() <= 1


def test_sharpens_edges_and_leaves_faint_texture():
    edge = torch.full((1, 3, 64, 64), 0.4)
    edge[..., 32:] = 0.6
    out = usm_sharpen(edge)
    assert out[0, 0, 32, 31] < 0.38 and out[0, 0, 32, 32] > 0.62
    faint = 0.5 + 0.01 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(usm_sharpen(faint), faint)


def test_smaller_than_the_window():
    flat = torch.full((1, 3, 8, 8), 0.3)
    torch.testing.assert_close(usm_sharpen(flat), flat)


def test_refuses_other_shapes_and_radii(crops):
    with pytest.raises(ValueError, match=r'accepted: \(B, C, H, W\)'):
        usm_sharpen(crops[0])
    with pytest.raises(ValueError, match='radius is 0'):
        usm_sharpen(crops, radius=0)
