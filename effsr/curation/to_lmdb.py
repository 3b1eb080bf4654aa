"""Put picture files, unchanged, into an LMDB that BasicSR reads, too.

One file instead of many, for file systems that are slow with small files; each picture is decoded as it would be from a
folder. Keys are names without suffix, so no two pictures may differ in it alone. Name the folder OUT.lmdb: BasicSR
asks for that.
"""
import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

from effsr.curation.arguments import add_common, plural, sources
from effsr.curation.container import (
    Container,
    Content,
    Noted,
    Source,
    collect,
    megabytes,
    read_whole,
    size_of,
)
from effsr.curation.errors import OutputError, refuse, unwritable
from effsr.curation.output import write_whole
from effsr.curation.parallel import Failure
from effsr.data.storages.lmdb_storage import DATA, META, key_of

BATCH = 64 * 2**20  # bytes of a transaction
GROWTH = 64 * 2**20  # steps of the map's size; on Windows it is the file's size
LONGEST_KEY = 511  # lmdb's default


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Put all pictures in; return the exit status."""
    return collect(args, LmdbContainer(args.output, sources(args)))


class LmdbContainer(Container):
    """An LMDB being made: see :mod:`effsr.data.storages.lmdb_storage`.

    What is noted of a picture: [height, width, channels, bytes].

    Args:
        folder: Where it lies.
        chosen: The pictures.

    Raises:
        ValueError: Two of them have one name but for the suffix, or one has a name that cannot be a key.
    """

    label = 'prepare lmdb'
    anchor = META

    def __init__(self, folder: Path, chosen: Sequence[Source]):
        super().__init__(folder, chosen)
        _refuse_keys(chosen)

    @property
    def do(self) -> Callable[[Source], Content]:
        return read_whole

    def files(self) -> list[str]:
        return [DATA, META]

    def foresee(self) -> str:
        return megabytes(sum(size_of(path) for _, path in self.chosen))

    def kept(self, done: Mapping[str, Any]) -> dict[str, Any]:
        sizes = self._sizes_of(done)
        return {name: record for name, record in done.items() if sizes.get(name) == record[3]}

    def write(self, results: Iterable[tuple[Source, Any]]) -> Iterator[Noted]:
        # A run that was killed may have come to write some that it did not come to note.
        unnoted = self._sizes_of([name for name, _ in self.chosen])
        batch: list[tuple[Noted, bytes]] = []
        size = 0
        for (name, path), result in results:
            if isinstance(result, Failure):
                continue
            noted = Noted(name, path, [*result.shape, len(result.data)])
            if name in unnoted and self._holds(name, result.data):
                yield noted
                continue
            batch.append((noted, result.data))
            size += len(result.data)
            if size >= BATCH:
                yield from self._put(batch)
                batch, size = [], 0
        if batch:
            yield from self._put(batch)

    def _put(self, batch: Sequence[tuple[Noted, bytes]]) -> list[Noted]:
        """Write pictures in one transaction.

        lmdb remembers free pages while it is open: opened for each transaction, it comes to the same file whether or
        not a run was killed between two of them.
        """
        with self._open() as environment:
            put(environment, {key_of(noted.name): data for noted, data in batch})
        return [noted for noted, _ in batch]

    def _sizes_of(self, names: Iterable[str]) -> dict[str, int]:
        """Bytes of those of the pictures that are there."""
        if not (self.folder / DATA).is_file():
            return {}
        with self._open(readonly=True) as environment, environment.begin(buffers=True) as transaction:
            found = {name: transaction.get(key_of(name)) for name in names}
            return {name: len(data) for name, data in found.items() if data is not None}

    def _holds(self, name: str, data: bytes) -> bool:
        with self._open(readonly=True) as environment, environment.begin(buffers=True) as transaction:
            return transaction.get(key_of(name)) == data

    def finish(self, records: Mapping[str, Any]) -> tuple[list[str], str, list[str]]:
        with self._open() as environment:
            removed = _remove_others(environment, {key_of(name) for name in records})
        text = ''.join(f'{name} ({height},{width},{channels}) 1\n'
                       for name, (height, width, channels, _) in records.items())
        write_whole(self.folder / META, text.encode())
        lines = [f'{plural(removed, "picture")} of an earlier run removed from {self.folder}'] if removed else []
        return self.files(), megabytes((self.folder / DATA).stat().st_size), lines + self._basicsr_lines(records)

    def _basicsr_lines(self, names: Iterable[str]) -> list[str]:
        odd = [name for name in names if '.' in key_of(name).decode() or not name.isascii()]
        lines = [f'BasicSR itself cannot read {plural(len(odd), "picture")}, such as {odd[0]}, for a dot within the '
                 'name or a letter beyond ASCII; effsr can'] if odd else []
        if self.folder.suffix != '.lmdb':
            lines.append(f'BasicSR itself takes only folders that end in .lmdb; {self.folder} can be renamed')
        return lines

    @contextmanager
    def _open(self, readonly: bool = False) -> Iterator[lmdb.Environment]:
        """The database; only one process fills a folder, so that it needs no lock file."""
        try:
            with lmdb.open(str(self.folder), map_size=GROWTH, readonly=readonly, lock=False) as environment:
                _refuse_cut(self.folder / DATA, environment)
                yield environment
        except lmdb.Error as error:
            reason = ' '.join(str(error).split())
            if isinstance(error, lmdb.InvalidError | lmdb.CorruptedError | lmdb.VersionMismatchError):
                raise OutputError(f'{self.folder / DATA}: damaged ({reason}); remove {self.folder}, and run the same '
                                  'command again') from error
            raise unwritable(self.folder / DATA, OSError(0, reason)) from error


def put(environment: lmdb.Environment, values: Mapping[bytes, bytes]) -> None:
    """Write values in one transaction; the map grows to hold them, by the same steps in every run."""
    page = environment.stat()['psize']
    room = sum(len(value) + 3 * page for value in values.values())
    size = -(-((environment.info()['last_pgno'] + 64) * page + room) // GROWTH) * GROWTH
    if size > environment.info()['map_size']:
        environment.set_mapsize(size)
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in values.items():
                    transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(environment.info()['map_size'] + GROWTH)


def _remove_others(environment: lmdb.Environment, wanted: set[bytes]) -> int:
    """Remove the pictures of earlier runs that are not wanted any more; return how many."""
    with environment.begin() as transaction:
        others = [key for key in transaction.cursor().iternext(values=False) if key not in wanted]
    if others:
        environment.set_mapsize(environment.info()['map_size'] + GROWTH)  # removing takes pages, too
        with environment.begin(write=True) as transaction:
            for key in others:
                transaction.delete(key)
    return len(others)


def _refuse_cut(path: Path, environment: lmdb.Environment) -> None:
    """Reading behind the end of a mapped file kills the process."""
    needed = (environment.info()['last_pgno'] + 1) * environment.stat()['psize']
    there = path.stat().st_size
    if there < needed:
        raise OutputError(f'{path}: cut short, {there:,} of {needed:,} bytes; remove {path.parent}, and run the same '
                          'command again')


def _refuse_keys(chosen: Sequence[Source]) -> None:
    first: dict[bytes, str] = {}
    problems = []
    for name, path in chosen:
        if not _is_text(name):
            problems.append(f'{str(path)!r}: its name is no UTF-8, or has a line break; rename it')
            continue
        key = key_of(name)
        other = first.setdefault(key, name)
        if other != name:
            problems.append(f'{path}: has the name of {other} but for the suffix, which an LMDB does not keep; rename '
                            'one of them')
        if len(key) > LONGEST_KEY:
            problems.append(f'{path}: its name takes {len(key)} bytes, an LMDB takes {LONGEST_KEY}; rename it')
    refuse(problems)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not set(name) & {'\n', '\r'}
