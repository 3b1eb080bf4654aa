"""A disk that fills up, a file that may not grow, a folder that may not be written: one line, and nothing lost."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import subprocess
from pathlib import Path

import pytest
from faults import train

from effsr.runtime.checkpoint import load_file
from effsr.runtime.state import newest_whole

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks its runs')

# About 60 kB a checkpoint, most of it the pool; the log grows by a line an iteration.
CHANGES = {'queue_size': 12, 'train': {'total_iter': 8}, 'val': {'val_freq': 4},
           'datasets': {'train': {'batch_size_per_gpu': 6}}, 'logger': {'save_checkpoint_freq': 4}}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class LimitedAt:
    """Installed like faults: after an iteration, files may not grow past a size, or the disk is full."""

    def __init__(self, iteration, limit):
        self.iteration, self.limit = iteration, limit

    def install(self):
        from effsr import loop
        commit = loop.commit

        def limited(model):
            if model.current_iter == self.iteration:
                self.limit()
            commit(model)

        loop.commit = limited


def no_larger_than(size):
    def limit():
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def filled(folder, left):
    """Fill the file system that a folder is on, but for `left` bytes."""
    def limit():
        free = os.statvfs(folder)
        Path(folder, 'ballast').write_bytes(b'x' * max(0, free.f_bavail * free.f_frsize - left))
    return limit


@pytest.fixture
def small_disk(work):
    """A folder on a file system of 3 MB of its own, where this user may mount one."""
    folder = work / 'experiments'
    folder.mkdir()
    try:
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('mounting is refused here; test_a_file_that_may_not_grow stands in')
    yield folder
    subprocess.run(['umount', folder], check=True)


def assert_first_checkpoint_is_whole():
    found = newest_whole(Path('experiments/tiny/training_states'))
    assert (found.path.name, found.skipped) == ('4.state', [])
    assert load_file('experiments/tiny/training_states/latest.state')['iter'] == 4
    load_file('experiments/tiny/models/net_g_latest.pth')
    assert not list(Path('experiments').rglob('*.tmp'))


def assert_ended_with_one_line(match):
    text = Path('output.txt').read_text()
    assert match in text and 'Traceback' not in text and 'Logging error' not in text, text
    assert text.splitlines()[-1].startswith('train: ')


# Bytes: less than the pool, less than a state, less than the weights' sidecar.
@pytest.mark.slow
@pytest.mark.parametrize('size', [40_000, 6_000, 3_000])
def test_a_file_that_may_not_grow(work, write_options, size):
    pytest.importorskip('resource')
    options = write_options(work, CHANGES)
    assert train(options, faults=LimitedAt(8, no_larger_than(size))) == 1
    assert_ended_with_one_line('cannot be written (File too large)')
    assert_first_checkpoint_is_whole()
    assert train(options, '--auto_resume') == 0


@pytest.mark.slow
@pytest.mark.parametrize('left', [60_000, 20_000, 0])
def test_a_full_disk(small_disk, work, write_options, left):
    options = write_options(work, CHANGES)
    assert train(options, faults=LimitedAt(8, filled(small_disk, left))) == 1
    assert_ended_with_one_line('No space left on device')
    assert_first_checkpoint_is_whole()
    (small_disk / 'ballast').unlink()
    assert train(options, '--auto_resume') == 0
    assert load_file('experiments/tiny/training_states/latest.state')['iter'] == 8


@pytest.mark.slow
def test_a_folder_that_may_not_be_written(work, write_options):
    options = write_options(work, CHANGES)

    def locked():
        for folder in ('models', 'training_states'):
            Path('experiments/tiny', folder).chmod(0o500)

    if os.geteuid() == 0:
        # Root writes where it likes; a folder that became a file refuses even root.
        def locked():
            Path('experiments/tiny/models').rename('experiments/tiny/elsewhere')
            Path('experiments/tiny/models').touch()

    assert train(options, faults=LimitedAt(8, locked)) == 1
    assert_ended_with_one_line('cannot be written')
