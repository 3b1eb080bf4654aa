"""Animations written by us, read by Pillow, and the other way round."""
import numpy as np
import pytest
from PIL import Image, ImageCms

from effsr.data.image_animation import is_animation, read_animation
from effsr.data.image_frames import AnimationFile, Film
from effsr.data.image_header import ImageError
from effsr.data.image_meta import Encoding, Meta

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def frames(channels):
    drawn = np.random.default_rng(0).integers(0, 6, (3, 20, 30, 4), np.uint8) * 51
    drawn[..., 3] = np.where(drawn[..., 3] > 100, 255, 0)
    return drawn[..., :channels]


def written(path, channels, **options):
    film = Film((20, 30), channels, 3, plays=3, meta=Meta(ICC))
    with AnimationFile(path, film, Encoding(**options)) as file:
        for frame, duration in zip(frames(channels), (50, 100, 70_000), strict=True):
            file.add(frame, duration)
        assert not path.exists()
    return path


@pytest.mark.parametrize('channels', [3, 4])
@pytest.mark.parametrize('suffix', ['gif', 'webp', 'png', 'apng'])
def test_frames_times_and_plays(tmp_path, suffix, channels):
    path = written(tmp_path / f'x.{suffix}', channels, lossless=True)
    assert is_animation(path.read_bytes(), path)
    read = read_animation(path.read_bytes(), path)
    assert (read.durations, read.plays, read.channels, read.size) == ((50, 100, 70_000), 3, channels, (20, 30))
    assert read.meta.icc == (None if suffix == 'gif' else ICC)
    for found, expected in zip(read.frames(), frames(channels), strict=True):
        seen = expected[..., -1] == 255 if channels == 4 else np.ones((20, 30), bool)
        np.testing.assert_array_equal(found[..., 3:], expected[..., 3:])
        assert np.abs(found[seen].astype(int) - expected[seen]).max() <= (51 if suffix == 'gif' else 0)


def test_what_pillow_writes_is_read(tmp_path):
    stills = [Image.fromarray(frame) for frame in frames(3)]
    for suffix in ('gif', 'webp', 'png'):
        path = tmp_path / f'x.{suffix}'
        stills[0].save(path, save_all=True, append_images=stills[1:], duration=[10, 30, 50], loop=2,
                       **({'lossless': True} if suffix == 'webp' else {}))
        read = read_animation(path.read_bytes(), path)
        assert read.durations == ((100 if suffix == 'gif' else 10), 30, 50)
        assert read.plays == (3 if suffix == 'gif' else 2)
        if suffix != 'gif':
            np.testing.assert_array_equal(np.stack([*read.frames()]), frames(3))
    stills[0].save(tmp_path / 'y.png', save_all=True, append_images=stills[1:], duration=20, default_image=True)
    data = (tmp_path / 'y.png').read_bytes()
    np.testing.assert_array_equal(np.stack([*read_animation(data, tmp_path).frames()]), frames(3)[1:])


def test_stills_are_not_animations(tmp_path):
    for suffix in ('gif', 'webp', 'png', 'jpg'):
        Image.fromarray(frames(3)[0]).save(tmp_path / f'x.{suffix}')
        assert not is_animation((tmp_path / f'x.{suffix}').read_bytes(), tmp_path)


def test_mistakes(tmp_path):
    data = written(tmp_path / 'x.gif', 3).read_bytes()
    with pytest.raises(ImageError, match='damaged GIF'):
        read_animation(data[:len(data) // 2], tmp_path / 'x.gif')
    with pytest.raises(ImageError, match='accepted: .gif, .webp'):
        AnimationFile(tmp_path / 'x.jpg', Film((20, 30), 3, 3))
    with pytest.raises(ImageError, match='at most 16383'):
        AnimationFile(tmp_path / 'x.webp', Film((20, 30_000), 3, 3))
    for name in ('y.gif', 'y.webp', 'y.png'):
        with pytest.raises(ImageError, match='1 of 3 frames'), \
                AnimationFile(tmp_path / name, Film((20, 30), 3, 3)) as file:
            file.add(frames(3)[0], 50)
        with pytest.raises(ValueError, match='expected uint8'), \
                AnimationFile(tmp_path / name, Film((9, 9), 3, 3)) as file:
            file.add(frames(3)[0], 50)
    assert [path.name for path in tmp_path.iterdir()] == ['x.gif']


def test_a_gif_cut_short_anywhere_is_named(tmp_path):
    path = tmp_path / 'x.gif'
    first, *rest = (Image.fromarray(np.full((6, 5, 3), 90 * number, np.uint8)) for number in range(3))
    first.save(path, save_all=True, append_images=rest, duration=50)
    data = path.read_bytes()
    for length in range(1, len(data)):
        try:
            assert is_animation(data[:length], path) in (True, False)
        except ImageError as error:
            assert str(path) in str(error)
