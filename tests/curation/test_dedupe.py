"""prepare.py dedupe, as its user meets it."""
import csv
from pathlib import Path

import numpy as np
import planted
import pytest

from effsr import prepare
from effsr.curation import moving

REAL = Path(__file__).parents[3] / 'shared' / 'data'


@pytest.fixture
def photos(tmp_path):
    """Five pictures of their own, and copies of the first three."""
    for number in range(5):
        planted.save(tmp_path / 'IN' / f'{number}.png', planted.picture(number, 240, 240))
    first, second, third = (planted.picture(number, 240, 240) for number in range(3))
    planted.save(tmp_path / 'IN' / 'copies' / 'half.jpg', planted.scaled(first, 0.5), quality=60)
    planted.save(tmp_path / 'IN' / 'copies' / 'turned.jpg', np.rot90(second[:, ::-1]), quality=90)
    planted.save(tmp_path / 'IN' / 'copies' / 'crop.png', third[50:200, 30:190])
    return tmp_path / 'IN'


def run(tmp_path, *words, jobs='1'):
    return prepare.main(['dedupe', '-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'OUT'), '--jobs', jobs, *words])


def rows(tmp_path):
    with (tmp_path / 'OUT' / 'duplicates.csv').open(newline='') as file:
        return {row['name']: row for row in csv.DictReader(file)}


def kept(tmp_path):
    return (tmp_path / 'OUT' / 'kept.txt').read_text().splitlines()


OWN = [f'{number}.png' for number in range(5)]


def test_copies_turned_ones_and_crops_are_found(photos, tmp_path, capsys):
    assert run(tmp_path) == 0
    out = capsys.readouterr().out
    assert out.startswith('8 pictures -> 5 kept in ') and '(2 copies; 1 crops)' in out
    found = rows(tmp_path)
    assert {name: (row['same_as'], row['kind']) for name, row in found.items()} == {
        'copies/half.jpg': ('0.png', 'copy'), 'copies/turned.jpg': ('1.png', 'copy'),
        'copies/crop.png': ('2.png', 'part')}
    assert found['copies/crop.png']['share'] == '1.000'
    assert float(found['copies/crop.png']['share_of_other']) == pytest.approx(150 * 160 / 240**2, abs=0.01)
    assert kept(tmp_path) == OWN
    assert len(list(photos.rglob('*.*g'))) == 8  # nothing is moved unasked


def test_crops_are_left_alone_if_asked(photos, tmp_path):
    assert run(tmp_path, '--no_crops') == 0
    assert set(rows(tmp_path)) == {'copies/half.jpg', 'copies/turned.jpg'}


def test_the_overlap_decides(photos, tmp_path):
    """Two crops that share a third of each."""
    one = planted.picture(7, 240, 360)
    planted.save(photos / 'left.png', one[:, :240])
    planted.save(photos / 'right.png', one[:, 160:])
    assert run(tmp_path, '--overlap', '0.5') == 0 and 'right.png' not in rows(tmp_path)
    assert run(tmp_path, '--overlap', '0.2') == 0 and rows(tmp_path)['right.png']['same_as'] == 'left.png'


def test_whatever_shows_a_part_of_a_held_out_picture_goes(photos, tmp_path, capsys):
    one = planted.picture(3, 240, 240)
    planted.save(tmp_path / 'VAL' / 'test.png', planted.scaled(one[:150, 60:220], 0.75))
    assert run(tmp_path, '--against', str(tmp_path / 'VAL')) == 0
    assert '(1 show held-out pictures; ' in capsys.readouterr().out
    row = rows(tmp_path)['3.png']
    assert row['why'] == 'shows a held-out picture' and row['same_as'].endswith('VAL/test.png')
    assert kept(tmp_path) == [name for name in OWN if name != '3.png'] and (tmp_path / 'VAL' / 'test.png').exists()


def test_the_result_does_not_depend_on_jobs(photos, tmp_path):
    files = ('duplicates.csv', 'kept.txt')
    assert run(tmp_path) == 0
    before = [(tmp_path / 'OUT' / file).read_bytes() for file in files]
    assert run(tmp_path, jobs='3') == 0
    assert [(tmp_path / 'OUT' / file).read_bytes() for file in files] == before


def test_moved_if_asked_and_found_no_more(photos, tmp_path, capsys):
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 0
    assert ', moved 3 to ' in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / 'MOVED' / 'copies').iterdir()) == ['crop.png', 'half.jpg',
                                                                                      'turned.jpg']
    assert sorted(path.name for path in photos.rglob('*.*')) == OWN
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 0
    assert '(no duplicates)' in capsys.readouterr().out


