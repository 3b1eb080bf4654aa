"""lq made of gt."""
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effsr import prepare
from effsr.data.image_io import list_images, read_rgb
from effsr.data.imresize import imresize

VALIDATION = Path(__file__).parents[3] / 'shared' / 'data' / 'val'


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def run(tmp_path, *words, source=None):
    return prepare.main(['pairs', '-i', str(source or tmp_path / 'IN'), '-o', str(tmp_path / 'LQ'), '--jobs', '1',
                         *(str(word) for word in words)])


def load(path):
    return np.array(Image.open(path))


@pytest.mark.skipif(not VALIDATION.exists(), reason='the validation pictures are not here')
@pytest.mark.parametrize('scale', [2, 4])
@pytest.mark.parametrize('name', ['Set5', 'Set14'])
def test_bit_equal_to_what_matlab_made(tmp_path, name, scale):
    assert run(tmp_path, '-s', scale, '--hr', tmp_path / 'HR', source=VALIDATION / name / 'HR') == 0
    theirs = list_images(VALIDATION / name / f'LRx{scale}')
    ours = list_images(tmp_path / 'LQ')
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(read_rgb(one), read_rgb(other)), one.name
        assert load(tmp_path / 'HR' / one.name).shape[:2] == tuple(scale * side for side in load(one).shape[:2])


def test_lq_of_gt_that_can_be_divided(tmp_path, capsys):
    write(tmp_path / 'IN' / 'sub' / 'a.bmp', noise(12, 16, 3))
    assert run(tmp_path, '-s', 4) == 0
    assert np.array_equal(load(tmp_path / 'LQ' / 'sub' / 'a.png'), imresize(noise(12, 16, 3), 1 / 4))
    assert capsys.readouterr().out.startswith('1 picture -> 1 lq picture in ')


def test_gt_is_cropped_where_asked(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', noise(13, 18, 3))
    assert run(tmp_path, '-s', 4) == 1
    assert ('a.png: 18x13 is not divisible by --scale 4; give --hr DIR to have the gt cropped to 16x12 and written '
            'there' in capsys.readouterr().err)
    assert run(tmp_path, '-s', 4, '--hr', tmp_path / 'HR') == 0
    assert np.array_equal(load(tmp_path / 'HR' / 'a.png'), noise(13, 18, 3)[:12, :16])
    assert np.array_equal(load(tmp_path / 'LQ' / 'a.png'), imresize(noise(13, 18, 3)[:12, :16], 1 / 4))


def test_grey_and_16_bits_stay_and_alpha_is_laid_on_white(tmp_path):
    write(tmp_path / 'IN' / 'gray.png', noise(8, 8))
    write(tmp_path / 'IN' / 'deep.png', noise(8, 8, dtype=np.uint16))
    write(tmp_path / 'IN' / 'clear.png', np.zeros((8, 8, 4), np.uint8))
    assert run(tmp_path, '-s', 2, '--hr', tmp_path / 'HR') == 0
    assert np.array_equal(load(tmp_path / 'LQ' / 'gray.png'), imresize(noise(8, 8), 1 / 2))
    assert np.array_equal(load(tmp_path / 'LQ' / 'deep.png'), imresize(noise(8, 8, dtype=np.uint16), 1 / 2))
    for folder in ('LQ', 'HR'):
        white = load(tmp_path / folder / 'clear.png')
        assert white.shape[2] == 3 and white.min() == 255


def test_alpha_by_rule(tmp_path, capsys):
    write(tmp_path / 'IN' / 'clear.png', np.zeros((8, 8, 4), np.uint8))
    assert run(tmp_path, '-s', 2, '--alpha', 'refuse') == 1
    assert 'clear.png: has transparent pixels, and alpha is refuse' in capsys.readouterr().err
    assert run(tmp_path, '-s', 2, '--alpha', 'black') == 0
    assert load(tmp_path / 'LQ' / 'clear.png').max() == 0


def test_what_cannot_be(tmp_path, capsys):
    write(tmp_path / 'IN' / 'a.png', noise(3, 18, 3))
    assert run(tmp_path, '-s', 4) == 1
    assert 'a.png: 18x3 is smaller than --scale 4; take it out' in capsys.readouterr().err
    assert run(tmp_path, '-s', 4, '--hr', tmp_path / 'LQ') == 1
    assert 'LQ: is -o, too; accepted: a folder of its own' in capsys.readouterr().err
    assert run(tmp_path, '-s', 4, '--hr', tmp_path / 'IN' / 'HR') == 1
    assert '--hr ' in (told := capsys.readouterr().err) and 'lies in -i' in told
    for words in (['-s', '1'], ['-s', '2.5'], []):
        with pytest.raises(SystemExit) as caught:
            run(tmp_path, *words)
        assert caught.value.code == 2


def test_both_folders_are_marked_until_all_is_there(tmp_path):
    write(tmp_path / 'IN' / 'a.png', noise(8, 8, 3))
    (tmp_path / 'IN' / 'broken.png').write_bytes(b'\x89PNG')
    assert run(tmp_path, '-s', 2, '--hr', tmp_path / 'HR') == 1
    for folder in ('LQ', 'HR'):
        with pytest.raises(ValueError, match=f'{folder}: prepare pairs has not finished there'):
            list_images(tmp_path / folder)
    (tmp_path / 'IN' / 'broken.png').unlink()
    (tmp_path / 'HR' / 'a.png').unlink()
    assert run(tmp_path, '-s', 2, '--hr', tmp_path / 'HR') == 0
    assert [len(list_images(tmp_path / folder)) for folder in ('LQ', 'HR')] == [1, 1]
    assert run(tmp_path, '-s', 2, '--hr', tmp_path / 'HR', '--method', 'area') == 1
