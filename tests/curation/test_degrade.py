"""prepare.py degrade, as its user meets it."""
import json
import shutil

import numpy as np
import planted
import pytest

from effsr import prepare
from effsr.curation import degraded_pairs
from effsr.curation.errors import OutputError
from effsr.data.degraded_dataset import sample_seed
from effsr.data.image_io import list_images, read_rgb
from effsr.data.paired_dataset import RealESRGANPairedDataset
from effsr.degradations import DegradationParameters, DegradationSettings, draw_parameters
from effsr.degradations.host import degrade_host, usm_sharpen_host


@pytest.fixture
def photos(tmp_path):
    for number in range(3):
        planted.save(tmp_path / 'IN' / 'sub' / f'{number}.png', planted.picture(number, 70, 83))
    return tmp_path / 'IN'


def run(tmp_path, *words, jobs='1', out='OUT'):
    return prepare.main(['degrade', '-i', str(tmp_path / 'IN'), '-o', str(tmp_path / out), '--jobs', jobs, *words])


def lines(tmp_path, out='OUT'):
    return [json.loads(line) for line in (tmp_path / out / 'parameters.jsonl').read_text().splitlines()]


def content(tmp_path, out='OUT'):
    return {path.relative_to(tmp_path / out).as_posix(): path.read_bytes()
            for path in sorted((tmp_path / out).rglob('*')) if path.is_file() and path.name != '.prepare.jsonl'}


def test_pairs_are_those_of_the_training_chain(photos, tmp_path, capsys):
    assert run(tmp_path, '-s', '2') == 0
    assert capsys.readouterr().out.startswith('3 pictures -> 3 pairs in ')
    gt = read_rgb(tmp_path / 'OUT' / 'gt' / 'sub' / '1.png')
    assert np.array_equal(gt, planted.picture(1, 70, 83)[:70, :82])
    row = lines(tmp_path)[1]
    parameters = DegradationParameters.from_dict(row.pop('parameters'))
    assert row == {'name': 'sub/1.png', 'source': 'sub/1.png', 'seed': row['seed'], 'top': 0, 'left': 0, 'height': 70,
                   'width': 82, 'scale': 2, 'usm': True}
    assert parameters == draw_parameters(DegradationSettings(), row['seed'])
    lq = read_rgb(tmp_path / 'OUT' / 'lq' / 'sub' / '1.png')
    assert lq.shape == (35, 41, 3) and np.array_equal(lq, degrade_host(usm_sharpen_host(gt), parameters, 2))


def test_without_sharpening(photos, tmp_path):
    assert run(tmp_path, '--no_usm') == 0
    row = lines(tmp_path)[0]
    gt = planted.picture(0, 70, 83)[:68, :80]
    assert row['usm'] is False and np.array_equal(
        read_rgb(tmp_path / 'OUT' / 'lq' / 'sub' / '0.png'),
        degrade_host(gt, DegradationParameters.from_dict(row['parameters']), 4))


def test_several_of_each_picture_with_crops(photos, tmp_path):
    assert run(tmp_path, '--per_image', '3', '--crop', '32') == 0
    rows = lines(tmp_path)
    assert [row['name'] for row in rows[:3]] == ['sub/0_1.png', 'sub/0_2.png', 'sub/0_3.png'] and len(rows) == 9
    assert len({row['seed'] for row in rows}) == 9 and len({(row['top'], row['left']) for row in rows}) > 6
    for row in rows:
        number = int(row['source'][4])
        cut = planted.picture(number, 70, 83)[row['top']:row['top'] + 32, row['left']:row['left'] + 32]
        assert np.array_equal(read_rgb(tmp_path / 'OUT' / 'gt' / row['name']), cut)


def test_a_pair_depends_on_seed_and_name_alone(photos, tmp_path):
    assert run(tmp_path, '--per_image', '2', '--crop', '32') == 0
    assert run(tmp_path, '--per_image', '2', '--crop', '32', jobs='3', out='AGAIN') == 0
    assert content(tmp_path) == content(tmp_path, 'AGAIN')
    assert run(tmp_path, '--per_image', '2', '--crop', '32', '--seed', '1', out='OTHER') == 0
    assert content(tmp_path)['lq/sub/0_1.png'] != content(tmp_path, 'OTHER')['lq/sub/0_1.png']
    (photos / 'sub' / '0.png').unlink()
    assert run(tmp_path, '--crop', '32', out='FEWER') == 0
    assert content(tmp_path)['lq/sub/1_1.png'] == content(tmp_path, 'FEWER')['lq/sub/1.png']
    assert lines(tmp_path)[0]['seed'] == sample_seed(0, 0, degraded_pairs.zlib.crc32(b'sub/0.png'))


def test_trainings_take_the_folder(photos, tmp_path):
    assert run(tmp_path) == 0
    dataset = RealESRGANPairedDataset({
        'name': 'pairs', 'type': 'RealESRGANPairedDataset', 'phase': 'train', 'scale': 4, 'gt_size': 32,
        'dataroot_gt': str(tmp_path / 'OUT' / 'gt'), 'dataroot_lq': str(tmp_path / 'OUT' / 'lq')})
    assert len(dataset) == 3 and dataset[0]['gt'].shape == (3, 32, 32) and dataset[0]['lq'].shape == (3, 8, 8)


