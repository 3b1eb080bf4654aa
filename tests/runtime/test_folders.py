"""Folders of a run."""
import re
from types import SimpleNamespace

import pytest
import yaml

from effsr.runtime import folders
from effsr.runtime.folders import archive, copy_options, make_folders


@pytest.fixture
def path(tmp_path):
    top = tmp_path / 'experiments' / 'run'
    return SimpleNamespace(experiments_root=str(top), results_root=None, models=str(top / 'models'),
                           training_states=str(top / 'training_states'), visualization=str(top / 'visualization'))


def test_made_afresh_and_the_earlier_run_is_kept(path, tmp_path):
    make_folders(path, 0)
    top = tmp_path / 'experiments' / 'run'
    assert sorted(folder.name for folder in top.iterdir()) == ['models', 'training_states', 'visualization']
    (top / 'models' / 'old.pth').touch()
    make_folders(path, 0)
    assert list((top / 'models').iterdir()) == []
    kept, = (folder for folder in top.parent.iterdir() if folder != top)
    assert re.fullmatch(r'run_archived_\d{8}_\d{6}', kept.name)
    assert (kept / 'models' / 'old.pth').exists()


def test_other_processes_make_none(path, tmp_path):
    make_folders(path, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_test_run(tmp_path):
    path = SimpleNamespace(experiments_root=None, results_root=str(tmp_path / 'results' / 'run'), models=None,
                           training_states=None, visualization=None)
    make_folders(path, 0)
    assert list((tmp_path / 'results' / 'run').iterdir()) == []


def test_several_archives_in_one_second(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.time, 'strftime', lambda form: 'NOW')
    for _ in range(4):
        (tmp_path / 'run').mkdir()
        archive(tmp_path / 'run')
    archive(tmp_path / 'run')  # nothing there
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [
        'run_archived_NOW', 'run_archived_NOW_2', 'run_archived_NOW_3', 'run_archived_NOW_4']


def test_copy_options(tmp_path):
    options = {'name': 'on', 'scale': 4, 'train': {'lr': 1e-5, 'betas': [0.9, 0.99]}, 'path': None}
    copy_options(options, str(tmp_path), 1)
    assert list(tmp_path.iterdir()) == []
    copy_options(options, str(tmp_path), 0)
    assert yaml.safe_load((tmp_path / 'options.yml').read_text(encoding='utf-8')) == options
