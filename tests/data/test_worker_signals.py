"""Processes that read images: deaf to Ctrl-C and SIGTERM of the group, gone with the main process, quiet about both."""
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from effsr.data import worker_signals

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
import effsr
from torch.utils.data import DataLoader, Dataset
from effsr.data.worker_signals import outlive_signals

class Slow(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        time.sleep(0.05)
        return index, os.getpid()

if __name__ == '__main__':
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: None)  # the main process notes it, and finishes its iteration
    iterator = iter(DataLoader(Slow(), 2, num_workers=2, worker_init_fn=outlive_signals, persistent_workers=True))
    seen = [next(iterator) for _ in range(4)]
    print(*{int(pid) for _, pids in seen for pid in pids}, flush=True)
    if sys.argv[2] == 'exit':
        sys.exit(3)
    if sys.argv[2] == 'terminate':
        for worker in iterator._workers:
            worker.terminate()
        for worker in iterator._workers:
            worker.join(5)
        print([worker.exitcode for worker in iterator._workers], flush=True)
        os._exit(0)
    if sys.argv[2] == 'wait':
        time.sleep(100)
    seen += list(iterator)
    print(sorted(int(index) for indices, _ in seen for index in indices) == list(range(40)), flush=True)
"""

pytestmark = [pytest.mark.skipif(os.name != 'posix', reason='signals to a process group'), pytest.mark.slow]


@pytest.fixture
def start():
    started = []

    def run(how):
        process = subprocess.Popen([sys.executable, '-c', SCRIPT, str(ROOT), how], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True,
                                   env={**os.environ, 'OMP_NUM_THREADS': '1'})
        started.append(process)
        return process, [int(pid) for pid in process.stdout.readline().split()]

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def gone(pid):
    """Whether a process has ended; an orphan that nobody has reaped yet still has its number."""
    try:
        os.kill(pid, 0)
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z'
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # gone by now, or a system without /proc
        return Path('/proc').is_dir()


def test_signals_of_the_group_leave_the_readers_at_work(start):
    process, workers = start('go on')
    assert len(workers) == 2
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
        os.killpg(process.pid, signum)
        time.sleep(0.1)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, 'True\n', '')


def test_readers_go_when_the_main_process_is_killed(start):
    process, workers = start('wait')
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    end = time.monotonic() + 4
    while time.monotonic() < end and not all(map(gone, workers)):
        time.sleep(0.05)
    assert all(map(gone, workers))
    assert process.communicate(timeout=10)[1] == ''


def test_readers_go_when_the_main_process_ends(start):
    process, workers = start('exit')
    began = time.monotonic()
    assert process.communicate(timeout=60)[1] == '' and process.returncode == 3
    assert time.monotonic() - began < 6 and all(map(gone, workers))


def test_the_main_process_can_end_them(start):
    process, _ = start('terminate')
    out, err = process.communicate(timeout=60)
    assert (out, err) == ('[0, 0]\n', '')


def test_where_the_sender_is_not_told_a_reader_goes_on_for_a_while(monkeypatch):
    """As on macOS: tried here without the calls that it lacks."""
    set_up, left, threads = {}, [], []
    monkeypatch.delattr(worker_signals.signal, 'sigtimedwait', raising=False)
    monkeypatch.setattr(worker_signals.signal, 'signal', lambda signum, handler: set_up.update({signum: handler}))
    monkeypatch.setattr(worker_signals.os, '_exit', left.append)
    monkeypatch.setattr(worker_signals.time, 'sleep', lambda seconds: threads.append(seconds))
    monkeypatch.setattr(worker_signals, '_watch_parent', lambda started_by: threads.append(started_by))
    worker_signals.outlive_signals()
    assert set_up[signal.SIGINT] is signal.SIG_IGN
    set_up[signal.SIGTERM](signal.SIGTERM, None)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(1)
    assert left == [0] and set(threads) == {os.getppid(), worker_signals.GRACE}
