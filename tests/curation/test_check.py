"""prepare.py check, as its user meets it."""
import json

import numpy as np
import planted
import pytest
from PIL import Image

from effsr import prepare


@pytest.fixture
def photos(tmp_path):
    for number in range(4):
        planted.save(tmp_path / 'IN' / f'{number}.png', planted.picture(number, 40, 48))
    return tmp_path / 'IN'


def check(*words):
    return prepare.main(['check', '--jobs', '1', *map(str, words)])


def test_a_good_folder(photos, capsys):
    assert check('-i', photos, '--gt_size', '40') == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f'{photos.as_posix()} (disk): 4 pictures, 48x40; 4 RGB'
    assert lines[1].startswith('in order: 4 pictures, 0 errors, 0 warnings, ')


def test_what_is_wrong_is_named_and_counted(photos, tmp_path, capsys):
    whole = (photos / '0.png').read_bytes()
    (photos / 'cut.png').write_bytes(whole[:len(whole) // 2])
    jpeg = planted.save(photos / 'a.jpg', planted.picture(9, 64, 64))
    (photos / 'b.jpg').write_bytes(jpeg.read_bytes()[:-200])
    (photos / 'empty.webp').write_bytes(b'')
    report = tmp_path / 'report.json'
    assert check('-i', photos, '--gt_size', '41', '--json', report) == 1
    out = capsys.readouterr().out
    assert 'error (3): cannot be read' in out and 'error (4): smaller than --gt_size 41' in out
    assert 'not in order: 8 pictures, 7 errors, 0 warnings' in out
    content = json.loads(report.read_text())
    assert content['failed'] is True and [one['count'] for one in content['findings']] == [3, 4]
    assert content['sets'][0]['pictures'] == 8 and content['sets'][0]['sizes'] == {'48x40': 4, '64x64': 1}
    assert [case.partition(': ')[0].rpartition('/')[2] for case in content['findings'][0]['cases']] == \
        ['b.jpg', 'cut.png', 'empty.webp']


def test_warnings_fail_only_if_asked(photos, capsys):
    Image.fromarray(planted.picture(7, 40, 48)[..., 0]).save(photos / 'grey.png')
    (photos / 'copy.png').write_bytes((photos / '0.png').read_bytes())
    assert check('-i', photos) == 0 and check('-i', photos, '--strict') == 1
    out = capsys.readouterr().out
    assert '0.png = copy.png' in out and 'grey.png: grey' in out and 'in order: 6 pictures, 0 errors, 2 warnings' in out


def test_exif_is_counted_and_sizes_are_upright(photos, tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / 'TURNED').mkdir()
    Image.fromarray(planted.picture(8, 30, 60)).save(tmp_path / 'TURNED' / 'a.jpg', exif=exif)
    assert check('-i', tmp_path / 'TURNED') == 0
    assert '1 picture, 30x60; 1 RGB; 1 turned upright by EXIF' in capsys.readouterr().out


def test_pairs(photos, tmp_path, capsys):
    for number in range(4):
        planted.save(tmp_path / 'LQ' / f'{number}x4.png', planted.picture(number, 10, 12))
    assert check('-i', photos, '--lq', tmp_path / 'LQ', '-s', '4', '--filename_tmpl', '{}x4', '--gt_size', '40') == 0
    assert check('-i', photos, '--lq', tmp_path / 'LQ') == 1
    assert check('-i', photos, '--lq', tmp_path / 'LQ', '-s', '2', '--filename_tmpl', '{}x4') == 1
    out = capsys.readouterr().out
    assert 'gt without lq' in out and 'gt 0.png: 48x40, lq 12x10; that is x4' in out


@pytest.mark.parametrize('kind', ['lmdb', 'pack', 'shards'])
def test_every_storage(photos, tmp_path, capsys, kind):
    place = tmp_path / kind
    assert prepare.main([kind, '-i', str(photos), '-o', str(place), '--jobs', '1']) == 0
    assert check('-i', place, '--lq', photos, '-s', '1') == 0
    assert 'in order: 8 pictures, 0 errors, 0 warnings' in capsys.readouterr().out


def test_a_packed_byte_that_changed_is_found(photos, tmp_path, capsys):
    place = tmp_path / 'PACKED'
    assert prepare.main(['pack', '-i', str(photos), '-o', str(place), '--jobs', '1']) == 0
    pixels = np.memmap(place / 'pixels.bin', np.uint8, 'r+')
    pixels[-1] ^= 1
    pixels.flush()
    assert check('-i', place) == 1
    assert '3.png: its pixels in pixels.bin are not those that were packed' in capsys.readouterr().out


def test_a_list_and_several_folders(photos, tmp_path, capsys):
    (photos / 'broken.png').write_bytes(b'no picture')
    listed = tmp_path / 'list.txt'
    listed.write_text('0.png\n2.png (40,48,3)\n')
    assert check('-i', photos, '--meta_info', listed) == 0 and '2 pictures' in capsys.readouterr().out
    planted.save(tmp_path / 'MORE' / 'a.png', planted.picture(6, 20, 20))
    assert check('-i', tmp_path / 'MORE', photos) == 1
    assert 'not in order: 6 pictures, 1 error' in capsys.readouterr().out


def test_the_report_does_not_depend_on_jobs(photos, tmp_path):
    (photos / 'broken.png').write_bytes(b'no picture')
    for jobs in ('1', '3'):
        assert prepare.main(['check', '-i', str(photos), '--jobs', jobs, '--json', str(tmp_path / jobs)]) == 1
    assert (tmp_path / '1').read_bytes() == (tmp_path / '3').read_bytes()


@pytest.mark.parametrize('words, message', [
    (['-i', 'nix'], 'nix: no such folder'),
    (['-i', 'IN', '-s', '2'], '-s: is about pairs; give the low-quality pictures with --lq'),
    (['-i', 'IN', '--val'], '--val: is about pairs'),
    (['-i', 'IN', 'IN', '--lq', 'IN'], '-i: 2 inputs, and --lq belongs to one'),
    (['-i', 'IN', '--lq', 'IN', '--filename_tmpl', 'x4'], "--filename_tmpl x4: has no place for gt's name"),
    (['-i', 'IN', '--lq', 'IN', '--gt_size', '30'], '--gt_size 30; accepted with --lq: a multiple of the scale 4'),
    (['-i', 'IN', '--meta_info', 'nix.txt'], 'nix.txt: meta_info cannot be read'),
])
def test_mistakes_are_told_in_one_line(photos, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert check(*words) == 1
    err = capsys.readouterr().err
    assert err.startswith(f'prepare check: {message}') and err.count('\n') == 1


def test_a_report_replaces_only_a_report(photos, tmp_path, capsys):
    notes = tmp_path / 'notes.txt'
    notes.write_text('mine')
    assert check('-i', photos, '--json', notes) == 1
    assert notes.read_text() == 'mine' and 'no report of check; give another name' in capsys.readouterr().err
    assert check('-i', photos, '--json', tmp_path / 'r.json') == 0 == check('-i', photos, '--json', tmp_path / 'r.json')


def test_a_link_that_leads_nowhere_is_a_picture_that_cannot_be_read(photos, capsys):
    (photos / 'gone.png').symlink_to(photos / 'elsewhere.png')
    assert check('-i', photos) == 1
    assert 'gone.png: no such file' in capsys.readouterr().out
