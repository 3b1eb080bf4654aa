"""The account a command keeps of a folder: what it made there, of which source, with which settings."""
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from effsr import __version__
from effsr.curation.errors import unwritable
from effsr.runtime.atomic import CheckpointError, atomic_file

JOURNAL = '.prepare.jsonl'
FORMAT = 'effsr prepare'
VERSION = 1


class Entry(NamedTuple):
    """What the journal says of one source.

    Attributes:
        source: Its path, absolute.
        size: Its bytes.
        mtime_ns: When it was last changed.
        files: What was made of it: path below the folder, '/' between parts -> bytes.
        record: What the command noted of it.
    """

    source: str
    size: int
    mtime_ns: int
    files: dict[str, int]
    record: Any

    def is_of(self, source: Path) -> bool:
        """Whether a file has the size and the time of change of the source."""
        try:
            status = source.stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)

    def is_whole(self, folder: Path) -> bool:
        """Whether all that was made of it is there, with the bytes noted."""
        try:
            return all((folder / file).stat().st_size == size for file, size in self.files.items())
        except OSError:
            return False


class Account(NamedTuple):
    """A journal's content: its header, the last entry of each name, and the files ever begun for each name."""

    header: dict[str, Any]
    entries: dict[str, Entry]
    begun: dict[str, set[str]]


def header_of(command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The first line of a journal."""
    return {'format': FORMAT, 'version': VERSION, 'command': command, 'settings': json.loads(json.dumps(settings)),
            'effsr': __version__}


def read_journal(folder: Path) -> Account | None:
    """A folder's journal, or None; a line that a killed process left half-written does not count.

    Raises:
        ValueError: It is not a journal of this version.
    """
    path = folder / JOURNAL
    if not path.exists():
        return None
    header, *lines = [_parsed(line) for line in path.read_bytes().split(b'\n')[:-1]] or [None]
    if header is None or (header.get('format'), header.get('version')) != (FORMAT, VERSION):
        raise ValueError(f'{path}: not an account of prepare.py of version {VERSION}; remove {folder}, or give another '
                         '-o')
    entries: dict[str, Entry] = {}
    begun: dict[str, set[str]] = {}
    for line in filter(None, lines):
        name = line['begin'] if 'begin' in line else line['name']
        begun.setdefault(name, set()).update(line['files'])
        if 'name' in line:
            entries[name] = Entry(*(line[key] for key in ('source', 'bytes', 'mtime_ns', 'files', 'record')))
    return Account(header, entries, begun)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A line, or None for one damaged by a crash of the whole machine: its source is then done again."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def compare(folder: Path, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with another command or other settings than a folder was begun with.

    Raises:
        ValueError: Names what differs, and both values.
    """
    if was['command'] != now['command']:
        raise ValueError(f'{folder}: was filled by {was["command"]}, not by {now["command"]}; give another -o')
    old, new = was['settings'], now['settings']
    for key in sorted({*old, *new}, key=[*new, *old].index):
        if old.get(key) != new.get(key):
            raise ValueError(f'{folder}: was filled with {key} {_shown(old.get(key))}, not {_shown(new.get(key))}; '
                             f'give the same {key}, or another -o')


def _shown(value: Any) -> str:
    return 'none' if value is None else value if isinstance(value, str) else json.dumps(value)


class Journal:
    """A journal being written.

    Args:
        folder: Where it lies.
        header: Written where there is no journal yet, or where a new one is wanted.
        afresh: Begin a new one.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any], afresh: bool):
        self._path = folder / JOURNAL
        try:
            if afresh:
                with atomic_file(self._path) as file:
                    file.write(_line(header))
            self._file = self._path.open('r+b')
            whole = self._file.read().rfind(b'\n') + 1
            self._file.truncate(whole)
            self._file.seek(whole)
        except OSError as error:
            raise unwritable(self._path, error) from error
        except CheckpointError as error:
            raise unwritable(self._path, error.__cause__) from error

    def append(self, **content: Any) -> None:
        """Write one line, through to the system.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            self._file.write(_line(content))
            self._file.flush()
        except OSError as error:
            raise unwritable(self._path, error) from error

    def sync(self) -> None:
        """See to it that the disk has all of it."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file; a disk that was full has been told before."""
        try:
            self._file.close()
        except OSError as error:
            raise unwritable(self._path, error) from error


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode() + b'\n'
