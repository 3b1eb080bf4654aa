"""Moving a file so that at every moment a whole copy of it lies somewhere: copy, verify, then remove."""
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from effsr.curation.errors import OutputError, unwritable

PIECE = 2**20
MEANWHILE = 'another process has just made this file; run the same command again'


def move_file(source: Path, target: Path) -> None:
    """Move a file, to another disk too, never onto a different one.

    The copy is written beside ``target`` under a hidden name, flushed to the disk, read back and compared; only when it
    bears its own name is the original removed. A run that was stopped in between is finished by calling again: a target
    of the same content is taken for that copy. The time of change is kept.

    Raises:
        ValueError: Another file has the target's name; the original is no file, or changed meanwhile. It stays.
        OutputError: The copy cannot be written; the original stays.
    """
    if not source.is_file():
        raise ValueError(f'{source}: no such file to move; check the path')
    if target.is_symlink() or (target.exists() and _same_place(source, target)):
        raise ValueError(f'{target}: is a link or the file itself; {source} stays; give another folder to move to')
    before = source.stat()
    digest = file_digest(source)
    if target.exists():
        if target.stat().st_size != before.st_size or file_digest(target) != digest:
            raise ValueError(f'{target}: another file is there already; {source} stays; move it away, or give another '
                             'folder to move to')
    else:
        _copy(source, target, digest)
    _sync_folder(target.parent)
    after = source.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ValueError(f'{source}: changed while it was moved and stays; remove {target}, then move it again')
    try:
        source.unlink()
    except OSError as error:
        raise ValueError(f'{source}: copied to {target}, but cannot be removed ({error.strerror}); make its folder '
                         'writable, then move it again') from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _same_place(source: Path, target: Path) -> bool:
    """Whether removing one removes the other; hard links are two files here."""
    return source.resolve() == target.resolve()


def _copy(source: Path, target: Path, digest: str) -> None:
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open('rb') as original, temporary.open('wb') as copy:
                shutil.copyfileobj(original, copy, PIECE)
                copy.flush()
                os.fsync(copy.fileno())
            with suppress(OSError):  # a file system without such times
                shutil.copystat(source, temporary)
            if file_digest(temporary) != digest:
                raise OutputError(f'{target}: what was written is not what was read; {source} stays; check the disk')
            _name(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error


def _name(temporary: Path, target: Path) -> None:
    """Give the copy its name without ever replacing a file, as renaming would where another process was quicker."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise OutputError(f'{target}: {MEANWHILE}') from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise OutputError(f'{target}: {MEANWHILE}') from None
        os.replace(temporary, target)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable before the old one goes. Windows cannot open folders, and needs it not."""
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
