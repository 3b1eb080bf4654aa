"""What decoding brings along; and transparency by rule, in integers worked out by hand."""
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from effsr.data.image_decode import ImageError, decode, without_alpha
from effsr.data.image_exif import upright_exif
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


def of_bytes(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return decode(buffer.getvalue(), Path('x'))


def test_profile_and_exif_come_along():
    exif = Image.Exif()
    exif[0x0112] = 6
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    picture = Image.new('RGB', (4, 6), 'red')
    for kind in ('JPEG', 'PNG', 'WEBP'):
        decoded = of_bytes(picture, kind, exif=exif, icc_profile=icc)
        assert decoded.pixels.shape == (4, 6, 3) and decoded.meta.icc == icc
        assert upright_exif(decoded.meta.exif, 4, 6) is not None and decoded.notes == ()
    grey = of_bytes(picture.convert('L'), 'JPEG', icc_profile=icc)
    assert grey.meta.icc is None and grey.notes == ('its ICC profile is for RGB and was left out',)
    damaged = of_bytes(picture, 'JPEG', exif=b'Exif\0\0II*\0\xff\xff\xff\xff')
    assert damaged.meta.exif is None and 'EXIF data is damaged' in damaged.notes[0]


def test_tiff_brings_what_goes_with_the_picture():
    exif = Image.Exif()
    exif[0x010F] = 'Maker'
    decoded = of_bytes(Image.new('RGB', (4, 6)), 'TIFF', exif=exif)
    read = Image.Exif()
    read.load(decoded.meta.exif)
    assert read[0x010F] == 'Maker' and 273 not in read and 256 not in read


def test_cmyk_becomes_rgb():
    decoded = of_bytes(Image.new('CMYK', (4, 6), (0, 255, 255, 0)), 'JPEG', quality=100)
    assert decoded.pixels.shape == (6, 4, 3) and 'approximate' in decoded.notes[0]
    assert np.abs(decoded.pixels.astype(int) - (255, 0, 0)).max() < 4


def cmyk_profile():
    """By hand (ICC.1:2022, 10.10): full cyan is L* 50 without colour, all else paper white."""
    lab = np.tile(np.array([255, 128, 128], np.uint8), (16, 1))
    lab[8] = (round(50 / 100 * 255), 128, 128)  # cyan varies slowest
    straight = bytes(range(256))
    matrix = struct.pack('>9i', *(np.eye(3, dtype=int).ravel() * 65536))
    table = b'mft1\0\0\0\0' + bytes([4, 3, 2, 0]) + matrix + straight * 4 + lab.tobytes() + straight * 3
    white = b'XYZ \0\0\0\0' + struct.pack('>3i', 63190, 65536, 54061)
    places = struct.pack('>I4sII4sII', 2, b'A2B0', 156, len(table), b'wtpt', 156 + len(table), len(white))
    size = 156 + len(table) + len(white)
    head = struct.pack('>I4sI4s4s4s', size, b'lcms', 0x02400000, b'prtr', b'CMYK', b'Lab ')
    head += struct.pack('>6H4s', 2026, 1, 1, 0, 0, 0, b'acsp') + bytes(28) + struct.pack('>3i', 63190, 65536, 54061)
    return head.ljust(128, b'\0') + places + table + white


def test_cmyk_goes_through_its_profile():
    picture = Image.new('CMYK', (4, 6), (255, 0, 0, 0))
    decoded = of_bytes(picture, 'TIFF', icc_profile=cmyk_profile())
    assert decoded.notes == ('CMYK became sRGB through its ICC profile',) and decoded.meta.icc is None
    assert np.abs(decoded.pixels.astype(int) - 119).max() <= 2  # sRGB of L* 50


@pytest.mark.parametrize(('gamma', 'told'), [(100_000, True), (45_455, False)])
def test_a_gamma_that_is_left_out_is_told(gamma, told):
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b'gAMA', gamma.to_bytes(4, 'big'))
    buffer = io.BytesIO()
    Image.new('RGB', (3, 2)).save(buffer, 'PNG', pnginfo=chunks)
    assert any('gamma' in note for note in decode(buffer.getvalue(), Path('x.png')).notes) == told
