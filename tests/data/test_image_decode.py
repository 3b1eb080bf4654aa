"""Transparency by rule, in integers worked out by hand."""
from pathlib import Path

import numpy as np
import pytest

from effsr.data.image_decode import ImageError, without_alpha
from effsr.data.image_io import read_rgb

PLACE = Path('a.png')


@pytest.mark.parametrize(('rule', 'expected'), [
    # 1 * 128 / 255 = 0.502 and, on white, + 127 = 127.502; on gray, 128 of 255, + 128 * 127 / 255 = 64.251.
    ('black', [[1, 200, 0]]), ('white', [[128, 200, 255]]), ('gray', [[64, 200, 128]]), ('drop', [[1, 200, 9]])])
def test_grounds(rule, expected):
    pixels = np.array([[[1, 128], [200, 255], [9, 0]]], np.uint8)
    assert without_alpha(pixels, rule, PLACE)[..., 0].tolist() == expected


def test_16_bits_and_colours():
    pixels = np.array([[[60000, 0, 1, 32768]]], np.uint16)
    # 60000 * 32768 / 65535 = 30000.46; the ground's share is 65535 - 32768 = 32767; 1 * 32768 / 65535 = 0.50001.
    assert without_alpha(pixels, 'white', PLACE).tolist() == [[[62767, 32767, 32768]]]
    assert without_alpha(pixels, 'white', PLACE).dtype == np.uint16


def test_refused_where_a_pixel_is_not_opaque(tmp_path, write):
    pixels = np.full((2, 2, 4), 255, np.uint8)
    assert without_alpha(pixels, 'refuse', PLACE).shape == (2, 2, 3)
    pixels[1, 0, 3] = 254
    with pytest.raises(ImageError, match=r'^a\.png: has transparent pixels, and alpha is refuse; accepted: opaque'):
        without_alpha(pixels, 'refuse', PLACE)
    write(tmp_path / 'b.png', 4, 4)
    with pytest.raises(ValueError, match="alpha: 'pink' is no rule; accepted: white, black, gray, drop, refuse"):
        read_rgb(tmp_path / 'b.png', 'pink')