def test_an_option_file_says_scale_and_degradation(photos, tmp_path, write_options, monkeypatch):
    folder = tmp_path / 'RUN'
    folder.mkdir()
    write_options(folder, {'degradation': {'blur_kernel_size': 7, 'blur_kernel_size2': 7, 'severity': 0}})
    monkeypatch.chdir(folder)
    assert run(tmp_path, '-opt', 'options.yml') == 0
    row = lines(tmp_path)[0]
    assert (row['scale'], row['usm'], row['parameters']['severity']) == (2, False, 0)
    assert run(tmp_path, '-opt', 'options.yml', '--force_yml', 'degradation:severity=0.5', out='HALF') == 0
    assert lines(tmp_path, 'HALF')[0]['parameters']['severity'] == 0.5


def test_a_run_that_is_killed_goes_on_to_the_same_end(photos, tmp_path, monkeypatch):
    assert run(tmp_path, out='WHOLE') == 0
    whole, written = degraded_pairs.write_pixels, []

    def killed(*args):
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(args)
        whole(*args)

    monkeypatch.setattr(degraded_pairs, 'write_pixels', killed)
    assert run(tmp_path) == 130
    for place in ('OUT', 'OUT/gt', 'OUT/lq'):
        with pytest.raises(ValueError, match='prepare degrade has not finished there'):
            list_images(tmp_path / place)
    monkeypatch.setattr(degraded_pairs, 'write_pixels', lambda *args: written.append(args) or whole(*args))
    assert run(tmp_path) == 0 and len(written) == 3  # the first was not made again
    assert content(tmp_path) == content(tmp_path, 'WHOLE')


def test_a_full_disk_ends_it(photos, tmp_path, monkeypatch, capsys):
    def full(folder, files, source):
        raise OutputError(f'{folder}: cannot be written (No space left on device)')

    monkeypatch.setattr(degraded_pairs, 'write_pixels', full)
    assert run(tmp_path) == 1 and capsys.readouterr().err.count('No space left') == 1
    assert (tmp_path / 'OUT' / '.unfinished').exists()


def test_pairs_of_pictures_that_are_gone_stay_in_the_list(photos, tmp_path, capsys):
    assert run(tmp_path) == 0
    before = lines(tmp_path)
    shutil.move(photos / 'sub' / '0.png', tmp_path / 'away.png')
    planted.save(photos / 'sub' / '9.png', planted.picture(9, 70, 83))
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert 'keeps the pairs of 1 picture no longer among those given, such as sub/0.png' in capsys.readouterr().err
    rows = lines(tmp_path)
    assert rows[:3] == before and [row['name'] for row in rows[3:]] == ['sub/9.png']


def test_small_and_broken_pictures_fail_or_are_skipped(photos, tmp_path, capsys):
    planted.save(photos / 'small.png', planted.picture(5, 30, 80))
    (photos / 'broken.png').write_bytes(b'no picture')
    assert run(tmp_path) == 1
    err = capsys.readouterr().err
    assert 'small.png: 80x30 is smaller than the 32x32' in err and 'broken.png: not an image' in err
    assert '2 pictures of 5 cannot be used' in err and (tmp_path / 'OUT' / '.unfinished').exists()
    assert run(tmp_path, '--on_error', 'skip') == 0 and len(lines(tmp_path)) == 3
    assert not (tmp_path / 'OUT' / '.unfinished').exists()


def test_a_dry_run_writes_nothing(photos, tmp_path, capsys):
    assert run(tmp_path, '--per_image', '4', '--dry_run') == 0
    assert capsys.readouterr().out.startswith('dry run: 3 pictures of 3 to do, the others are done -> 12 pairs more')
    assert not (tmp_path / 'OUT').exists()


@pytest.mark.parametrize('words, message', [
    (['--crop', '33'], '--crop 33; accepted: 0, or a multiple of the scale 4 from 32'),
    (['--crop', '28'], '--crop 28; accepted: 0, or a multiple of the scale 4 from 32'),
    (['--force_yml', 'scale=2'], '--force_yml: overrides an option file; give one with -opt'),
    (['-opt', 'nix.yml'], 'nix.yml: no such option file'),
])
def test_mistakes_are_told_in_one_line(photos, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, *words) == 1
    err = capsys.readouterr().err
    assert err.startswith(f'prepare degrade: {message}') and err.count('\n') == 1 and not (tmp_path / 'OUT').exists()


def test_a_run_that_degrades_nothing_is_refused(photos, tmp_path, write_options, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_options(tmp_path, {'high_order_degradation': False, 'datasets': {'train': {
        'type': 'RealESRGANPairedDataset', 'dataroot_lq': 'train', 'crop_pad_size': ...}}})
    assert run(tmp_path, '-opt', 'options.yml') == 1
    assert 'high_order_degradation is false: this run degrades nothing' in capsys.readouterr().err


def test_other_settings_are_not_mixed_into_a_folder(photos, tmp_path, capsys):
    assert run(tmp_path, '--seed', '1') == 0 and run(tmp_path, '--seed', '2') == 1
    assert 'was filled with seed 1, not 2' in capsys.readouterr().err
