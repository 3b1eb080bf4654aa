"""A folder that a command fills, so that a run killed anywhere can go on and nothing half-done passes for whole."""
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from effsr.curation.errors import refuse, unwritable
from effsr.curation.journal import Entry, Journal, compare, header_of, read_journal
from effsr.data.image_encode import write_bytes
from effsr.data.image_io import UNFINISHED, ImageError
from effsr.runtime.atomic import CheckpointError
from effsr.runtime.lock import locked

LOCK = 'prepare'  # .prepare.lock in the folder
LEFTOVER = re.compile(r'\..+\.\d+\.tmp')  # what a killed process leaves of a file that it was writing


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all; its folder is made where missing.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)
    except ImageError as error:
        raise unwritable(path, error.__cause__) from error
    except OSError as error:
        raise unwritable(path, error) from error


class Output:
    """The folder, its journal ``.prepare.jsonl`` and its mark ``.unfinished``, which no training takes for whole.

    The journal's first line says which command filled the folder, and how; each further one what is about to be, or
    was, made of a source. A source counts as done while it has the size and the time of change noted, and all its
    files the sizes noted. Use it in a ``with`` block, or call :meth:`close`: while it is open no other process can
    fill the folder.

    Args:
        folder: Made where missing.
        command: For example 'prepare subimages'; the mark holds it.
        settings: Whatever the result depends on; values that JSON has.
        parts: Subfolders that trainings open by themselves, and that need marks of their own: ('gt', 'lq').
        dry_run: Look and compare only; write nothing, lock nothing.

    Attributes:
        folder: The folder.
        done: Name of each source that is finished, now or before -> what was noted of it.

    Raises:
        ValueError: The folder holds other files, or was filled by another command or with other settings: names the
            one that differs and both values; or another process is filling it.
    """

    def __init__(self, folder: Path, command: str, settings: Mapping[str, Any], parts: Sequence[str] = (),
                 dry_run: bool = False):
        self.folder = Path(folder)
        self._command = command
        self._marks = [self.folder / UNFINISHED, *(self.folder / part / UNFINISHED for part in parts)]
        self._entries: dict[str, Entry] = {}
        self._begun: dict[str, set[str]] = {}
        self._journal: Journal | None = None
        self._open = ExitStack()
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f'{self.folder}: is a file; accepted: a folder, new, empty, or filled by {command} before')
        with ExitStack() as undo:
            undo.callback(self.close)
            header = header_of(command, settings)
            afresh = self._look(header)
            if not dry_run:
                self._lock()
                afresh = self._look(header)  # the other process may have written in between
                self._begin(header, afresh)
            undo.pop_all()
        self.done = {name: entry.record for name, entry in self._entries.items()
                     if entry.is_of(Path(entry.source)) and entry.is_whole(self.folder)}

    def __enter__(self) -> 'Output':
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others at the folder; what is not committed stays marked as unfinished."""
        self._open.close()

    def pending(self, sources: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
        """Those (name, path) of the sources that are not done; :attr:`done` gets those that only lie elsewhere now.

        Raises:
            ValueError: What a name stands for was made of another file, which is still there; named and counted.
        """
        left, clashes = [], []
        for name, path in sources:
            entry = self._entries.get(name)
            if entry and _another_file(entry.source, path):
                clashes.append(f'{path}: {self.folder} holds what was made of {entry.source}, which has the same name; '
                               'rename one, or give another -o')
            elif entry and entry.is_of(path) and entry.is_whole(self.folder):
                self.done[name] = entry.record
            else:
                left.append((name, path))
        refuse(clashes)
        return left

    def gone(self, sources: Sequence[tuple[str, Path]]) -> list[str]:
        """Names that were finished earlier and are no longer among the sources; what was made of them stays."""
        names = {name for name, _ in sources}
        return [name for name in self._entries if name not in names]

    def refuse_others(self, files: Sequence[str]) -> None:
        """Refuse to replace files that this command did not make.

        Args:
            files: What is about to be written: paths below the folder, '/' between parts.

        Raises:
            ValueError: Some of them are there already; named and counted.
        """
        ours = set().union(*self._begun.values())
        refuse([f'{self.folder / file}: is there already, and {self._command} did not make it; move it away, or give '
                'another -o' for file in files if file not in ours and os.path.lexists(self.folder / file)])

    def begin(self, name: str, files: Sequence[str]) -> None:
        """Note that these files are about to be written, so that a later run knows them for this command's own.

        Raises:
            OutputError: The journal cannot be written.
        """
        self._journal.append(begin=name, files=list(files))
        self._begun.setdefault(name, set()).update(files)

    def note(self, name: str, source: Path, files: Sequence[str], record: Any = None) -> None:
        """Note that all files of a source are in place; others that were begun for it, now or before, are removed.

        Args:
            name: The source's name.
            source: Its path.
            files: Paths below the folder, '/' between parts.
            record: Anything that JSON has; :attr:`done` gives it back.

        Raises:
            OutputError: The journal cannot be written.
        """
        try:
            self._remove(self._begun.get(name, set()).difference(files), but_of=name)
            status = source.stat()
            sizes = {file: (self.folder / file).stat().st_size for file in files}
        except OSError as error:
            raise unwritable(self.folder, error) from error
        entry = Entry(str(source.absolute()), status.st_size, status.st_mtime_ns, sizes, record)
        self._journal.append(name=name, source=entry.source, bytes=entry.size, mtime_ns=entry.mtime_ns, files=sizes,
                             record=record)
        self._entries[name] = entry
        self._begun[name] = set(files)
        self.done[name] = record

    def files_of(self, name: str) -> list[str]:
        """What was made of a source: paths below the folder."""
        return list(self._entries[name].files)

    def commit(self) -> None:
        """Everything is there: remove what was begun and never finished, take the marks away, and close.

        Raises:
            OutputError: The disk did not take all of it.
        """
        self._journal.sync()
        try:
            self._remove(set().union(*self._begun.values()))
            for mark in self._marks[::-1]:
                mark.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self.close()

    def _look(self, header: Mapping[str, Any]) -> bool:
        """Read the account, and refuse what is not ours; return whether there is nothing yet to go on with."""
        account = read_journal(self.folder)
        begun = account.begun.values() if account else ()
        if account and (account.entries or any((self.folder / file).exists() for files in begun for file in files)):
            compare(self.folder, account.header, header)
            self._entries, self._begun = account.entries, account.begun
            return False
        other = next(_visible_files(self.folder), None)
        if other is not None:
            raise ValueError(f'{self.folder}: holds {other.relative_to(self.folder)}, which {self._command} did not '
                             'make; accepted: a folder that is new, empty, or filled by the same command')
        return True

    def _remove(self, files: set[str], but_of: str | None = None) -> None:
        """Remove files, but none that is noted: a renamed source gives the files of its old name."""
        # Most were never written: of a tile that was left out nothing is there.
        there = {file for file in files if os.path.lexists(self.folder / file)}
        if there:
            there = there.difference(*(entry.files for name, entry in self._entries.items() if name != but_of))
        for file in there:
            (self.folder / file).unlink(missing_ok=True)

    def _lock(self) -> None:
        try:
            self._open.enter_context(locked(self.folder / LOCK, 'filling this folder; wait for it, or give another -o'))
        except CheckpointError as error:
            raise ValueError(str(error)) from error
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _begin(self, header: Mapping[str, Any], afresh: bool) -> None:
        try:
            for path in self.folder.rglob('.*.tmp'):
                if LEFTOVER.fullmatch(path.name):
                    path.unlink(missing_ok=True)
            for mark in self._marks:
                mark.parent.mkdir(parents=True, exist_ok=True)
                write_whole(mark, f'{self._command}\n'.encode())
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self._journal = Journal(self.folder, header, afresh)
        self._open.callback(self._journal.close)


def _another_file(noted: str, path: Path) -> bool:
    """Whether a source noted before is still there, and is another file than this one, whichever way leads to it."""
    if noted == str(path.absolute()) or not os.path.exists(noted):
        return False
    return not (path.exists() and os.path.samefile(noted, path))


def _visible_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith('.'))
