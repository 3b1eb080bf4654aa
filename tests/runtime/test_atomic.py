"""Links that are replaced at once, and what killed processes leave behind."""
import os

import pytest
import torch

from effsr.runtime import atomic
from effsr.runtime.atomic import CheckpointError, atomic_file, link_atomic, remove_leftovers


def write(path, text):
    with atomic_file(path) as file:
        file.write(text.encode())


@pytest.mark.parametrize('links', [True, False])
def test_link_replaces_and_leaves_nothing_else(tmp_path, monkeypatch, links):
    if not links:
        def refused(*args):
            raise OSError(95, 'Operation not supported')
        monkeypatch.setattr(atomic.os, 'link', refused)
    one, two, latest = tmp_path / '1', tmp_path / '2', tmp_path / 'latest'
    write(one, 'one')
    write(two, 'two')
    for source in (one, one, two):
        link_atomic(source, latest)
        assert latest.read_text() == source.read_text()
    # Replacing a source leaves what the link had.
    write(two, 'three')
    assert latest.read_text() == 'two'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['1', '2', 'latest']
    assert (os.stat(one).st_nlink == 1) and (os.stat(latest).st_nlink == 1)


def test_a_source_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match='latest: cannot be written'):
        link_atomic(tmp_path / 'none', tmp_path / 'latest')
    assert list(tmp_path.iterdir()) == []


def test_leftovers(tmp_path):
    for name in ('.5.state.77.tmp', '5.state', '.hidden'):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['.hidden', '5.state']


def test_an_interrupt_within_torch_save_stays_one(tmp_path):
    class Interrupting:
        def __reduce__(self):
            raise KeyboardInterrupt

    def write_to(file):
        try:
            torch.save({'a': torch.zeros(3), 'b': Interrupting()}, file)
        except KeyboardInterrupt as error:
            raise RuntimeError('unexpected pos 64 vs 0') from error  # what torch makes of one at a bad moment

    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / 'x') as file:
        write_to(file)
    assert list(tmp_path.iterdir()) == []
