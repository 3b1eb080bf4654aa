"""No file is lost, whatever happens while it is moved."""
import os
import shutil

import pytest

from effsr.curation import moving
from effsr.curation.errors import OutputError
from effsr.curation.moving import move_file


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'from' / 'a.png'
    path.parent.mkdir()
    path.write_bytes(b'content' * 1000)
    os.utime(path, ns=(10**18, 10**18))
    return path


def test_moved_whole_with_its_time(source, tmp_path):
    target = tmp_path / 'to' / 'sub' / 'a.png'
    move_file(source, target)
    assert target.read_bytes() == b'content' * 1000 and target.stat().st_mtime_ns == 10**18 and not source.exists()
    assert [path.name for path in target.parent.iterdir()] == ['a.png']


def test_never_onto_another_file(source, tmp_path):
    target = tmp_path / 'a.png'
    for other in (b'mine', b'Content' + b'content' * 999):
        target.write_bytes(other)
        with pytest.raises(ValueError, match='another file is there already; .*a.png stays'):
            move_file(source, target)
        assert target.read_bytes() == other and source.exists()


def test_what_was_copied_before_a_crash_is_finished(source, tmp_path):
    target = tmp_path / 'a.png'
    shutil.copy(source, target)
    move_file(source, target)
    assert not source.exists() and target.read_bytes() == b'content' * 1000


def test_itself_and_links_to_itself_are_refused(source, tmp_path):
    link = tmp_path / 'a.png'
    link.symlink_to(source)
    folder = tmp_path / 'folder'
    folder.symlink_to(source.parent, target_is_directory=True)
    for target in (source, link, folder / 'a.png'):
        with pytest.raises(ValueError, match='a link or the file itself'):
            move_file(source, target)
    assert source.read_bytes() == b'content' * 1000
    with pytest.raises(ValueError, match='no such file to move'):
        move_file(tmp_path / 'nix.png', tmp_path / 'b.png')


@pytest.mark.parametrize('step', ['copyfileobj', 'fsync', 'link', 'mkdir'])
def test_a_failure_at_any_step_leaves_the_original(source, tmp_path, monkeypatch, step):
    def fail(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    if step == 'link':
        monkeypatch.setattr(moving, '_name', fail)
    elif step == 'mkdir':
        monkeypatch.setattr(moving.Path, 'mkdir', fail)
    else:
        monkeypatch.setattr(shutil if step == 'copyfileobj' else os, step, fail)
    with pytest.raises(OutputError, match='cannot be written .No space left on device.'):
        move_file(source, tmp_path / 'to' / 'a.png')
    monkeypatch.undo()
    assert source.read_bytes() == b'content' * 1000
    assert not list((tmp_path / 'to').glob('*')) if (tmp_path / 'to').exists() else True


def test_a_copy_that_is_not_the_same_is_thrown_away(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'copyfileobj', lambda original, copy, piece: copy.write(b'rotten'))
    with pytest.raises(OutputError, match='what was written is not what was read'):
        move_file(source, tmp_path / 'a.png')
    assert source.exists() and not (tmp_path / 'a.png').exists()


def test_an_original_that_changes_meanwhile_stays(source, tmp_path, monkeypatch):
    def change(folder):
        source.write_bytes(b'new')

    monkeypatch.setattr(moving, '_sync_folder', change)
    with pytest.raises(ValueError, match='changed while it was moved and stays'):
        move_file(source, tmp_path / 'a.png')
    assert source.read_bytes() == b'new'


def test_an_original_that_cannot_be_removed_is_told(source, tmp_path, monkeypatch):
    def fail(self, missing_ok=False):
        if self.name == 'a.png':
            raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(moving.Path, 'unlink', fail)
    with pytest.raises(ValueError, match='copied to .*, but cannot be removed'):
        move_file(source, tmp_path / 'to' / 'a.png')
    assert source.exists() and (tmp_path / 'to' / 'a.png').exists()


def test_without_hard_links(source, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(95, 'Operation not supported')

    monkeypatch.setattr(os, 'link', fail)
    move_file(source, tmp_path / 'a.png')
    assert not source.exists() and (tmp_path / 'a.png').exists()
