"""prepare.py filter, as its user meets it."""
import csv
from pathlib import Path

import cv2
import numpy as np
import planted
import pytest

from effsr import prepare
from effsr.curation import filter as command
from effsr.curation.filter import THRESHOLDS, reasons

REAL = Path(__file__).parents[3] / 'shared' / 'data' / 'train_hr'


@pytest.fixture
def photos(tmp_path):
    good = planted.picture(1, 300, 300)
    planted.save(tmp_path / 'IN' / 'good.png', good)
    planted.save(tmp_path / 'IN' / 'blurred.png', cv2.GaussianBlur(good, (0, 0), 3))
    planted.save(tmp_path / 'IN' / 'small.png', good[:100])
    planted.save(tmp_path / 'IN' / 'sub' / 'q20.jpg', good, quality=20)
    flat = good.copy()
    flat[:260] = 90
    planted.save(tmp_path / 'IN' / 'flat.png', flat)
    return tmp_path / 'IN'


def run(tmp_path, *words):
    return prepare.main(['filter', '-i', str(tmp_path / 'IN'), '-o', str(tmp_path / 'OUT'), '--jobs', '1', *words])


def why(tmp_path):
    with (tmp_path / 'OUT' / 'scores.csv').open(newline='') as file:
        return {row['name']: row['left_out'] for row in csv.DictReader(file)}


def test_each_is_left_out_for_its_reason(photos, tmp_path, capsys):
    assert run(tmp_path) == 0
    found = why(tmp_path)
    assert found['good.png'] == '' and found['blurred.png'] == 'blurred' and found['small.png'] == 'too small'
    assert found['flat.png'] == 'flat' and 'over-compressed' in found['sub/q20.jpg']
    assert (tmp_path / 'OUT' / 'kept.txt').read_text() == 'good.png\n'
    assert capsys.readouterr().out.startswith('5 pictures -> 1 kept in ') and len(list(photos.rglob('*.*g'))) == 5


def test_other_thresholds_need_no_new_scores(photos, tmp_path, monkeypatch):
    assert run(tmp_path) == 0

    def fail(path):
        raise AssertionError('scored again')

    monkeypatch.setattr(command, 'picture_scores', fail)
    assert run(tmp_path, '--min_size', '0', '--min_sharpness', '0', '--max_flatness', '1', '--min_quality', '0',
               '--max_blockiness', '9') == 0
    assert set(why(tmp_path).values()) == {''}
    monkeypatch.undo()
    planted.save(photos / 'good.png', planted.picture(2, 80, 300))
    assert run(tmp_path) == 0 and why(tmp_path)['good.png'] == 'too small'


@pytest.mark.parametrize('rule', THRESHOLDS, ids=lambda rule: rule.flag)
def test_a_value_at_the_limit_is_kept(rule):
    limits = {one.flag: None for one in THRESHOLDS}
    limits[rule.flag] = 10.0
    best = {'height': 99, 'width': 99, 'sharpness': 99, 'flatness': 0, 'blockiness': 0, 'quality': 99, 'noise': 0}

    def broken(value):
        changed = {'height': value} if rule.score == 'side' else {rule.score: value}
        return reasons({**best, **changed}, limits)

    assert broken(10.0) == [] and broken(9.9 if rule.least else 10.1) == [rule.word]


def test_a_score_that_there_is_not_breaks_no_rule():
    scores = {'height': 300, 'width': 300, 'sharpness': 1, 'flatness': 0, 'blockiness': 0, 'quality': None, 'noise': 9}
    assert reasons(scores, {rule.flag: rule.default for rule in THRESHOLDS}) == []


def test_moved_if_asked(photos, tmp_path):
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 0
    assert sorted(path.name for path in photos.rglob('*.*g')) == ['good.png']
    assert (tmp_path / 'MOVED' / 'sub' / 'q20.jpg').is_file()
    told = why(tmp_path)
    assert run(tmp_path, '--move', str(tmp_path / 'MOVED')) == 0
    assert why(tmp_path) == told  # also of those that are no longer there


def test_what_cannot_be_read_fails_or_is_counted(photos, tmp_path, capsys):
    (photos / 'broken.png').write_bytes(b'')
    assert run(tmp_path) == 1 and not (tmp_path / 'OUT' / 'kept.txt').exists()
    assert 'broken.png: the file is empty' in capsys.readouterr().err
    assert run(tmp_path, '--on_error', 'skip') == 0 and why(tmp_path)['broken.png'].startswith('cannot be read: ')


def test_a_dry_run_writes_nothing(photos, tmp_path, capsys):
    assert run(tmp_path, '--dry_run') == 0
    assert '-> 1 kept' in capsys.readouterr().out and [path.name for path in tmp_path.iterdir()] == ['IN']


def test_a_flag_that_is_no_number_is_told(photos, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, '--min_sharpness', 'high')
    assert '--min_sharpness: high; accepted: a number from 0' in capsys.readouterr().err


@pytest.mark.skipif(not REAL.is_dir(), reason='without the real tiles')
def test_good_tiles_are_kept_and_spoilt_ones_are_not(tmp_path):
    limits = {rule.flag: rule.default for rule in THRESHOLDS}
    from effsr.curation.scores import picture_scores
    from effsr.data.image_io import read_rgb
    tiles = sorted(REAL.glob('*.jpg'))[::60]
    assert [reasons(picture_scores(tile), limits) for tile in tiles] == [[]] * len(tiles)
    for number, tile in enumerate(tiles):
        path = planted.save(tmp_path / f'{number}.png', cv2.GaussianBlur(read_rgb(tile), (0, 0), 1.5))
        assert reasons(picture_scores(path), limits) == ['blurred']
    blocky = [planted.save(tmp_path / f'{number}_.png', planted.compressed(read_rgb(tile), 20)[3:, 5:])
              for number, tile in enumerate(tiles)]
    assert np.mean([reasons(picture_scores(path), limits) == ['blocky'] for path in blocky]) >= 0.9
