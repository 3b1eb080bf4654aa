"""Pictures written row by row, read back by Pillow, OpenCV and tifffile."""
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from effsr.data.image_decode import ImageError, decode_file
from effsr.data.image_exif import upright_exif
from effsr.data.image_meta import Encoding, Meta
from effsr.data.image_rows import open_sink
from effsr.data.image_tiff import TiffRows

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()

LONG_ICC = {1: bytes(16) + b'GRAY' + bytes(150_000), 3: bytes(16) + b'RGB ' + bytes(150_000)}  # of several segments


def noise(height, width, channels, bits=8):
    return np.random.default_rng(0).integers(0, 2**bits, (height, width, channels)).astype(
        np.uint16 if bits == 16 else np.uint8)


def written(path, pixels, step=7, **options):
    bits = 16 if pixels.dtype == np.uint16 else 8
    with open_sink(path, *pixels.shape, bits, **options) as sink:
        for first in range(0, len(pixels), step):
            sink.write(pixels[first:first + step])
    return path


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
@pytest.mark.parametrize('suffix', ['png', 'tif', 'ppm', 'bmp'])
def test_rows_come_back(tmp_path, suffix, channels, bits):
    pixels = noise(40, 33, channels, bits)
    path = tmp_path / f'x.{suffix}'
    if (channels in (2, 4) and suffix in ('ppm', 'bmp')) or (bits == 16 and suffix == 'bmp'):
        with pytest.raises(ImageError, match='cannot hold'):
            open_sink(path, *pixels.shape, bits)
        return
    back, _ = decode_file(written(path, pixels))
    expected = pixels[..., [0, 0, 0, 1]] if back.shape[2] == 4 and channels == 2 else pixels
    np.testing.assert_array_equal(back, expected)


def test_a_profile_for_grey_is_not_put_into_grey_widened_to_rgb(tmp_path):
    profile = Meta(bytes(16) + b'GRAY' + bytes(200))
    for bits, kept in ((8, True), (16, False)):
        path = written(tmp_path / 'x.tif', noise(5, 4, 2, bits), meta=profile)
        with tifffile.TiffFile(path) as file:
            assert (34675 in file.pages[0].tags) == kept


def test_strips_and_differences_by_an_independent_reader(tmp_path, monkeypatch):
    monkeypatch.setattr('effsr.data.image_tiff.STRIP_BYTES', 1000)
    for bits in (8, 16):
        pixels = noise(50, 31, 3, bits)
        np.testing.assert_array_equal(tifffile.imread(written(tmp_path / 'x.tif', pixels)), pixels)
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'x.tif'), -1)[..., ::-1], pixels)


def test_bigtiff_where_four_gigabytes_might_not_do(tmp_path, monkeypatch):
    monkeypatch.setattr('effsr.data.image_tiff.CLASSIC_LIMIT', 100)
    pixels = noise(9, 8, 4)
    path = written(tmp_path / 'x.tif', pixels, meta=Meta(ICC))
    assert path.read_bytes()[:8] == struct.pack('<2sHHH', b'II', 43, 8, 0)
    np.testing.assert_array_equal(tifffile.imread(path), pixels)
    np.testing.assert_array_equal(decode_file(path)[0], pixels)
    with open(tmp_path / 'y', 'wb') as file:
        monkeypatch.undo()
        assert TiffRows(file, (40_000, 40_000, 3), 8, Encoding(), Meta()).big
        assert not TiffRows(file, (30_000, 40_000, 3), 8, Encoding(), Meta()).big


def test_one_png_of_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr('effsr.data.image_png.IDAT_BYTES', 500)
    pixels = noise(300, 200, 3)
    path = written(tmp_path / 'x.png', pixels, step=1)
    assert path.read_bytes().count(b'IDAT') > 10
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], pixels)


@pytest.mark.parametrize('suffix', ['png', 'tif', 'jpg', 'webp'])
def test_profile_and_exif_go_in(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, 'Maker'
    exif.get_ifd(0x8769)[0x829A] = 0.01
    exif.get_ifd(0x8825)[1] = 'N'
    block = upright_exif(exif.tobytes()[6:], 20, 10)
    with Image.open(written(tmp_path / f'x.{suffix}', noise(20, 10, 3), meta=Meta(ICC, block))) as image:
        assert image.info['icc_profile'] == ICC
        read = image.getexif()
        assert (read[0x0112], read[0x010F]) == (1, 'Maker')
        assert read.get_ifd(0x8769)[0x829A] == 0.01 and read.get_ifd(0x8825)[1] == 'N'


@pytest.mark.parametrize('suffix', ['png', 'tif', 'jpg'])
def test_a_failure_leaves_what_was_there(tmp_path, suffix):
    path = tmp_path / f'x.{suffix}'
    path.write_text('mine')
    pixels = noise(8, 8, 3)
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), open_sink(path, *pixels.shape) as sink:
            sink.write(pixels[:4])
            raise error
    with pytest.raises(ImageError, match='4 of 8 rows came'), open_sink(path, *pixels.shape) as sink:
        sink.write(pixels[:4])
    assert path.read_text() == 'mine' and [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_wrong_rows_and_places(tmp_path):
    pixels = noise(8, 8, 3)
    with pytest.raises(ValueError, match='more rows'), open_sink(tmp_path / 'x.png', 4, 8, 3) as sink:
        sink.write(pixels)
    with pytest.raises(ValueError, match='expected uint16'), open_sink(tmp_path / 'x.png', 8, 8, 3, 16) as sink:
        sink.write(pixels)
    with pytest.raises(ImageError, match='cannot be written'), open_sink(tmp_path / 'no' / 'x.png', 8, 8, 3):
        pass
    for name, size in (('x.jpg', (10, 70_000)), ('x.webp', (20_000, 10)), ('x.bmp', (60_000, 60_000))):
        with pytest.raises(ImageError, match='cannot hold .* PNG can'):
            open_sink(tmp_path / name, *size, 3)
    with pytest.raises(ImageError, match='suffix'):
        open_sink(tmp_path / 'x.gif', 8, 8, 3)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match='quality is 0'):
        Encoding(quality=0)


@pytest.mark.parametrize('height', [5, 64, 65, 200])
@pytest.mark.parametrize('channels', [1, 3])
def test_jpeg_of_bands_is_that_of_the_whole(tmp_path, height, channels):
    pixels = cv2.resize(noise(30, 20, 3), (77, height), interpolation=cv2.INTER_CUBIC)[..., :channels]
    path = written(tmp_path / 'x.jpg', pixels, options=Encoding(quality=80), meta=Meta(LONG_ICC[channels]))
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(tmp_path / 'y.jpg', quality=80, subsampling=0)
    np.testing.assert_array_equal(decode_file(path)[0], decode_file(tmp_path / 'y.jpg')[0])


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif', 'webp'])
def test_profiles_that_do_not_fit_are_left_out(tmp_path, suffix):
    with Image.open(written(tmp_path / f'x.{suffix}', noise(9, 9, 1), meta=Meta(b'\0' * 16 + b'CMYK'))) as image:
        assert 'icc_profile' not in image.info
