"""Smaller copies."""
import numpy as np
import pytest
from PIL import Image

from effsr import prepare
from effsr.curation.multiscale import sizes
from effsr.data.image_io import list_images
from effsr.data.imresize import imresize


def write(path, *shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).save(path)


def run(tmp_path, *words):
    return prepare.main(['multiscale', '-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'OUT'), '--jobs', '1', *words])


def shapes(tmp_path):
    return {path.name: np.array(Image.open(path)).shape for path in list_images(tmp_path / 'OUT')}


@pytest.mark.parametrize('height, width', [(1356, 2040), (2040, 1356), (600, 600), (333, 777)])
def test_the_sizes_are_those_of_real_esrgan(height, width):
    """The lines of generate_multiscale_DF2K.py that choose them."""
    expected = [(int(height * scale), int(width * scale)) for scale in (0.75, 0.5, 1 / 3)]
    if width < height:
        expected.append((int(400 * (height / width)), 400))
    else:
        expected.append((400, int(400 * (width / height))))
    assert sizes(height, width, [0.75, 0.5, 1 / 3], 400) == expected


def test_sizes_by_hand():
    assert sizes(90, 30, [0.5], 0) == [(45, 15)] and sizes(90, 30, [], 20) == [(60, 20)]
    assert sizes(1, 300, [1 / 3], 0) == [(1, 100)]


def test_copies_by_lanczos(tmp_path, capsys):
    write(tmp_path / 'IN' / 'sub' / 'a.png', 60, 90, 3)
    assert run(tmp_path, '--shortest', '24') == 0
    assert shapes(tmp_path) == {'aT0.png': (45, 67, 3), 'aT1.png': (30, 45, 3), 'aT2.png': (20, 30, 3),
                                'aT3.png': (24, 36, 3)}
    picture = np.array(Image.open(tmp_path / 'IN' / 'sub' / 'a.png'))
    copy = np.array(Image.open(tmp_path / 'OUT' / 'sub' / 'aT1.png'))
    assert np.array_equal(copy, imresize(picture, size=(30, 45), method='lanczos3'))
    assert capsys.readouterr().out.startswith('1 picture -> 4 copies in ')


def test_copies_that_would_not_be_smaller_or_too_small_are_left_out(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', 300, 500, 3)
    assert run(tmp_path, '--smallest', '150') == 0
    assert shapes(tmp_path) == {'aT0.png': (225, 375, 3), 'aT1.png': (150, 250, 3)}
    assert ('(1 skipped: a side below --smallest 150; 1 skipped: not smaller than the picture)'
            in capsys.readouterr().out)


def test_scale_one_copies_the_pixels(tmp_path):
    write(tmp_path / 'IN' / 'a.png', 30, 50)
    assert run(tmp_path, '--scales', '1', '1/2', '--shortest', '30', '--ext', 'tif') == 0
    assert shapes(tmp_path) == {'aT0.tif': (30, 50), 'aT1.tif': (15, 25)}
    assert np.array_equal(*(np.array(Image.open(tmp_path / name)) for name in ('IN/a.png', 'OUT/aT0.tif')))


def test_no_copy_asked_for(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', 30, 50)
    assert run(tmp_path, '--scales', '--shortest', '0') == 1
    assert capsys.readouterr().err == ('prepare multiscale: --scales is empty and --shortest 0: no copy is asked for; '
                                       'give one of them\n')
    with pytest.raises(SystemExit):
        run(tmp_path, '--scales', '2')
    assert 'argument --scales: 2; accepted: a number above 0 up to 1' in capsys.readouterr().err
