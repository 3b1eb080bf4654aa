"""What -d says, and sets whose parts fit."""
from pathlib import Path

import numpy as np
import pytest

from effsr.data.image_io import write_rgb
from effsr.evaluation.low_quality import Recipe
from effsr.evaluation.sets import SetFolders, open_set, parse_set, parse_sets, scale_of


def picture(path, height, width):
    path.parent.mkdir(exist_ok=True)
    write_rgb(path, np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize(('text', 'windows', 'hr', 'lr'), [
    ('S=a', False, 'a', None), ('S=a:b', False, 'a', 'b'), ('S=:b', False, None, 'b'), ('S=/a:/b', False, '/a', '/b'),
    (r'S=C:\a', True, r'C:\a', None), (r'S=C:\a:D:\b', True, r'C:\a', r'D:\b'), (r'S=:D:\b', True, None, r'D:\b'),
    ('S=C:/a:b', True, 'C:/a', 'b'), (r'S=a:D:\b', True, 'a', r'D:\b'), ('S=a:b', True, 'a', 'b'),
    (r'S=C:\a:\b', True, r'C:\a', r'\b'),
])
def test_forms(text, windows, hr, lr):
    assert parse_set(text, windows) == SetFolders('S', hr and Path(hr), lr and Path(lr))


@pytest.mark.parametrize('text', ['Set5', 'S=', 'S=:', 'S=a:b:c'])
def test_other_forms(text):
    with pytest.raises(ValueError, match=r'accepted: NAME=HR, NAME=HR:LR, or NAME=:LR'):
        parse_set(text, False)


@pytest.mark.parametrize('name', ['', '../x', 'a/b', '.hidden'])
def test_names_no_folder_can_have(name):
    with pytest.raises(ValueError, match='cannot be that of a folder'):
        parse_set(f'{name}=a', False)


def test_two_of_one_name():
    with pytest.raises(ValueError, match='two sets are called so'):
        parse_sets(['Set5=a', 'set5=b'])


def test_sizes(tmp_path):
    picture(tmp_path / 'hr/a.png', 10, 13)
    picture(tmp_path / 'lr/ax2.png', 5, 6)
    folders = SetFolders('S', tmp_path / 'hr', tmp_path / 'lr')
    entry, = open_set(folders, Recipe(2)).entries
    assert (entry.name, entry.size, entry.gt_size) == ('a', (5, 6), (10, 13)) and scale_of([folders]) == 2
    with pytest.raises(ValueError, match=r'-d S: .*ax2\.png is 6x5 and .*a\.png 13x10 .*at scale 4 it must be 3x2'):
        open_set(folders, Recipe(4))
    with pytest.raises(ValueError, match=r'a\.png is 13x10; at scale 16 16x16 is the least'):
        open_set(SetFolders('S', tmp_path / 'hr', None), Recipe(16))
    picture(tmp_path / 'other/b.png', 5, 6)
    with pytest.raises(ValueError, match='-d S: not one picture of .*other has the name of one of'):
        open_set(SetFolders('S', tmp_path / 'hr', tmp_path / 'other'), Recipe(2))
    with pytest.raises(ValueError, match='-d S: .*nowhere: no such folder'):
        open_set(SetFolders('S', tmp_path / 'nowhere', None), Recipe(2))
