"""Which file belongs to which picture."""
from pathlib import Path

import numpy as np
import pytest

from effsr.data.image_io import write_rgb
from effsr.evaluation.names import by_stem, matched


def found(*stems):
    return {stem: Path(f'{stem}.png') for stem in stems}


@pytest.mark.parametrize('tail', ['', 'x4', '_x4', '_out', '-MyNet_x4', '.sr'])
def test_one_tail_behind_all_names(tail):
    files = matched(['a', 'a_1', 'sub/b'], found(f'a{tail}', f'a_1{tail}', f'sub/b{tail}', 'other'), 4, 'folder')
    assert {name: path.stem for name, path in files.items()} == {
        'a': Path(f'a{tail}.png').stem, 'a_1': Path(f'a_1{tail}.png').stem, 'sub/b': Path(f'b{tail}.png').stem}


def test_names_that_merely_begin_alike_do_not_match():
    assert matched(['img_1'], found('img_10', 'img_1a'), 4, 'folder') is None


def test_the_tail_of_the_scale_is_meant():
    assert matched(['a'], found('a_x2', 'a_x4'), 4, 'folder')['a'] == Path('a_x4.png')
    with pytest.raises(ValueError, match=r'folder: several files fit a: a_one, a_two; keep those of one kind'):
        matched(['a'], found('a_one', 'a_two'), 4, 'folder')


def test_a_missing_partner_is_named():
    with pytest.raises(ValueError, match=r'folder: no c_out, which the set needs; add it, or take c out of the set'):
        matched(['a', 'b', 'c'], found('a_out', 'b_out'), 4, 'folder')


def test_two_that_differ_in_their_suffix(tmp_path):
    for name in ('a.png', 'a.bmp'):
        write_rgb(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=r'-d X: .*a\.png: a\.bmp has the same name without extension'):
        by_stem(tmp_path, '-d X: ')
