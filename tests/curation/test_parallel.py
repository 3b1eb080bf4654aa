"""The same work by one process and by many."""
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import curation_work
import pytest

from effsr.curation import parallel, workers
from effsr.curation.parallel import Failure, each

THIRTEEN = (13, Failure(13, 'thirteen | is unlucky'))
FOURTEEN = (14, Failure(14, 'fourteen.png: No such file or directory'))
SLEEPERS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import curation_work
from effsr.curation.command import run_command
from effsr.curation.parallel import each

def run(args):
    return len(list(each(curation_work.sleep_long, [(Path(sys.argv[2]), n) for n in range(9)], 2, 'sleeping')))

if __name__ == '__main__':
    raise SystemExit(run_command('sleep', run, None))
"""


@pytest.mark.parametrize('jobs', [1, 3])
def test_results_come_in_the_order_of_the_items_with_failures_in_their_places(jobs):
    numbers = list(range(15))
    found = list(each(curation_work.double, numbers, jobs, 'doubling'))
    assert found == [*((number, 2 * number) for number in range(13)), THIRTEEN, FOURTEEN]


@pytest.mark.parametrize('jobs', [1, 2])
def test_no_items(jobs):
    assert list(each(curation_work.double, [], jobs, 'doubling')) == []


@pytest.mark.parametrize('jobs', [1, 2])
def test_items_are_taken_as_they_are_needed(jobs):
    taken = []

    def numbers():
        for number in range(100):
            taken.append(number)
            yield number

    results = each(curation_work.double, numbers(), jobs, 'doubling')
    assert next(results) == (0, 0)
    assert len(taken) <= jobs * workers.AHEAD
    results.close()


@pytest.mark.parametrize('jobs', [1, 2])
def test_a_mistake_of_ours_and_a_full_disk_are_raised(jobs):
    with pytest.raises(KeyError, match='fifteen'):
        list(each(curation_work.double, [1, 15, 2], jobs, 'doubling'))
    with pytest.raises(OSError, match='No space left'):
        list(each(curation_work.double, [1, 16, 2], jobs, 'doubling'))


def test_an_exception_that_cannot_travel():
    with pytest.raises(RuntimeError, match='Unspeakable: eighteen') as caught:
        list(each(curation_work.double, [1, 18, 2], 2, 'doubling'))
    assert 'in double' in str(caught.value.__cause__)


@pytest.mark.skipif(not hasattr(signal, 'SIGKILL'), reason='no such signal')
def test_a_process_that_dies():
    with pytest.raises(ValueError, match=r'^a working process died \(signal 9\); perhaps the memory is full: lower'):
        list(each(curation_work.double, [1, 17, 2], 2, 'doubling'))


def test_each_process_has_one_thread():
    ours = os.getpid()
    for jobs in (1, 2):
        for _, (threads, threads_cv2, process) in each(curation_work.environment, range(4), jobs, 'looking'):
            assert threads == 1 and threads_cv2 <= 1 and (process == ours) == (jobs == 1)


def test_a_function_with_arguments_and_a_line_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(parallel, 'LINE_EVERY', 0)
    assert [result for _, result in each(partial(pow, exp=2), [3, 4], 1, 'squares')] == [9, 16]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('squares: 1 of 2, ') and lines[-1] == 'squares: 2 of 2, 0 s left'


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, 'nothing came'
        time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f'/proc/{process}/stat').read_text().split(') ')[1][0] != 'Z' if sys.platform == 'linux' else True


@pytest.mark.skipif(os.name != 'posix', reason='signals of POSIX')
@pytest.mark.slow
@pytest.mark.parametrize('name, status', [('SIGINT', 130), ('SIGTERM', 143), ('SIGKILL', -9)])
def test_no_process_outlives_the_command(tmp_path, name, status):
    script = tmp_path / 'sleepers.py'
    script.write_text(SLEEPERS)
    root, support = Path(__file__).parents[2], Path(curation_work.__file__).parent
    command = subprocess.Popen([sys.executable, str(script), str(support), str(tmp_path)], text=True,
                               stderr=subprocess.PIPE, env={**os.environ, 'PYTHONPATH': str(root)})
    files = [tmp_path / '0.pid', tmp_path / '1.pid']
    wait_for(lambda: all(file.exists() and file.read_text() for file in files))
    command.send_signal(getattr(signal, name))
    _, lines = command.communicate(timeout=60)
    assert command.returncode == status
    told = '' if name == 'SIGKILL' else ('\nsleep: stopped; what was finished is kept: run the same command again to '
                                         'go on\n')
    assert lines == told
    wait_for(lambda: not any(is_running(int(file.read_text())) for file in files), 20)


def test_a_command_in_a_thread_of_its_own():
    found = []
    thread = threading.Thread(target=lambda: found.extend(each(curation_work.double, range(4), 2, 'doubling')))
    thread.start()
    thread.join()
    assert [result for _, result in found] == [0, 2, 4, 6]
