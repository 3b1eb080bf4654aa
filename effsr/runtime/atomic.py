"""Writing a file so that it is there whole or not at all."""
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar


class CheckpointError(ValueError):
    """A checkpoint cannot be written, read or used; the message is one line with file and remedy."""


E = TypeVar('E', bound=BaseException)

LEFTOVER = '.*.tmp'  # what a killed process leaves behind of a file that it was writing


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` for writing; on success flush, fsync and rename it to ``path``.

    The folder is made where missing. On any failure, an interrupt included, the temporary file is removed and an
    existing ``path`` stays as it was.

    Raises:
        CheckpointError: The file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, 'wb') as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            if temporary.parent.is_dir():
                temporary.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        interrupt = _behind(error, KeyboardInterrupt)
        if interrupt is not None:
            raise interrupt from None
        cause = _behind(error, OSError)
        if cause is None:
            raise
        raise CheckpointError(f'{path}: cannot be written ({cause.strerror or cause}); an earlier file of this name is '
                              'untouched; free space or make the folder writable, then resume') from error


def link_atomic(source: Path, target: Path) -> None:
    """Let ``target`` be the same file as ``source``, by a hard link where the file system has them, else by a copy.

    At every moment ``target`` is absent, the old file, or the new one. That they share their bytes does no harm:
    files are replaced here, never written into.

    Raises:
        CheckpointError: It cannot be written.
    """
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    try:
        temporary.unlink(missing_ok=True)
        os.link(source, temporary)
        os.replace(temporary, target)
        # Renaming one link of a file to another of the same file leaves both.
        temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        with atomic_file(target) as file, open(source, 'rb') as original:
            shutil.copyfileobj(original, file)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; no other run may be writing there."""
    for path in folder.glob(LEFTOVER):
        path.unlink(missing_ok=True)


def _behind(error: BaseException | None, kind: type[E]) -> E | None:
    """torch.save reports whatever ends a write as RuntimeError, with the exception itself as its context."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable. Windows cannot open folders, and needs it not."""
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
