"""Errors that end a command, beside those of a single picture."""
import errno
from collections.abc import Sequence
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
SHOWN = 5


class OutputError(ValueError):
    """The output cannot be written; one line with place and remedy. No picture's own: it ends the command."""


def ends_everything(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, is the output's own: a full or read-only disk, a folder not to be written."""
    while error is not None:
        if isinstance(error, OutputError) or (isinstance(error, OSError) and error.errno in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error to raise for a file or folder that cannot be written."""
    return OutputError(f'{path}: cannot be written ({error.strerror or error}); what was finished before is kept; make '
                       'room and the folder writable, then run the same command again')


def refuse(problems: Sequence[str]) -> None:
    """Raise one ValueError that lists the first few problems and counts the rest; nothing if there are none."""
    lines = list(problems[:SHOWN])
    if len(problems) > SHOWN:
        lines.append(f'... and {len(problems) - SHOWN:,} more like these, {len(problems):,} in all')
    if lines:
        raise ValueError('\n'.join(lines))
