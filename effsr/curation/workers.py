"""Processes that do the work of :mod:`effsr.curation.parallel`, and end with the command, however that ends."""
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import cv2
import torch

# A fork would carry the locks of this process's threads along, and Apple's libraries do not bear one at all.
METHOD = 'forkserver' if sys.platform == 'linux' else 'spawn'
AHEAD = 4  # results for each process that may wait for their turn
PATIENCE = 2.0  # seconds for a process to end by itself
MOST = 60 if sys.platform == 'win32' else None  # processes: Windows waits for at most 63 at a time
ONE_THREAD = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


class _Raised(NamedTuple):
    """An exception on its way from a worker."""

    error: Exception
    trace: str


class _Worker(NamedTuple):
    process: BaseProcess
    connection: Connection


def use_one_thread() -> None:
    """Let torch and OpenCV compute in this thread alone: sums in another order would differ in their last bit."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def by_processes(do: Callable[[Any], Any], items: Iterable[Any], jobs: int) -> Iterator[tuple[Any, Any]]:
    """Yield (item, do(item)) in the order of the items, by `jobs` processes.

    What `do` raises is raised here, caused by a RuntimeError that holds the process's traceback.

    Raises:
        ValueError: A process died.
    """
    workers: list[_Worker] = []
    finished = False
    try:
        for worker in _started(do, jobs if MOST is None else min(jobs, MOST)):
            workers.append(worker)
        yield from _in_turn(workers, items)
        finished = True
    finally:
        _end(workers, at_once=not finished)


def _in_turn(workers: list[_Worker], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """A process gets its next item only when it waits for one: neither side ever blocks on a full pipe."""
    source = enumerate(items)
    by_connection = {worker.connection: worker for worker in workers}
    idle, busy = deque(workers), {}
    waiting: deque[tuple[int, Any]] = deque()
    results: dict[int, Any] = {}
    while True:
        while idle and len(waiting) < AHEAD * len(workers) and (entry := next(source, None)) is not None:
            worker = idle.popleft()
            waiting.append(entry)
            busy[worker.connection] = entry[0]
            _send(worker, entry[1])
        if not waiting:
            return
        number, item = waiting[0]
        for connection in wait(list(busy), timeout=0 if number in results else None):
            results[busy.pop(connection)] = _receive(by_connection[connection])
            idle.append(by_connection[connection])
        if number in results:
            waiting.popleft()
            yield item, results.pop(number)


def _send(worker: _Worker, item: Any) -> None:
    try:
        worker.connection.send(item)
    except OSError as error:
        raise _death(worker) from error


def _receive(worker: _Worker) -> Any:
    try:
        result = worker.connection.recv()
    except (EOFError, OSError) as error:
        raise _death(worker) from error
    if isinstance(result, _Raised):
        raise result.error from RuntimeError(f'in a process:\n{result.trace}')
    return result


def _death(worker: _Worker) -> ValueError:
    worker.process.join(PATIENCE)
    # Who ends the whole group of processes means this one, too: its own signal is on its way.
    time.sleep(0.2)
    code = worker.process.exitcode
    how = f'signal {-code}' if code is not None and code < 0 else f'status {code}'
    return ValueError(f'a working process died ({how}); perhaps the memory is full: lower --jobs, then run the same '
                      'command again to go on')


def _end(workers: list[_Worker], at_once: bool) -> None:
    for worker in workers:
        worker.connection.close()
        if at_once:
            worker.process.terminate()
    for worker in workers:
        worker.process.join(PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()


def _started(do: Callable[[Any], Any], jobs: int) -> Iterator[_Worker]:
    context = multiprocessing.get_context(METHOD)
    with _for_processes():
        if METHOD == 'forkserver':
            from multiprocessing import forkserver
            # Whoever is forked from there has all of it at once, where importing costs each process seconds.
            context.set_forkserver_preload(_modules_of(do))
            forkserver.ensure_running()
    for _ in range(jobs):
        with _for_processes() if METHOD == 'spawn' else nullcontext():
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, do), daemon=True)
            process.start()
            there.close()
        yield _Worker(process, here)


def _modules_of(do: Callable[[Any], Any]) -> list[str]:
    """The modules of a function and of those that it is a partial of or for."""
    if isinstance(do, partial):
        return [name for part in (do.func, *do.args) if callable(part) for name in _modules_of(part)]
    return [do.__module__]


@contextmanager
def _for_processes() -> Iterator[None]:
    """What processes inherit: one thread each, the way to effsr, and Ctrl-C blocked, which is this process's matter.

    Blocked and not ignored: a Ctrl-C of just now arrives when the block ends.
    """
    before = {name: os.environ.get(name) for name in (*ONE_THREAD, 'PYTHONPATH')}
    os.environ.update(dict.fromkeys(ONE_THREAD, '1'))
    # The fork server of Python before 3.11.10 and 3.12.4 is not told sys.path, and would preload nothing.
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, sys.path))
    can_block = hasattr(signal, 'pthread_sigmask')
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_block else None
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if can_block:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(connection: Connection, do: Callable[[Any], Any]) -> None:
    """A process's life: it ends when its pipe is closed or when its parent is gone, in whatever way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_one_thread()
    # EOFError or OSError: the other end is closed, or gone.
    with suppress(EOFError, OSError):
        while True:
            connection.send_bytes(_answer(do, connection.recv()))


def _answer(do: Callable[[Any], Any], item: Any) -> bytes:
    try:
        return pickle.dumps(do(item))
    except Exception as error:
        return _packed(error)


def _packed(error: Exception) -> bytes:
    trace = ''.join(traceback.format_exception(error))
    try:
        packed = pickle.dumps(_Raised(error, trace))
        pickle.loads(packed)  # not every exception that can be pickled can be made again
    except Exception:
        packed = pickle.dumps(_Raised(RuntimeError(f'{type(error).__name__}: {error}'), trace))
    return packed


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
