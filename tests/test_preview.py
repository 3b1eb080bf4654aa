"""effsr/preview.py, as its user meets it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effsr import preview

ROOT = Path(__file__).parents[1]


@pytest.fixture
def show(tmp_path, monkeypatch, write_options):
    """show(changes, *flags): the exit status of a preview in the working directory."""
    monkeypatch.chdir(tmp_path)

    def start(changes=None, *flags):
        return preview.main(['-opt', write_options(tmp_path, changes), '-n', '5', '--draws', '40', *flags])
    return start


def test_a_sheet_and_a_table(show, tmp_path, capsys):
    assert show() == 0
    out, err = capsys.readouterr()
    sheet = Path('results/tiny_preview.png')
    assert out.splitlines()[:2] == [f'sheet  {sheet}', f'table  {sheet.with_suffix(".csv")}, 40 draws:'] and err == ''
    assert 'jpeg1_quality' in out and sheet.with_suffix('.csv').read_text().startswith('parameter,share,min,5%,median')
    with Image.open(sheet) as image:
        assert image.mode == 'RGB' and min(image.size) > 400
    assert {path.name for path in tmp_path.iterdir()} == {'options.yml', 'train', 'val', 'results'}


def test_same_seed_same_sheet_and_nothing_is_overwritten_unasked(show, capsys):
    assert show(None, '-o', 'a.png') == show(None, '-o', 'b.png', '--seed', '3') == 0  # manual_seed is 3
    assert show(None, '-o', 'c.png', '--seed', '4') == 0
    one, two, three = (np.asarray(Image.open(f'{name}.png')) for name in 'abc')
    assert np.array_equal(one, two) and not np.array_equal(one, three)
    before = Path('a.png').read_bytes()
    capsys.readouterr()
    assert show(None, '-o', 'a.png', '--seed', '4') == 1
    assert capsys.readouterr().err == 'preview: a.png: is there already; give another name with -o, or --overwrite\n'
    assert Path('a.png').read_bytes() == before
    Path('a.csv').write_text('mine')
    Path('a.png').unlink()
    assert show(None, '-o', 'a.png') == 1 and Path('a.csv').read_text() == 'mine' and not Path('a.png').exists()
    assert show(None, '-o', 'a.png', '--seed', '4', '--overwrite') == 0
    assert np.array_equal(np.asarray(Image.open('a.png')), three)


def test_neither_weights_nor_a_train_section_are_needed(show):
    assert show({'path': {'pretrain_network_g': 'nowhere.pth'}, 'train': ...}) == 0


def test_pairs_have_no_table(show, tmp_path, capsys):
    (tmp_path / 'lq').mkdir()
    changes = {'high_order_degradation': False, 'degradation': ..., 'datasets': {'train': {
        'type': 'RealESRGANPairedDataset', 'dataroot_lq': 'lq', 'crop_pad_size': ...}}}
    assert show(changes) == 1
    assert 'lq: no image in this folder' in capsys.readouterr().err
    for path in (tmp_path / 'train').iterdir():
        Image.open(path).resize((16, 16)).save(tmp_path / 'lq' / path.name)
    assert show(changes) == 0
    assert 'table  none: lq comes from the dataset' in capsys.readouterr().out
    assert [path.name for path in Path('results').iterdir()] == ['tiny_preview.png']


@pytest.mark.parametrize(('changes', 'flags', 'line'), [
    ({}, ['-n', '0'], '-n 0; accepted: 1 or more'),
    ({}, ['--draws', '0'], '--draws 0; accepted: 1 or more'),
    ({}, ['--seed', '-1'], '--seed -1; accepted: 0 or more'),
    ({}, ['-o', 'sheet.jpg'], '-o sheet.jpg: a contact sheet is a PNG'),
    ({}, ['-opt', 'nothing.yml'], 'nothing.yml'),
    ({'datasets': {'train': {'dataroot_gt': 'nowhere'}}}, [], 'nowhere: no such folder'),
    ({'datasets': {'train': {'crop_pad_size': 64}}}, [], 'crop_pad_size'),
    ({'datasets': {'train': ...}}, [], 'datasets.train: missing'),
    ({'degradation': {'jpeg_range': [30, 130]}}, [], 'jpeg_range'),
    ({}, ['-o', 'train/00.png/x.png'], 'train/00.png'),
])
def test_bad_input_gets_one_line(show, tmp_path, capsys, changes, flags, line):
    assert show(changes, *flags) == 1
    out, err = capsys.readouterr()
    assert out == '' and err.startswith('preview: ') and line in err
    assert 'Traceback' not in err and not (tmp_path / 'results').exists()


def test_as_a_script(tmp_path, write_options):
    options = write_options(tmp_path, {'val': {'val_freq': 6}, 'logger': {'save_checkpoint_freq': 6}})
    done = subprocess.run([sys.executable, '-W', 'error', ROOT / 'effsr/preview.py', '-opt', options, '-n', '2'],
                          cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == '' and (tmp_path / 'results/tiny_preview.png').is_file()
