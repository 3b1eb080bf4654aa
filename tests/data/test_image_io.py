"""Image files in and out: every kind read right, every bad file named."""
import os
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from effsr.data import image_io
from effsr.data.image_decode import decode
from effsr.data.image_io import (
    ImageError,
    Picture,
    image_size,
    list_images,
    read_picture,
    read_rgb,
    to_tensor,
    to_uint8,
    write_picture,
    write_rgb,
)

REAL_LQ = Path(__file__).parents[3] / 'shared/data/real_lq'
needs_real_lq = pytest.mark.skipif(not REAL_LQ.is_dir(), reason='../shared/data/real_lq is not there')


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def raw_png(values: np.ndarray, color_type: int, extra: bytes = b'') -> bytes:
    """An unfiltered PNG of the values' depth."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    bits = values.dtype.itemsize * 8
    rows = b''.join(b'\0' + row.astype('>u2' if bits == 16 else 'u1').tobytes() for row in values)
    header = struct.pack('>IIBBBBB', values.shape[1], values.shape[0], bits, color_type, 0, 0, 0)
    chunks = [(b'IHDR', header), *([(b'tRNS', extra)] if extra else []), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(kind, data) for kind, data in chunks)


def test_rgb_png_is_read_exactly(tmp_path):
    rgb = noise(5, 7, 3)
    Image.fromarray(rgb).save(tmp_path / 'a.png')
    read = read_rgb(tmp_path / 'a.png')
    assert read.dtype == np.uint8 and read.flags.c_contiguous
    np.testing.assert_array_equal(read, rgb)


def test_content_decides_and_not_the_suffix(tmp_path):
    Image.new('RGB', (4, 4), (10, 20, 30)).save(tmp_path / 'a.bmp', 'PNG')
    picture = read_picture(tmp_path / 'a.bmp')
    assert picture.format == 'PNG'
    np.testing.assert_allclose(picture.color[0, 0] * 255, (10, 20, 30), atol=1e-4)


@pytest.mark.parametrize(('mode', 'suffix'), [
    *((mode, suffix) for mode in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'I;16') for suffix in ('.png', '.tif')),
    ('CMYK', '.jpg'), ('CMYK', '.tif'), ('L', '.jpg'), ('RGB', '.jpg'), ('RGBA', '.webp'),
])
def test_modes_agree_with_pillow(tmp_path, mode, suffix):
    rgb = Image.fromarray(noise(6, 9, 3))
    image = Image.fromarray(noise(6, 9, dtype=np.uint16)) if mode == 'I;16' else rgb.convert(mode)
    if mode.endswith('A'):
        image.putpixel((2, 3), (9,) * (len(mode) - 1) + (99,))
    image.save(tmp_path / f'a{suffix}')
    picture = read_picture(tmp_path / f'a{suffix}')
    assert picture.color.shape == (6, 9, 3) and picture.color.dtype == np.float32
    assert picture.gray == (mode in ('1', 'L', 'LA', 'I;16'))
    assert (picture.alpha is not None) == mode.endswith('A')
    assert picture.bits == (16 if mode == 'I;16' else 8)
    if mode == 'I;16':
        np.testing.assert_allclose(picture.color[..., 0], np.asarray(image) / 65535, atol=1e-7)
    else:
        with Image.open(tmp_path / f'a{suffix}') as stored:
            np.testing.assert_allclose(picture.color, np.asarray(stored.convert('RGB')) / 255, atol=1e-7)


def test_alpha_is_laid_on_white(tmp_path):
    pixels = np.array([[[0, 100, 200, 255], [0, 100, 200, 0], [0, 100, 200, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    # 51 / 255 = 0.2: 0.2 * (0, 100, 200) + 0.8 * 255
    np.testing.assert_array_equal(read_rgb(tmp_path / 'a.png')[0], [[0, 100, 200], [255] * 3, [204, 224, 244]])


def test_16_bit_is_rounded_to_8(tmp_path):
    values = np.array([[0, 128, 129, 257, 385, 386, 65535]], np.uint16)
    (tmp_path / 'a.png').write_bytes(raw_png(np.repeat(values[..., None], 3, 2), 2))
    np.testing.assert_array_equal(read_rgb(tmp_path / 'a.png')[0, :, 0], [0, 0, 1, 1, 1, 2, 255])


def test_bits_are_decided_by_the_file_and_not_by_its_values(tmp_path):
    (tmp_path / 'dark.png').write_bytes(raw_png(np.full((4, 4, 3), 200, np.uint16), 2))
    picture = read_picture(tmp_path / 'dark.png')
    assert picture.bits == 16
    np.testing.assert_allclose(picture.color, 200 / 65535, rtol=1e-6)


def test_16_bit_channels_are_in_order(tmp_path):
    for color_type, channels in ((0, 1), (4, 2), (2, 3), (6, 4)):
        values = noise(5, 7, channels, dtype=np.uint16)
        (tmp_path / 'a.png').write_bytes(raw_png(values, color_type))
        picture = read_picture(tmp_path / 'a.png')
        assert picture.gray == (channels < 3) and (picture.alpha is not None) == (channels in (2, 4))
        colors = 1 if channels < 3 else 3
        np.testing.assert_allclose(picture.color[..., :colors] * 65535, values[..., :colors], atol=0.01)
        if picture.alpha is not None:
            np.testing.assert_allclose(picture.alpha * 65535, values[..., -1], atol=0.01)


@pytest.mark.parametrize(('color_type', 'dtype'), [(0, np.uint8), (2, np.uint8), (0, np.uint16), (2, np.uint16)])
def test_a_transparent_colour_becomes_alpha(tmp_path, color_type, dtype):
    values = noise(5, 7, 3 if color_type else 1, dtype=dtype)
    key = struct.pack(f'>{values.shape[2]}H', *values[2, 3])
    (tmp_path / 'a.png').write_bytes(raw_png(values, color_type, key))
    alpha = read_picture(tmp_path / 'a.png').alpha
    np.testing.assert_array_equal(alpha, (values != values[2, 3]).any(axis=2).astype(np.float32))


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif'])
def test_exif_orientation(tmp_path, orientation, suffix):
    path = tmp_path / f'a.{suffix}'
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise(20, 30, 3)).save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    np.testing.assert_array_equal(read_rgb(path), expected)
    assert image_size(path) == expected.shape[:2]


def test_orientation_of_a_16_bit_tiff(tmp_path):
    tifffile = pytest.importorskip('tifffile')
    values = noise(4, 6, 3, dtype=np.uint16)
    tifffile.imwrite(tmp_path / 'a.tif', values, photometric='rgb', extratags=[(0x0112, 'H', 1, 6, True)])
    picture = read_picture(tmp_path / 'a.tif')
    assert picture.bits == 16 and image_size(tmp_path / 'a.tif') == (6, 4)
    np.testing.assert_allclose(picture.color * 65535, np.rot90(values, -1), atol=0.01)


def test_image_size_reads_no_more_than_the_header(tmp_path):
    Image.fromarray(noise(40, 60, 3)).save(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_bytes((tmp_path / 'a.png').read_bytes()[:100])
    assert image_size(tmp_path / 'b.png') == (40, 60)


@pytest.mark.parametrize('name', ['Grüße 写真 🌄.png', 'with space.jpg'])
def test_any_file_name(tmp_path, name):
    write_rgb(tmp_path / name, np.full((8, 8, 3), 77, np.uint8))
    np.testing.assert_array_equal(read_rgb(tmp_path / name), 77)
    assert list_images(tmp_path) == [tmp_path / name]
    (tmp_path / 'ü16.png').write_bytes(raw_png(noise(4, 4, 3, dtype=np.uint16), 2))
    assert read_picture(tmp_path / 'ü16.png').bits == 16


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'webp', 'bmp', 'tif', 'ppm'])
@pytest.mark.parametrize('keep', [0.5, 0.9, -10])
def test_truncated_files_are_refused(tmp_path, suffix, keep):
    path = tmp_path / f'a.{suffix}'
    Image.fromarray(noise(64, 64, 3)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:keep if keep < 0 else int(len(data) * keep)])
    for read in (read_rgb, read_picture):
        with pytest.raises(ImageError, match=f'a.{suffix}') as caught:
            read(path)
        assert '\n' not in str(caught.value)


def test_a_truncated_16_bit_png_is_refused(tmp_path):
    data = raw_png(noise(64, 64, 3, dtype=np.uint16), 2)
    for length in (len(data) // 2, len(data) - 10):
        (tmp_path / 'a.png').write_bytes(data[:length])
        with pytest.raises(ImageError, match='truncated'):
            read_rgb(tmp_path / 'a.png')


def test_files_that_are_no_images_are_named(tmp_path):
    (tmp_path / 'empty.png').touch()
    (tmp_path / 'text.png').write_text('This is not a picture.')
    (tmp_path / 'folder.png').mkdir()
    expected = {'empty.png': '0 bytes', 'text.png': 'not an image', 'missing.png': 'no such file',
                'folder.png': 'is a folder'}
    for name, reason in expected.items():
        for read in (read_rgb, read_picture, image_size):
            with pytest.raises(ImageError, match=reason) as caught:
                read(tmp_path / name)
            assert name in str(caught.value) and '\n' not in str(caught.value)


def test_unsupported_pictures_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / 'float.tif')
    frames = [Image.new('RGB', (4, 4), color) for color in ('red', 'blue')]
    frames[0].save(tmp_path / 'moving.png', save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / 'moving.gif', save_all=True, append_images=frames[1:])
    (tmp_path / 'odd.ppm').write_bytes(b'P6\n1 1\n1023\n' + bytes(6))
    for name in ('float.tif', 'moving.png', 'moving.gif', 'odd.ppm'):
        with pytest.raises(ImageError, match=name):
            read_rgb(tmp_path / name)


def test_decompression_bombs(tmp_path, monkeypatch):
    Image.new('L', (30, 30)).save(tmp_path / 'a.png')
    data = (tmp_path / 'a.png').read_bytes()
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 400)  # Pillow's own limit is not asked
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert decode(data, tmp_path / 'a.png', max_pixels=900).pixels.shape == (30, 30, 1)
    with pytest.raises(ImageError, match='30x30 pixels, refused as a decompression bomb.*max_pixels'):
        decode(data, tmp_path / 'a.png', max_pixels=899)
    assert Image.MAX_IMAGE_PIXELS == 400


def test_damaged_exif_does_not_lose_the_picture(tmp_path):
    Image.new('RGB', (4, 4), 'red').save(tmp_path / 'a.jpg', exif=b'Exif\0\0II*\0\xff\xff\xff\xff')
    assert read_rgb(tmp_path / 'a.jpg').shape == (4, 4, 3)


def test_random_damage_gives_a_picture_or_an_image_error(tmp_path):
    rng = np.random.default_rng(0)
    for suffix in ('png', 'jpg', 'webp', 'tif', 'bmp'):
        path = tmp_path / f'a.{suffix}'
        Image.fromarray(noise(16, 16, 3)).save(path)
        data = path.read_bytes()
        for _ in range(30):
            broken = bytearray(data)
            for position in rng.integers(0, min(len(data), 200), 3):
                broken[position] = rng.integers(0, 256)
            path.write_bytes(broken)
            try:
                assert read_rgb(path).shape[2] == 3
            except ImageError as error:
                assert path.name in str(error)


def test_list_images(tmp_path):
    for name in ('b.JPG', 'a.png', 'sub/c.webp', '.hidden.png', '.git/d.png', 'notes.txt', '._a.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'folder.png').mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == ['a.png', 'b.JPG', 'sub/c.webp']
    assert [path.name for path in list_images(tmp_path, recursive=False)] == ['a.png', 'b.JPG']


def test_list_images_errors(tmp_path):
    (tmp_path / 'file.png').touch()
    (tmp_path / 'empty').mkdir()
    for name, reason in (('missing', 'no such folder'), ('file.png', 'is a file'), ('empty', 'no image')):
        with pytest.raises(ValueError, match=reason) as caught:
            list_images(tmp_path / name)
        assert name in str(caught.value) and '.png' in str(caught.value)


def test_a_folder_with_a_hidden_parent_is_listed(tmp_path):
    (tmp_path / '.cache').mkdir()
    (tmp_path / '.cache/a.png').touch()
    assert len(list_images(tmp_path / '.cache')) == 1


def test_tensor_round_trip():
    rgb = noise(5, 7, 3)
    tensor = to_tensor(rgb)
    assert tensor.shape == (3, 5, 7) and tensor.dtype == torch.float32
    assert tensor[2, 1, 4] == pytest.approx(rgb[1, 4, 2] / 255)
    np.testing.assert_array_equal(to_uint8(tensor), rgb)
    np.testing.assert_array_equal(to_uint8(tensor[None]), rgb)
    tensor.zero_()
    assert rgb.any()


def test_to_uint8_clips_and_rounds():
    values = torch.tensor([-1.0, 0.499 / 255, 0.501 / 255, 2.0, float('nan')])
    assert to_uint8(values.expand(3, 1, 5))[0, :, 0].tolist() == [0, 0, 1, 255, 0]


def test_conversions_refuse_other_shapes():
    for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(ValueError, match='expected uint8'):
            to_tensor(bad)
        with pytest.raises(ValueError, match='expected uint8'):
            write_rgb('never.png', bad)
    with pytest.raises(ValueError, match='expected'):
        to_uint8(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize('gray', [False, True])
@pytest.mark.parametrize('has_alpha', [False, True])
@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('suffix', ['.png', '.tif', '.webp', '.jpg', '.bmp', '.ppm'])
def test_what_is_written_is_read_again(tmp_path, suffix, bits, has_alpha, gray):
    top = 2**bits - 1
    values = (np.round(np.linspace(0, 1, 6 * 8 * 4) * top) / top).astype(np.float32).reshape(6, 8, 4)
    color = np.repeat(values[..., :1], 3, 2) if gray else values[..., :3]
    picture = Picture(color, values[..., 3] if has_alpha else None, gray, bits)
    write_picture(tmp_path / f'a{suffix}', picture)
    read = read_picture(tmp_path / f'a{suffix}')
    deep, keeps_alpha = suffix in ('.png', '.tif', '.ppm'), suffix in ('.png', '.tif', '.webp')
    assert read.bits == (bits if deep else 8)
    assert (read.alpha is not None) == (has_alpha and keeps_alpha)
    # WebP has no grey; TIFF from OpenCV has no grey with alpha.
    assert read.gray == (gray and suffix != '.webp' and not (suffix == '.tif' and bits == 16 and has_alpha))
    expected = picture.color
    if has_alpha and not keeps_alpha:
        expected = expected * picture.alpha[..., None] + 1 - picture.alpha[..., None]
    if suffix in ('.jpg', '.webp'):
        assert np.abs(read.color - expected).mean() < 0.05
    else:
        np.testing.assert_allclose(read.color, expected, atol=0.6 / 255 if read.bits == 8 else 0.6 / 65535)
        if read.alpha is not None:
            np.testing.assert_allclose(read.alpha, picture.alpha, atol=0.6 / 255 if read.bits == 8 else 1e-6)


def test_grey_with_alpha_at_16_bits_is_read_by_others_too(tmp_path):
    values = noise(9, 5, 2, dtype=np.uint16)
    color = np.repeat(values[..., :1].astype(np.float32) / 65535, 3, 2)
    write_picture(tmp_path / 'a.png', Picture(color, values[..., 1].astype(np.float32) / 65535, True, 16))
    pixels = cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(pixels[..., [0, 3]], values)


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    write_rgb(path, np.zeros((4, 4, 3), np.uint8))
    before = path.read_bytes()

    def refuse(source, target):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'replace', refuse)
    with pytest.raises(ImageError, match='No space left'):
        write_rgb(path, np.ones((4, 4, 3), np.uint8))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['a.png']


def test_writing_errors_name_the_file(tmp_path):
    rgb = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ImageError, match=r'a\.xyz.*accepted: \.png'):
        write_rgb(tmp_path / 'a.xyz', rgb)
    with pytest.raises(ImageError, match='cannot be written'):
        write_rgb(tmp_path / 'missing/a.png', rgb)
    with pytest.raises(ImageError, match='PNG holds any size'):
        write_rgb(tmp_path / 'a.webp', np.zeros((1, 17000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


@needs_real_lq
def test_real_low_quality_files():
    kinds = {'00017_gray.png': (True, False, 8), 'wolf_gray.jpg': (True, False, 8),
             'children-alpha.png': (False, True, 8), 'tree_alpha_16bit.png': (False, True, 16)}
    paths = list_images(REAL_LQ)
    assert len(paths) == 9
    for path in paths:
        picture = read_picture(path)
        found = (picture.gray, picture.alpha is not None, picture.bits)
        assert found == kinds.get(path.name, (False, False, 8)), path.name
        assert read_rgb(path).shape == (*image_size(path), 3) == picture.color.shape
        assert 0 <= picture.color.min() < picture.color.max() <= 1


def test_public_names_are_listed():
    assert all(hasattr(image_io, name) for name in image_io.__all__)
