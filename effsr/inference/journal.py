"""Which results lie whole in a folder, and how they were made: a file of lines that grows."""
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

JOURNAL = '.upscale.jsonl'


@dataclass(frozen=True)
class Entry:
    """One result.

    Attributes:
        source: Full path of the input.
        naming: What, beside the input's name, the result's name was made of.
        source_mark, target_mark: :func:`mark_of` both files.
        target: Its path below the folder.
        settings: How it was made.
    """

    source: str
    naming: str
    source_mark: str
    target: str
    target_mark: str
    settings: Mapping[str, Any]


def mark_of(path: Path) -> str:
    """Tells a file from what it was at another time: bytes and time of its last change; '' where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return ''
    return f'{stat.st_size} {stat.st_mtime_ns}'


class Journal:
    """A folder's journal. It is read at once, and written when the first result is there.

    Args:
        folder: Of the results.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / JOURNAL
        self.entries: dict[tuple[str, str], Entry] = {}
        self.results: dict[Path, str] = {}  # full path -> mark
        try:
            lines = self.path.read_bytes().split(b'\n')
        except OSError:
            lines = []
        for line in lines:
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):  # what a killed process left half-written
                continue
            self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        self.entries[entry.source, entry.naming] = entry
        self.results[(self.folder / entry.target).resolve()] = entry.target_mark

    def made(self, path: Path) -> bool:
        """Whether a file is a result of this folder's, as it was made."""
        mark = self.results.get(path.resolve(), '')
        return bool(mark) and mark == mark_of(path)

    def find(self, source: Path, naming: str) -> Entry | None:
        """What was made of a file as it is now, if that is still there as it was made."""
        entry = self.entries.get((str(source.resolve()), naming))
        if entry is None or entry.source_mark != mark_of(source) or not entry.target_mark:
            return None
        return entry if entry.target_mark == mark_of(self.folder / entry.target) else None

    def note(self, source: Path, naming: str, target: Path, settings: Mapping[str, Any]) -> None:
        """Add a result. A folder that takes results and no journal loses nothing but the way to resume."""
        entry = Entry(str(source.resolve()), naming, mark_of(source), target.relative_to(self.folder).as_posix(),
                      mark_of(target), dict(settings))
        self._keep(entry)
        try:
            with open(self.path, 'ab') as file:
                # A line of its own, whatever a killed process left of another.
                file.write((b'\n' if file.tell() else b'') + json.dumps(asdict(entry)).encode())
        except OSError:
            return
