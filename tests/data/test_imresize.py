"""Resizing as MATLAB does: the published low-resolution pictures bit for bit, values by hand, windows of a whole."""
from pathlib import Path

import cv2
import numpy as np
import pytest

from effsr.data.imresize import METHODS, imresize, imresize_window

VAL = Path(__file__).parents[3] / 'shared/data/val'


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.skipif(not VAL.is_dir(), reason='../shared/data/val is not there')
@pytest.mark.parametrize('scale', [2, 4])
@pytest.mark.parametrize('name', ['Set5', 'Set14'])
def test_published_pictures_bit_for_bit(name, scale):
    for path in sorted((VAL / name / 'HR').iterdir()):
        lr_path = VAL / name / f'LRx{scale}' / path.name
        hr, lr = (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in (path, lr_path))
        height, width = (length - length % scale for length in hr.shape[:2])
        np.testing.assert_array_equal(imresize(hr[:height, :width], 1 / scale), lr, err_msg=path.name)


def test_bicubic_by_hand():
    # Outputs 2, 3, 1, 4 lie 0.25, 0.75, 1.25, 1.75 of their pixels from input 5: 111, 29, -9, -3 of 256.
    row = np.zeros((1, 12))
    row[0, 5] = 256.0
    np.testing.assert_allclose(imresize(row, size=(1, 6))[0], [0, -9, 111, 29, -3, 0], atol=1e-10)


def test_integers_are_rounded_half_up_and_clipped_after_each_dimension():
    # Means of 0 and 1 are 0.5, which becomes 1; without a rounding between, the mean of all four would be 0.25.
    assert imresize(np.array([[0, 0], [1, 0]], np.uint8), 0.5, method='box') == 1
    assert imresize(np.array([[0, 0], [1, 0]], np.uint8), 0.5, method='area') == 0
    assert imresize(np.array([[0, 0], [1, 0]], np.float64), 0.5, method='box') == 0.25
    edge = np.repeat(np.array([0, 255], np.uint8), 8)[None]
    assert imresize(edge, size=(1, 32)).max() == 255 and imresize(edge.astype(np.float64), size=(1, 32)).max() > 255


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('size', [(7, 9), (20, 40), (13, 50), (1, 1)])
def test_a_flat_picture_stays_flat(method, size):
    for dtype, value in ((np.uint8, 77), (np.uint16, 65535), (np.float32, 0.3)):
        out = imresize(np.full((13, 21, 3), value, dtype), size=size, method=method)
        assert out.shape == (*size, 3) and out.dtype == dtype and out.flags.c_contiguous
        np.testing.assert_allclose(out, value, rtol=1e-6)


def test_lanczos_is_the_sinc_windowed_by_a_wider_one():
    row = np.zeros((1, 24))
    row[0, 11] = 1.0
    distance = np.arange(12) * 2 + 0.5 - 11  # of the output pixels' centres from the bright one, in input pixels
    weight = np.where(np.abs(distance) < 6, np.sinc(distance / 2) * np.sinc(distance / 6), 0.0)
    # Away from the borders all pixels' weights have the same sum.
    taps = np.arange(-5.5, 6)
    weight /= np.sum(np.sinc(taps / 2) * np.sinc(taps / 6))
    np.testing.assert_allclose(imresize(row, size=(1, 12), method='lanczos')[0], weight, atol=1e-12)


def test_borders_are_mirrored():
    image = np.random.default_rng(1).random((8, 8))
    mirrored = np.pad(image, 16, mode='symmetric')
    np.testing.assert_allclose(imresize(image, 0.5), imresize(mirrored, 0.5)[8:12, 8:12], atol=1e-12)
    tiny = np.random.default_rng(1).random((2, 2))  # mirrored again and again
    np.testing.assert_allclose(imresize(tiny, 0.5), imresize(np.pad(tiny, 16, mode='symmetric'), 0.5)[8:9, 8:9],
                               atol=1e-12)


