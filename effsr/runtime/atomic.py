"""Writing a file so that it is there whole or not at all."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class CheckpointError(ValueError):
    """A checkpoint cannot be written, read or used; the message is one line with file and remedy."""


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
        cause = _os_error_behind(error)
        if cause is None:
            raise
        raise CheckpointError(f'{path}: cannot be written ({cause.strerror or cause}); an earlier file of this name is '
                              'untouched; free space or make the folder writable, then resume') from error


def _os_error_behind(error: BaseException | None) -> OSError | None:
    """torch.save reports a failing write as RuntimeError, with the OSError as its context."""
    while error is not None and not isinstance(error, OSError):
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
