"""One run at a time in a folder."""
import os

import pytest

from effsr.runtime import lock
from effsr.runtime.atomic import CheckpointError
from effsr.runtime.lock import lock_path, locked

pytestmark = pytest.mark.skipif(lock.fcntl is None, reason='no such locks here')


def test_a_second_holder_is_refused_and_told_who_the_first_is(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, 'PATIENCE', 0.3)
    folder = tmp_path / 'experiments' / 'run'
    with locked(folder):
        told = rf'\.run\.lock: process {os.getpid()} on .* is training in this folder'
        with pytest.raises(CheckpointError, match=told), locked(folder):
            pass
        with locked(folder.with_name('other')):
            pass
    with locked(folder):  # free again
        pass
    assert list(folder.parent.iterdir()) == [] and not folder.exists()


def test_a_lock_file_that_a_killed_run_left_is_no_lock(tmp_path):
    lock_path(tmp_path / 'run').write_text('process 1 on elsewhere')
    with locked(tmp_path / 'run'):
        assert lock_path(tmp_path / 'run').read_text().startswith(f'process {os.getpid()} on ')


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(95, 'Operation not supported')
    monkeypatch.setattr(lock.fcntl, 'flock', refused)
    with locked(tmp_path / 'run'), locked(tmp_path / 'run'):
        assert lock_path(tmp_path / 'run').read_bytes() == b''