@pytest.mark.parametrize('size', [(10, 14), (5, 7), (7, 11), (13, 9)])
def test_area_is_opencvs(size):
    image = np.random.default_rng(0).random((20, 28, 3)).astype(np.float32)
    expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(imresize(image, size=size, method='area'), expected, atol=1e-6)


def test_the_dimension_that_shrinks_most_comes_first():
    image = noise(16, 16)
    columns_first = imresize(imresize(image, size=(16, 4)), size=(8, 4))
    np.testing.assert_array_equal(imresize(image, size=(8, 4)), columns_first)
    rows_first = imresize(imresize(image, size=(8, 16)), size=(8, 8))
    np.testing.assert_array_equal(imresize(image, size=(8, 8)), rows_first)


def test_scale_rounds_up_to_whole_pixels():
    assert imresize(noise(9, 10), 0.5).shape == (5, 5)
    assert imresize(noise(5, 6, 4), 3).shape == (15, 18, 4)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('scale', [1, 2, 3, 4, 8])
def test_window_is_a_part_of_the_whole(method, scale, dtype):
    image = noise(72, 96, 3, dtype=np.uint16).astype(dtype)
    whole = imresize(image, 1 / scale, method=method)
    height, width = whole.shape[:2]
    windows = [(0, 0, height, width), (0, 0, 2, 3), (height - 2, width - 1, 2, 1), (3, 4, 5, 7)]
    for top, left, h, w in windows:
        out = imresize_window(lambda t, k, m, n: image[t:t + m, k:k + n], (72, 96), scale, top, left, h, w, method)
        np.testing.assert_array_equal(out, whole[top:top + h, left:left + w])


def test_window_reads_only_what_it_needs():
    asked = []

    def read(top, left, height, width):
        asked.append((top, left, height, width))
        return np.zeros((height, width, 3), np.uint8)

    assert imresize_window(read, (400, 800), 4, 50, 100, 16, 20).shape == (16, 20, 3)
    # The cubic kernel is 16 pixels wide: 6 beyond each border of the 64 x 80 that the window covers.
    assert asked == [(200 - 6, 400 - 6, 64 + 12, 80 + 12)]


@pytest.mark.parametrize(('image', 'arguments', 'message'), [
    (np.zeros((4, 4)), {}, 'give one of them'),
    (np.zeros((4, 4)), {'scale': 2, 'size': (2, 2)}, 'give one of them'),
    (np.zeros((4, 4)), {'scale': 0.0}, 'scale is 0.0; accepted: a number above 0'),
    (np.zeros((4, 4)), {'size': (0, 2)}, 'each from 1'),
    (np.zeros((4, 4)), {'scale': 2, 'method': 'cubic'}, "method is 'cubic'; accepted: bicubic"),
    (np.zeros((4, 4), np.int32), {'scale': 2}, 'dtype int32; accepted: uint8'),
    (np.zeros((4, 0)), {'scale': 2}, r'shape \(4, 0\)'),
    (np.zeros(4), {'scale': 2}, r'shape \(4,\)'),
])
def test_what_is_refused(image, arguments, message):
    with pytest.raises(ValueError, match=message):
        imresize(image, **arguments)


@pytest.mark.parametrize(('size', 'scale', 'window', 'message'), [
    ((9, 8), 2, (0, 0, 1, 1), '9 x 8 .* cannot be divided by 2; crop it to 8 x 8'),
    ((8, 8), 2, (0, 0, 5, 1), r'window of 5 x 1 at \(0, 0\) in a picture of 4 x 4'),
    ((8, 8), 2, (-1, 0, 1, 1), 'must lie within'),
    ((8, 8), 0, (0, 0, 1, 1), 'scale_down is 0'),
    ((8, 8), 2, (0, 0, 1, 1), 'read gave 1 x 1 pixels where'),
])
def test_windows_that_are_refused(size, scale, window, message):
    with pytest.raises(ValueError, match=message):
        imresize_window(lambda *_: np.zeros((1, 1)), size, scale, *window)
