"""What was computed before, by content: a file of lines that grows, so that a run that was stopped goes on."""
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from effsr.curation.errors import unwritable

JOURNAL = '.evaluation.jsonl'


class Known(NamedTuple):
    """What a journal tells.

    Attributes:
        files: Key -> SHA-256 of the file that was made.
        scores: Key -> value.
    """

    files: dict[str, str]
    scores: dict[str, float]


def read_journal(folder: Path) -> Known:
    """A folder's journal; lines that a killed process left half-written do not count."""
    known = Known({}, {})
    path = folder / JOURNAL
    if not path.is_file():
        return known
    for line in path.read_bytes().split(b'\n'):
        try:
            entry = json.loads(line)
            known.files.update(entry.get('files', {}))
            known.scores.update({key: float(value) for key, value in entry.get('scores', {}).items()})
        except (ValueError, AttributeError, TypeError):
            continue
    return known


class Journal:
    """A journal that is written to; a context manager.

    Args:
        folder: Where; made where missing.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, folder: Path):
        self.path = folder / JOURNAL
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, 'ab')  # noqa: SIM115  closed by __exit__
        except OSError as error:
            raise unwritable(self.path, error) from error
        # What a killed process left of a line must not spoil the next one.
        self._append(b'\n' if self.path.stat().st_size else b'')

    def note(self, files: Mapping[str, str], scores: Mapping[str, float]) -> None:
        """Add what was made and computed; nothing if there is none.

        Raises:
            OutputError: The disk is full, or the like.
        """
        if files or scores:
            # Infinity, of identical pictures, has no form in JSON.
            entry: dict[str, Any] = {'files': dict(files), 'scores': {key: repr(value) for key, value in
                                                                      scores.items()}}
            self._append(json.dumps(entry).encode() + b'\n')

    def _append(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *reason: object) -> None:
        self._file.close()