def test_another_file_in_the_way_of_a_move_is_told_and_both_stay(photos, tmp_path, capsys):
    planted.save(tmp_path / 'MOVED' / 'copies' / 'crop.png', planted.picture(9))
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 1
    assert 'crop.png: another file is there already' in capsys.readouterr().err
    assert sorted(path.name for path in (photos / 'copies').iterdir()) == ['crop.png']
    assert (tmp_path / 'OUT' / '.unfinished').exists()


def test_a_move_that_was_killed_goes_on(photos, tmp_path, monkeypatch):
    def killed(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, '_name', killed)
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 130
    assert len(list(photos.rglob('*.*'))) == 8
    monkeypatch.undo()
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 0 and len(list(photos.rglob('*.*'))) == 5


def test_a_dry_run_writes_nothing(photos, tmp_path, capsys):
    assert run(tmp_path, '--dry_run', '--move', str(tmp_path / 'MOVED')) == 0
    assert 'dry run: nothing written' in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ['IN'] and len(list(photos.rglob('*.*'))) == 8


def test_what_cannot_be_read_fails_or_is_counted(photos, tmp_path, capsys):
    (photos / 'broken.png').write_bytes((photos / '0.png').read_bytes()[:2000])
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 1
    err = capsys.readouterr().err
    assert 'broken.png: damaged' in err and 'nothing was written or moved' in err
    assert not (tmp_path / 'OUT' / 'kept.txt').exists() and not (tmp_path / 'MOVED').exists()
    assert run(tmp_path, '--on_error', 'skip') == 0
    assert rows(tmp_path)['broken.png']['why'].startswith('cannot be read: ') and kept(tmp_path) == OWN
    assert '1 cannot be read' in capsys.readouterr().out


def test_several_folders_have_a_list_each(photos, tmp_path):
    planted.save(tmp_path / 'MORE' / 'again.png', planted.picture(0, 240, 240))
    planted.save(tmp_path / 'MORE' / 'new.png', planted.picture(8, 240, 240))
    assert prepare.main(['dedupe', '-i', str(photos), str(tmp_path / 'MORE'), '-o', str(tmp_path / 'OUT'), '--jobs',
                         '1']) == 0
    assert (tmp_path / 'OUT' / 'kept_1.txt').read_text().splitlines() == OWN
    assert (tmp_path / 'OUT' / 'kept_2.txt').read_text().splitlines() == ['new.png']


@pytest.mark.parametrize('words, message', [
    (['--against', 'nix'], 'nix: no such folder'),
    (['--against', 'IN'], '--against: IN/0.png is itself a picture of -i (8 of 8 are); give folders apart'),
    (['--move', 'IN/moved'], '--move IN/moved: lies in '),
    (['--move', 'IN/0.png'], '--move IN/0.png: is a file; accepted: a folder'),
])
def test_mistakes_are_told_in_one_line(photos, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, *words) == 1
    err = capsys.readouterr().err
    assert err.startswith(f'prepare dedupe: {message}') and err.count('\n') == 1 and not Path('OUT').exists()


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason='without the real tiles')
def test_no_real_tile_shows_a_test_picture_but_a_planted_crop_does(tmp_path):
    tiles = sorted((REAL / 'train_hr').glob('*.jpg'))[::40]
    (tmp_path / 'IN').mkdir()
    for tile in tiles:
        (tmp_path / 'IN' / tile.name).symlink_to(tile)
    from effsr.data.image_io import read_rgb
    test = read_rgb(sorted((REAL / 'val' / 'Set14' / 'HR').glob('*.png'))[0])
    planted.save(tmp_path / 'IN' / 'leak.jpg', test[60:220, 100:300], quality=70)
    assert run(tmp_path, '--against', str(REAL / 'val' / 'Set14' / 'HR')) == 0
    assert list(rows(tmp_path)) == ['leak.jpg']


def test_a_link_is_left_out_rather_than_its_picture(tmp_path):
    planted.save(tmp_path / 'IN' / 'z.png', planted.picture(1, 240, 240))
    (tmp_path / 'IN' / 'a.png').symlink_to('z.png')
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 0
    assert kept(tmp_path) == ['z.png'] and [path.name for path in (tmp_path / 'IN').iterdir()] == ['z.png']
