"""What the commands share that put all pictures into one place: lmdb, pack and shards."""
import argparse
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from effsr.curation.arguments import plural
from effsr.curation.output import Output
from effsr.curation.parallel import Failure, each, tell
from effsr.data.image_decode import decode_bytes
from effsr.data.image_header import unreadable

Source = tuple[str, Path]  # name, as of effsr.curation.arguments.sources, and path


class Content(NamedTuple):
    """A picture's file, read and found to be whole.

    Attributes:
        data: Its bytes.
        shape: (height, width, channels), upright; channels 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    """

    data: bytes
    shape: tuple[int, int, int]


class Noted(NamedTuple):
    """A picture that is in its place, for the journal."""

    name: str
    path: Path
    record: Any


class Container(ABC):
    """Many pictures in few files. Its folder is marked as unfinished from the first write to the last.

    Args:
        folder: Where it lies.
        chosen: All the pictures that it is to hold, in their order.

    Attributes:
        label: The command: 'prepare lmdb'.
        settings: What the result depends on, beside the pictures.
        anchor: The file that stands for the whole in the journal, beside those of single pictures.
    """

    label: str
    anchor: str

    def __init__(self, folder: Path, chosen: Sequence[Source]):
        self.folder = folder
        self.chosen = chosen
        self.settings: dict[str, Any] = {}

    @property
    @abstractmethod
    def do(self) -> Callable[[Source], Any]:
        """The work on one picture, which is sent to processes."""

    @abstractmethod
    def files(self) -> list[str]:
        """Names of all files that may be written."""

    @abstractmethod
    def foresee(self) -> str:
        """What it will come to, for --dry_run: '41 MB'."""

    @abstractmethod
    def kept(self, done: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the pictures noted before (name -> record) whose content is found in its place."""

    @abstractmethod
    def write(self, results: Iterable[tuple[Source, Any]]) -> Iterator[Noted]:
        """Write results, some of which are a Failure, in their order; yield what is on the disk."""

    @abstractmethod
    def finish(self, records: Mapping[str, Any]) -> tuple[list[str], str, list[str]]:
        """Write what makes it a whole: the index.

        Args:
            records: Name -> what was noted, of all pictures that it is to hold, in their order.

        Returns:
            Names of all its files; what it comes to, '3 shards, 41 MB'; lines to tell.
        """


def read_whole(source: Source) -> Content:
    """Read a picture's file, and decode it: a damaged one must not get in.

    Raises:
        ImageError: It cannot be read, or is damaged; names it.
    """
    _, path = source
    data = file_bytes(path)
    pixels, _ = decode_bytes(data, path)
    return Content(data, pixels.shape)


def file_bytes(path: Path) -> bytes:
    """A picture's file.

    Raises:
        ImageError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def size_of(path: Path) -> int:
    """Bytes of a picture's file; 0 where it cannot be told, which is named when its turn comes."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def collect(args: argparse.Namespace, container: Container) -> int:
    """Put all pictures in, those left over from an earlier run first of all left where they are.

    Args:
        args: The flags of :func:`add_container_arguments`.
        container: What to fill.

    Returns:
        The command's exit status.

    Raises:
        ValueError: The folder holds something else, cannot be written, or is being filled.
    """
    began = time.monotonic()
    chosen = container.chosen
    with Output(args.output, container.label, container.settings, dry_run=args.dry_run) as output:
        output.pending(chosen)  # names that stood for other files are refused
        done = {name: record for name, record in output.done.items() if name != container.anchor}
        records = container.kept(done)
        left = [source for source in chosen if source[0] not in records]
        output.refuse_others(container.files())
        if args.dry_run:
            print(f'dry run: {plural(len(left), "picture")} of {len(chosen):,} to do, the others are done -> '
                  f'{container.foresee()} in all in {args.output}; nothing was written')
            return 0
        output.begin(container.anchor, container.files())
        failures: list[str] = []
        for name, path, record in container.write(_told(each(container.do, left, args.jobs, container.label),
                                                        failures)):
            output.note(name, path, [], record)
            records[name] = record
        held = {name: records[name] for name, _ in chosen if name in records}
        if failures and (args.on_error == 'fail' or not held):
            return _incomplete(container, failures, len(chosen), bool(held))
        files, size, lines = container.finish(held)
        for line in lines:
            tell(f'note: {line}')
        output.note(container.anchor, args.output / container.anchor, files)
        output.commit()
    skipped = f' ({len(failures):,} cannot be used)' if failures else ''
    print(f'{plural(len(held), "picture")} -> {size} in {args.output}{skipped}, {time.monotonic() - began:,.0f} s')
    return 0


def _told(results: Iterable[tuple[Source, Any]], failures: list[str]) -> Iterator[tuple[Source, Any]]:
    for source, result in results:
        if isinstance(result, Failure):
            tell(result.reason)
            failures.append(result.reason)
        yield source, result


def _incomplete(container: Container, failures: Sequence[str], total: int, some: bool) -> int:
    skip = ', or give --on_error skip' if some else ''
    print(f'{container.label}: {plural(len(failures), "picture")} of {total:,} cannot be used, named above; mend or '
          f'remove {"it" if len(failures) == 1 else "them"}{skip}, then run the same command again to finish',
          file=sys.stderr)
    return 1


def megabytes(count: int) -> str:
    """Bytes as a user reads them: 41,300,000 -> 41.3 MB."""
    return f'{count / 1e6:,.1f} MB' if count < 1e9 else f'{count / 1e9:,.2f} GB'
