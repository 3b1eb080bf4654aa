"""One run at a time in a folder: a second one would mix its checkpoints with those of the first."""
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from effsr.runtime.atomic import CheckpointError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger('basicsr')

PATIENCE = 10.0  # seconds; readers of a run that was killed hold its lock until they notice


def lock_path(folder: Path) -> Path:
    """experiments/NAME -> experiments/.NAME.lock, beside the folder, which is renamed when it is archived."""
    return folder.with_name(f'.{folder.name}.lock')


HOLDER_IS = 'training in this folder; wait for it, stop it, or give this run another name'


@contextmanager
def locked(folder: Path, holder_is: str = HOLDER_IS) -> Iterator[None]:
    """Hold the lock of a run's folder; the system takes it back when the process ends in any way.

    Where the file system or the system has no such locks, nothing is held.

    Args:
        folder: Of the run.
        holder_is: What to say of a process that holds it, and what to do.

    Raises:
        CheckpointError: Another process holds it; the message says which.
    """
    if fcntl is None:
        yield
        return
    path = lock_path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a+b') as file:
        held = _take(file, path, holder_is)
        try:
            if held:
                file.truncate(0)
                file.write(f'process {os.getpid()} on {socket.gethostname()}'.encode())
                file.flush()
            yield
        finally:
            if held:
                with suppress(OSError):
                    path.unlink()


def _take(file: BinaryIO, path: Path, holder_is: str) -> bool:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                file.seek(0)
                holder = file.read().decode(errors='replace') or 'another process'
                raise CheckpointError(f'{path}: {holder} is {holder_is}') from None
            time.sleep(0.2)
        except OSError as error:
            logger.warning('%s: no locks here (%s): see to it that no other run writes to this folder', path,
                           error.strerror)
            return False
