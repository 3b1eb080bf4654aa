import numpy as np
import pytest
import torch
from scipy import ndimage

from effsr.degradations import filter2d, filter_separable, gaussian_kernel, reflect_pad, sinc_kernel


def expected(image: torch.Tensor, kernel: np.ndarray) -> np.ndarray:
    return np.stack([[ndimage.correlate(c, kernel, mode='mirror') for c in one] for one in image.double().numpy()])


@pytest.mark.parametrize('size', [3, 7, 9, 21])
def test_matches_scipy(crops, size):
    # Not symmetric, so that a kernel applied the wrong way round is seen.
    kernel = np.random.default_rng(0).random((size, size))
    kernel /= kernel.sum()
    out = filter2d(crops[:2, :, :40, :33], torch.from_numpy(kernel))
    assert out.shape == (2, 3, 40, 33) and out.dtype == torch.float32
    np.testing.assert_allclose(out.numpy(), expected(crops[:2, :, :40, :33], kernel), atol=2e-6)


@pytest.mark.parametrize('size', [7, 13])
def test_one_kernel_for_each_image(crops, size):
    kernels = torch.stack([torch.from_numpy(gaussian_kernel(size, s)) for s in (0.5, 1.0, 2.0, 3.0)])
    out = filter2d(crops, kernels)
    for i in range(4):
        torch.testing.assert_close(out[i : i + 1], filter2d(crops[i : i + 1], kernels[i]), atol=2e-6, rtol=0)


@pytest.mark.parametrize('size', [7, 21])
def test_memory_format_does_not_matter(crops, size):
    kernel = torch.from_numpy(sinc_kernel(size, 2.0))
    plain = filter2d(crops, kernel)
    channels_last = crops.contiguous(memory_format=torch.channels_last)
    strided = torch.empty(4, 3, 96, 192)[..., ::2].copy_(crops)
    for image in (channels_last, strided, crops.transpose(2, 3).contiguous().transpose(2, 3)):
        torch.testing.assert_close(filter2d(image, kernel), plain, atol=2e-6, rtol=0)


@pytest.mark.parametrize('shape', [(8, 8), (1, 1), (1, 30), (3, 11), (10, 11)])
def test_image_smaller_than_the_kernel(shape):
    image = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(1))
    kernel = gaussian_kernel(21, 3, 1, 0.5)
    out = filter2d(image, torch.from_numpy(kernel))
    np.testing.assert_allclose(out.numpy(), expected(image, kernel), atol=2e-6)


def test_reflect_pad_by_hand():
    row = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    assert reflect_pad(row, 0, 2).flatten().tolist() == [3, 2, 1, 2, 3, 2, 1]
    assert reflect_pad(row, 0, 5).flatten().tolist() == [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2]


def test_separable_equals_the_outer_product(crops):
    kernel = torch.from_numpy(gaussian_kernel(15, 2.0)).sum(0)
    separable = filter_separable(crops, kernel)
    torch.testing.assert_close(separable, filter2d(crops, torch.outer(kernel, kernel)), atol=2e-6, rtol=0)
    np.testing.assert_allclose(separable.numpy(), expected(crops, np.outer(kernel, kernel)), atol=2e-6)


@pytest.mark.parametrize(
    ('image', 'kernel'),
    [((3, 8, 8), (7, 7)), ((2, 3, 8, 8), (6, 6)), ((2, 3, 8, 8), (3, 7, 7)), ((2, 3, 8, 8), (5, 7))],
)
def test_refuses_other_shapes(image, kernel):
    with pytest.raises(ValueError, match=r'has shape .* accepted'):
        filter2d(torch.zeros(image), torch.zeros(kernel))


def test_separable_refuses_other_shapes():
    with pytest.raises(ValueError, match=r'accepted: \(k,\) with k odd'):
        filter_separable(torch.zeros(1, 3, 8, 8), torch.zeros(4))
