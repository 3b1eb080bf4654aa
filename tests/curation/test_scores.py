"""Scores of a picture."""
import cv2
import numpy as np
import planted
import pytest
from PIL import Image

from effsr.curation import scores


def luma(rgb):
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY).astype(np.float32)


def test_sharpness_falls_with_blur_and_knows_no_contrast():
    one = luma(planted.picture(1, 256, 256))
    values = [scores.sharpness(one), *(scores.sharpness(cv2.GaussianBlur(one, (0, 0), sigma)) for sigma in (1, 2, 4))]
    assert values == sorted(values, reverse=True) and values[0] > 1.3 * values[1]
    assert scores.sharpness(one * np.float32(0.3)) == pytest.approx(values[0], rel=1e-3)
    assert scores.sharpness(np.full((64, 64), 90, np.float32)) == 0


def test_sharpness_of_a_wave_is_the_ratio_of_the_filters():
    """A wave of frequency w keeps exp(-(sigma w)^2 / 2) of its height under a Gaussian."""
    w = 2 * np.pi / 8
    wave = np.tile(100 * np.cos(w * np.arange(256)), (256, 1)).astype(np.float32)
    kept = [np.exp(-(sigma * w)**2 / 2) for sigma in (1, 2)]
    inner = scores.sharpness(wave)
    assert inner == pytest.approx((1 - kept[0]) / (kept[0] - kept[1]), rel=0.03)


def test_a_blurred_background_does_not_count():
    one = luma(planted.picture(2, 256, 256))
    mixed = cv2.GaussianBlur(one, (0, 0), 6)
    mixed[64:160, 64:160] = one[64:160, 64:160]
    assert scores.sharpness(mixed) > 0.8 * scores.sharpness(one)


def test_flatness_by_hand():
    one = np.zeros((64, 64), np.float32)
    one[:16, ::2] = 8  # a standard deviation of 4 in a quarter of the blocks
    one[16:32, ::2] = 2  # of 1
    assert scores.flatness(one) == 0.75


def test_blockiness_by_hand():
    """Steps of 3 levels between blocks of 8, nothing within."""
    one = np.kron(np.indices((8, 8)).sum(axis=0) % 2 * 3.0, np.ones((8, 8))).astype(np.float32)
    assert scores.blockiness(one) == pytest.approx(3)
    assert scores.blockiness(one[5:, 3:]) == pytest.approx(3)  # wherever the grid begins
    rows = np.repeat(np.arange(8) % 2 * 3.0, 8).astype(np.float32)
    assert scores.blockiness(np.tile(rows[:, None], (1, 64))) == 0  # stripes have no columns
    fours = np.kron(np.indices((16, 16)).sum(axis=0) % 2 * 3.0, np.ones((4, 4))).astype(np.float32)
    assert scores.blockiness(fours) == 0  # an enlarged picture's grid is no JPEG's


def test_blockiness_rises_with_compression():
    # As smooth as photographs are.
    one = cv2.GaussianBlur(planted.picture(3, 256, 256), (0, 0), 2)
    values = [scores.blockiness(luma(planted.compressed(one, quality))) for quality in (95, 50, 20)]
    assert values == sorted(values) and values[0] < 0.3 and values[2] > 0.6


def test_noise_is_its_standard_deviation():
    rng = np.random.default_rng(0)
    assert scores.noise(128 + 7 * rng.standard_normal((300, 300)).astype(np.float32)) == pytest.approx(7, rel=0.02)
    ramp = np.add.outer(np.arange(50.0), np.arange(50.0)).astype(np.float32)
    assert scores.noise(ramp) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize('quality', [5, 20, 50, 75, 95, 100])
def test_quality_is_that_of_the_tables(tmp_path, quality):
    path = planted.save(tmp_path / 'a.jpg', planted.picture(1), quality=quality)
    assert scores.jpeg_quality(path) == quality
    with Image.open(path) as image:
        assert image.quantization[0] == scores.quality_table(quality).tolist()


def test_quality_of_another_format_is_none(tmp_path):
    assert scores.jpeg_quality(planted.save(tmp_path / 'a.png', planted.picture(1))) is None


@pytest.mark.parametrize('height, width', [(1, 1), (2, 40), (17, 9)])
def test_small_pictures_have_scores(tmp_path, height, width):
    found = scores.picture_scores(planted.save(tmp_path / 'a.png', planted.picture(1, height, width)))
    assert (found['height'], found['width'], found['quality']) == (height, width, None)
    assert all(np.isfinite(found[name]) for name in ('sharpness', 'flatness', 'blockiness', 'noise'))
