"""Put picture files, unchanged, into tar files as webdataset reads them, for clusters.

Few large files instead of many small ones, and an index.json, by which a training reads any picture of them at once. A
picture's name in the tar file is its path below -i.
"""
import argparse
import io
import itertools
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from effsr.curation.arguments import add_common, number, plural, sources
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
from effsr.curation.errors import unwritable
from effsr.curation.output import write_whole
from effsr.curation.parallel import Failure
from effsr.data.storages.container import INDEX
from effsr.data.storages.tar_files import FORMAT, VERSION, scan_tar
from effsr.runtime.atomic import CheckpointError, atomic_file

SHARD_MB = 256


class _Incomplete(ValueError):
    """A picture of a shard cannot be used, so that the shard is not written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_common(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--shard_mb', type=number(int, least=1), default=SHARD_MB, metavar='N',
                       help=f'megabytes of a tar file ({SHARD_MB})')
    group.add_argument('--shard_count', type=number(int, least=1), metavar='N',
                       help='so many tar files of about one size, such as a multiple of the processes that read them')


def run(args: argparse.Namespace) -> int:
    """Fill all shards; return the exit status."""
    chosen = sources(args)
    sizes = [size_of(path) for _, path in chosen]
    if args.shard_count is None:
        counts, settings = by_size(sizes, args.shard_mb * 10**6), {'shard_mb': args.shard_mb}
    else:
        counts, settings = by_count(sizes, args.shard_count), {'shard_count': args.shard_count}
    return collect(args, Shards(args.output, chosen, counts, settings, args.on_error == 'skip'))


def by_size(sizes: Sequence[int], most: int) -> list[int]:
    """How many of the next pictures go into each shard, so that none exceeds `most` bytes if it holds more than one."""
    counts, filled = [], 0
    for size in map(_stored, sizes):
        if not counts or filled + size > most:
            counts.append(0)
            filled = 0
        counts[-1] += 1
        filled += size
    return counts


def by_count(sizes: Sequence[int], shards: int) -> list[int]:
    """How many of the next pictures go into each of so many shards, none of them empty, of about the same bytes.

    Raises:
        ValueError: There are fewer pictures than shards.
    """
    if shards > len(sizes):
        raise ValueError(f'--shard_count {shards}: there are {plural(len(sizes), "picture")}; accepted: up to as many')
    stored = list(map(_stored, sizes))
    ends, total, filled = [], sum(stored), 0
    for done, size in enumerate(stored):
        # The middle of a picture decides to which shard it belongs; each takes one at least, and leaves one for each.
        wanted = int((filled + size / 2) * shards / total)
        missing = shards - 1 - len(ends)
        if done and (len(ends) < wanted or missing >= len(stored) - done):
            ends.append(done)
        filled += size
    return [end - start for start, end in zip([0, *ends], [*ends, len(stored)], strict=True)]


def _stored(size: int) -> int:
    """Bytes that a file takes in a tar file: a header, and whole blocks."""
    return tarfile.BLOCKSIZE * (1 + -(-size // tarfile.BLOCKSIZE))


class Shards(Container):
    """Tar files being made: see :mod:`effsr.data.storages.shard_storage`.

    What is noted of a picture: [shard's file, offset, bytes].

    Args:
        folder: Where they lie.
        chosen: The pictures.
        counts: How many of them each shard takes.
        settings: How that was found.
        skip: Shards are written without the pictures that cannot be used; else they wait for them.
    """

    label = 'prepare shards'
    anchor = INDEX

    def __init__(self, folder: Path, chosen: Sequence[Source], counts: Sequence[int], settings: Mapping[str, Any],
                 skip: bool):
        super().__init__(folder, chosen)
        self.settings = dict(settings)
        self._skip = skip
        shards = [f'{shard:06d}.tar' for shard, count in enumerate(counts) for _ in range(count)]
        self._shard_of = {name: shard for (name, _), shard in zip(chosen, shards, strict=True)}

    @property
    def do(self) -> Callable[[Source], Content]:
        return read_whole

    def files(self) -> list[str]:
        return [*dict.fromkeys(self._shard_of.values()), INDEX]

    def foresee(self) -> str:
        total = sum(size_of(path) for _, path in self.chosen)
        return f'{plural(len(self.files()) - 1, "shard")}, {megabytes(total)}'

    def kept(self, done: Mapping[str, Any]) -> dict[str, Any]:
        kept = {}
        for shard, names in itertools.groupby(self._shard_of, self._shard_of.get):
            records = {name: done.get(name) for name in names}
            if all(records.values()) and _holds(self.folder / shard, shard, records):
                kept.update(records)
        return kept

    def write(self, results: Iterable[tuple[Source, Any]]) -> Iterator[Noted]:
        for shard, group in itertools.groupby(results, lambda result: self._shard_of[result[0][0]]):
            path = self.folder / shard
            try:
                with atomic_file(path) as file:
                    noted = _write_tar(file, shard, group, self._skip)
            except _Incomplete:
                continue
            except CheckpointError as error:
                raise unwritable(path, error.__cause__) from error
            yield from noted

    def finish(self, records: Mapping[str, Any]) -> tuple[list[str], str, list[str]]:
        shards = []
        for shard, group in itertools.groupby(records.items(), lambda item: item[1][0]):
            images = [[name, offset, size] for name, (_, offset, size) in group]
            shards.append({'file': shard, 'bytes': (self.folder / shard).stat().st_size, 'images': images})
        index = {'format': FORMAT, 'version': VERSION, 'shards': shards}
        write_whole(self.folder / INDEX, json.dumps(index, separators=(',', ':')).encode())
        total = megabytes(sum(shard['bytes'] for shard in shards))
        return ([*(shard['file'] for shard in shards), INDEX], f'{plural(len(shards), "shard")}, {total}',
                _webdataset_lines(records))


def _write_tar(file: BinaryIO, shard: str, results: Iterable[tuple[Source, Any]], skip: bool) -> list[Noted]:
    """Write a whole tar file; nothing in it depends on when or by whom it is written.

    Raises:
        _Incomplete: One of the pictures cannot be used, nor be left out; all others have been taken from `results`.
    """
    noted, failed = [], False
    with tarfile.open(fileobj=file, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for (name, path), result in results:
            failed |= isinstance(result, Failure)
            if isinstance(result, Failure) or (failed and not skip):
                continue
            member = tarfile.TarInfo(name)
            member.size = len(result.data)
            tar.addfile(member, io.BytesIO(result.data))
            offset = tar.offset - _stored(member.size) + tarfile.BLOCKSIZE
            noted.append(Noted(name, path, [shard, offset, member.size]))
    if not noted or (failed and not skip):
        raise _Incomplete
    return noted


def _holds(path: Path, shard: str, records: Mapping[str, Any]) -> bool:
    """Whether a shard is there and holds these pictures, at these places, and no other."""
    try:
        return [[name, [shard, *place]] for name, *place in scan_tar(path)] == [[*item] for item in records.items()]
    except ValueError:
        return False


def _webdataset_lines(names: Iterable[str]) -> list[str]:
    """webdataset takes for one sample what agrees up to the first dot of the file's name."""
    keys: dict[PurePosixPath, str] = {}
    shared = []
    for name in names:
        path = PurePosixPath(name)
        key = path.with_name(path.name.partition('.')[0])
        other = keys.setdefault(key, name)
        if other != name:
            shared.append(f'{other} and {name}')
    return [f'webdataset itself would take {shared[0]} for one sample, and {len(shared) - 1:,} more such; effsr does '
            'not'] if shared else []
