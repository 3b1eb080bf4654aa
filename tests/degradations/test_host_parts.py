import cv2
import numpy as np
import pytest
import torch

from effsr.degradations import (
    RESIZE_MODES,
    add_gaussian_noise,
    add_poisson_noise,
    filter2d,
    gaussian_kernel,
    jpeg_round_trip,
    resize,
    resize_by,
    sinc_kernel,
)
from effsr.degradations.host_parts import (
    blur_host,
    blur_lines_host,
    gaussian_noise_host,
    jpeg_host,
    poisson_noise_host,
    resize_by_host,
    resize_host,
    to_levels,
)

SIZES = [(1, 1), (1, 9), (3, 2), (24, 24), (61, 47)]


def tensor(image):
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def array(image):
    return image[0].permute(1, 2, 0).numpy()


@pytest.fixture
def image(crops):
    return np.ascontiguousarray(array(crops[:1]))


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('kernel', [gaussian_kernel(7, 2.0, 0.7, 0.5), gaussian_kernel(21, 3.0), sinc_kernel(15, 1.4)])
def test_blur_is_that_of_the_device_at_any_size(image, size, kernel):
    image = image[:size[0], :size[1]].copy()
    expected = array(filter2d(tensor(image), torch.from_numpy(kernel).float()))
    np.testing.assert_allclose(blur_host(image, kernel), expected, atol=1e-5)
    if np.linalg.matrix_rank(kernel) == 1:
        np.testing.assert_allclose(blur_lines_host(image, kernel.sum(0)), expected, atol=1e-5)


@pytest.mark.parametrize('mode', RESIZE_MODES)
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('factor', [0.15, 0.37, 0.5, 0.999, 1.0, 1.003, 1.05, 1.21, 1.5])
def test_resize_is_that_of_the_device(image, mode, size, factor):
    """Factors about 1 keep a size or change it by one pixel: there libraries copy, or round it another way."""
    image = image[:size[0], :size[1]].copy()
    expected = array(resize_by(tensor(image), factor, mode))
    found = resize_by_host(image, factor, mode)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=5e-5)
    to = (int(size[0] * factor), int(size[1] * factor * 0.9))
    np.testing.assert_allclose(resize_host(image, to, mode), array(resize(tensor(image), to, mode)), atol=5e-5)


def test_area_by_hand_and_not_opencv():
    """Three samples for two: each takes the mean of the two that it touches; OpenCV weighs them 2:1."""
    image = np.array([0.0, 0.6, 1.0], np.float32)[:, None, None].repeat(3, 2)
    np.testing.assert_allclose(resize_host(image, (2, 1), 'area')[:, 0, 0], [0.3, 0.8], atol=1e-6)
    assert abs(cv2.resize(image, (1, 2), interpolation=cv2.INTER_AREA)[0, 0, 0] - 0.2) < 1e-6


@pytest.mark.parametrize(('quality', 'most'), [(35, 0.5), (50, 0.5), (70, 0.6), (90, 0.7)])
def test_jpeg_is_that_of_the_device_up_to_whole_numbers(photographs, quality, most):
    image = photographs['astronaut'][40:205, 60:261].astype(np.float32) / 255
    difference = np.abs(jpeg_host(image, quality) - array(jpeg_round_trip(tensor(image), quality))) * 255
    assert difference.mean() < most
    assert np.array_equal(jpeg_host(image, quality + 0.4), jpeg_host(image, quality))


@pytest.mark.parametrize('shape', [(1, 1), (2, 17)])
def test_jpeg_of_small_images_and_what_lies_outside(shape):
    image = np.full((*shape, 3), 1.5, np.float32)
    assert (jpeg_host(image, 60) > 0.98).all() and (jpeg_host(-image, 60) < 0.02).all()


def test_levels_are_rounded_and_clamped():
    assert to_levels(np.array([-1, 0.4 / 255, 0.6 / 255, 2], np.float32)).tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize('gray', [True, False])
@pytest.mark.parametrize(('add', 'strength'), [(gaussian_noise_host, 8.0), (poisson_noise_host, 0.6)])
def test_noise_is_clamped_grey_if_asked_and_of_the_generator_alone(image, add, strength, gray):
    image = 0.3 + 0.4 * image
    before, state = image.copy(), np.random.get_state()[1].copy()
    out = add(image, strength, gray, np.random.default_rng(3))
    assert np.array_equal(image, before) and (np.random.get_state()[1] == state).all()
    assert np.array_equal(out, add(image, strength, gray, np.random.default_rng(3)))
    assert out.shape == image.shape and out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1
    noise = out - image
    assert np.allclose(noise[..., 0], noise[..., 1], atol=1e-6) == gray


def test_gaussian_deviation_is_sigma():
    image = np.full((200, 200, 3), 0.5, np.float32)
    noise = gaussian_noise_host(image, 12.0, False, np.random.default_rng(0)) - image
    # Relative standard error of a deviation from n samples: 1 / sqrt(2 n), here 0.002.
    assert noise.std() * 255 == pytest.approx(12, rel=0.01)
    assert abs(noise.mean()) * 255 < 0.2


@pytest.mark.parametrize(('levels', 'photons'), [(1, 1), (2, 2), (3, 4), (128, 128), (129, 256)])
def test_poisson_variance_over_mean(levels, photons):
    """As many photons stand for full intensity as there are levels, rounded up to a power of two."""
    column = (100 - np.arange(256) % levels % 100) / np.float32(255)
    if levels > 100:
        column = (255 - np.arange(256) % levels) / np.float32(255)
    image = np.broadcast_to(column[None, :, None], (600, 256, 3)).astype(np.float32)
    scale = 0.05  # so small that nothing is clamped
    if len(np.unique(image)) != levels:
        pytest.skip('not this many levels')
    noise = (poisson_noise_host(image * 0.999 + 0.0004, scale, False, np.random.default_rng(1)) - image) / scale
    share = noise.var() / (image.mean(dtype=np.float64) / photons)
    assert share == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize('gray', [True, False])
@pytest.mark.parametrize('kind', ['gaussian', 'poisson'])
def test_noise_deviates_as_on_the_device(image, gray, kind, generator):
    host, device = (gaussian_noise_host, add_gaussian_noise) if kind == 'gaussian' else \
        (poisson_noise_host, add_poisson_noise)
    strength, numbers = (12.0 if kind == 'gaussian' else 1.5), np.random.default_rng(0)
    ours = np.stack([host(image, strength, gray, numbers) - image for _ in range(6)])
    many = tensor(image).repeat(6, 1, 1, 1)
    theirs = (device(many, strength, gray, generator) - many).permute(0, 2, 3, 1).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert ours.mean(3).std() == pytest.approx(theirs.mean(3).std(), rel=0.02)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.5 / 255)


def test_black_stays_black_under_poisson():
    assert poisson_noise_host(np.zeros((8, 8, 3), np.float32), 3.0, False, np.random.default_rng(0)).max() == 0
