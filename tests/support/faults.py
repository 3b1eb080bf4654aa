"""Training runs in processes of their own, killed at enumerated steps of writing a checkpoint or at any moment.

On Linux and macOS: the child is forked, so that torch need not be imported for every run.
"""
import io
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

import effsr.train
from effsr import loop, pipeline
from effsr.data.loaders import Prefetcher
from effsr.models import checkpoints
from effsr.runtime import atomic


class Faults:
    """Counts the steps of writing checkpoints, and kills the process at one of them.

    A step is every call that changes a file below experiments/ or makes it durable, and the middle of every file's
    bytes.

    Args:
        start: Iteration at whose end the checkpoint is written; None counts what comes before the first iteration.
        kill_at: Number of the step before which the process is killed; None counts only.
        record: Where the name of each step is written, one a line.
    """

    def __init__(self, start: int | None, kill_at: int | None = None, record: Path | None = None):
        self.start, self.kill_at, self.record = start, kill_at, record
        self.step = 0
        self.active = start is None

    def reach(self, what: str) -> None:
        """One step begins."""
        if not self.active:
            return
        self.step += 1
        if self.record is not None:
            with self.record.open('a') as file:
                file.write(f'{what}\n')
        if self.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put the steps into this process, for good."""
        for name in ('fsync', 'replace', 'link', 'unlink'):
            self._wrap(name)
        save = torch.save

        def in_halves(obj, file, *args, **kwargs):
            buffer = io.BytesIO()
            save(obj, buffer, *args, **kwargs)
            data = buffer.getvalue()
            file.write(data[:len(data) // 2])
            file.flush()
            self.reach('half a file')
            file.write(data[len(data) // 2:])

        def quiet(prefetcher):
            self.active = False
            begin(prefetcher)

        def watched(write):
            def writing(model):
                self.active = model.current_iter == self.start
                write(model)
                self.reach('after it')
                self.active = False
            return writing

        torch.save = in_halves
        begin, Prefetcher.reset = Prefetcher.reset, quiet
        # The end of an iteration, the end of the run, and the scores of a validation after that.
        loop.commit = checkpoints.commit = watched(checkpoints.commit)
        pipeline.add_scores = watched(pipeline.add_scores)

    def _wrap(self, name: str) -> None:
        original = getattr(os, name)

        def counted(*args, **kwargs):
            described = ' '.join(Path(arg).name for arg in args if isinstance(arg, str | Path))
            if name == 'fsync' or any('experiments' in str(Path(arg).absolute()) for arg in args):
                self.reach(f'{name} {described}'.replace(f'.{os.getpid()}.', '.'))
            return original(*args, **kwargs)

        setattr(atomic.os, name, counted)


@contextmanager
def forked(work: Callable[[], int], output: Path):
    """The pid of a child that does some work; its output goes to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Python 3.12 warns of forks in processes with threads
        pid = os.fork()
    if pid == 0:
        status = 99
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            sys.stdout, sys.stderr = os.fdopen(1, 'w', 1), os.fdopen(2, 'w', 1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    yield pid


def status_of(pid: int) -> int:
    """Exit status of a child; that of one that was killed is minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def train(options: str, *flags: str, faults: Faults | None = None, kill_after: float | None = None,
          send: int = signal.SIGKILL, output: Path = Path('output.txt')) -> int:
    """Train in a process of its own, in the working directory; return its exit status.

    Args:
        options: Option file.
        flags: Further flags of effsr/train.py.
        faults: Installed there.
        kill_after: Seconds after which `send` is sent to it.
        send: A signal.
        output: File that what it prints is added to.
    """
    def work() -> int:
        if faults is not None:
            faults.install()
        return effsr.train.main(['-opt', options, *flags])

    with forked(work, output) as pid:
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.kill(pid, send)
        return status_of(pid)
