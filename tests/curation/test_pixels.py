"""Pictures as their files hold them."""
import numpy as np
import pytest
from PIL import Image

from effsr.curation.pixels import LOSSLESS, luma, read_pixels, resize_pixels, write_pixels
from effsr.data.image_io import ImageError
from effsr.data.imresize import imresize


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize('ext', LOSSLESS)
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_what_is_written_is_read_again(tmp_path, ext, channels):
    pixels = noise(9, 7, channels)
    write_pixels(tmp_path, {f'sub/x.{ext}': pixels}, tmp_path / 'source.png')
    back = read_pixels(tmp_path / 'sub' / f'x.{ext}')
    if ext == 'webp' and channels < 3:  # it knows no grey
        pixels = pixels[..., [0, 0, 0, 1][:channels + 2]]
    assert back.dtype == np.uint8 and np.array_equal(back, pixels)


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_sixteen_bits(tmp_path, channels):
    pixels = noise(9, 7, channels, dtype=np.uint16)
    write_pixels(tmp_path, {'x.png': pixels}, tmp_path / 'source.png')
    assert np.array_equal(read_pixels(tmp_path / 'x.png'), pixels)
    with pytest.raises(ImageError, match=r'source\.tif: .*x\.webp: WEBP cannot hold 16 bits; PNG can'):
        write_pixels(tmp_path, {'x.webp': pixels}, tmp_path / 'source.tif')


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_an_opaque_picture_is_resized_as_one_without_alpha(dtype):
    color = noise(20, 30, 3, dtype=dtype)
    opaque = np.concatenate([color, np.full((20, 30, 1), np.iinfo(dtype).max, dtype)], axis=2)
    small = resize_pixels(opaque, (10, 15), 'bicubic')
    assert small.dtype == dtype and np.array_equal(small[..., :3], imresize(color, 0.5)) and small[..., 3].min() > 254


@pytest.mark.parametrize('method', ['area', 'bicubic', 'lanczos'])
@pytest.mark.parametrize('channels', [2, 4])
def test_hidden_colours_do_not_bleed_into_the_edge(method, channels):
    """Grey on the left; on the right hidden white, which a mean of plain colours would let shine through."""
    pixels = np.full((16, 16, channels), 100, np.uint8)
    pixels[..., -1] = 255
    pixels[:, 7:] = [*[255] * (channels - 1), 0]
    small = resize_pixels(pixels, (8, 8), method)
    visible = small[..., -1] > 0
    overshoot = {'area': 0, 'bicubic': 5, 'lanczos': 8}[method]
    colors = small[visible][:, :-1]
    assert small.shape == (8, 8, channels) and colors.min() >= 100 and colors.max() <= 100 + overshoot
    assert (small[~visible][:, :-1] == 0).all()
    if method == 'area':  # the fourth pixel is half covered
        assert small[0, :, -1].tolist() == [255, 255, 255, 128, 0, 0, 0, 0]


def test_luma_by_hand():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert luma(pixels) == pytest.approx(np.array([[76.245, 149.685, 29.07]]), rel=1e-5)
    assert luma(np.array([[[40, 255], [40, 0]]], np.uint8)) == pytest.approx(np.array([[40, 255]]))  # clear: white
    assert luma(np.full((1, 1, 1), 65535, np.uint16)) == pytest.approx(np.array([[255]]))


def test_a_turned_photograph_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(8, 16, 3)).save(tmp_path / 'x.jpg', exif=exif)
    assert read_pixels(tmp_path / 'x.jpg').shape == (16, 8, 3)
