"""What is open stays in its process."""
import os
import pickle

import pytest

from effsr.data.storages.per_process import PerProcess

opened = []


def make():
    opened.append(os.getpid())
    return opened


def test_made_once_and_when_asked_for():
    opened.clear()
    held = PerProcess(make)
    assert not opened
    assert held.get() is opened and held.get() is opened
    assert opened == [os.getpid()]


def test_a_pickle_holds_nothing_open():
    opened.clear()
    held = PerProcess(make)
    held.get()
    again = pickle.loads(pickle.dumps(held))
    again.get()
    assert len(opened) == 2


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_a_forked_process_opens_its_own(monkeypatch):
    opened.clear()
    held = PerProcess(make)
    held.get()
    monkeypatch.setattr(os, 'getpid', lambda: -5)
    held.get()
    assert len(opened) == 2 and opened[1] == -5


def test_what_cannot_be_opened_is_tried_again():
    def fail():
        opened.append(None)
        raise OSError('no')

    opened.clear()
    held = PerProcess(fail)
    for _ in range(2):
        with pytest.raises(OSError, match='no'):
            held.get()
    assert len(opened) == 2
