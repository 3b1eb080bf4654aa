"""Decode pictures once and lay their pixels one after the other into one file, of which a training reads windows.

The fastest to read, the largest on the disk: three bytes a pixel. A 400 px crop costs the same of any picture, so whole
photographs need not be cut into sub-images. Rows are uint8 RGB as the training would decode them: upright, grey
repeated, 16 bits brought down to 8, transparency by --alpha.
"""
import argparse
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from effsr.curation.arguments import add_common, sources
from effsr.curation.container import (
    Container,
    Noted,
    Source,
    collect,
    file_bytes,
    megabytes,
)
from effsr.curation.errors import unwritable
from effsr.curation.output import write_whole
from effsr.curation.parallel import Failure
from effsr.data.image_io import ALPHA_RULES, ImageError, image_size, rgb_from_bytes
from effsr.data.storages.container import INDEX
from effsr.data.storages.packed_storage import FORMAT, PIXELS, VERSION

BATCH = 64 * 2**20  # bytes between two moments at which all is on the disk, and noted


class Decoded(NamedTuple):
    """A picture's pixels.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        crc: crc32 of their bytes.
        is_clear: Some of the picture was transparent, so that they depend on the rule for it.
    """

    pixels: np.ndarray
    crc: int
    is_clear: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_common(parser)
    parser.add_argument('--alpha', choices=ALPHA_RULES, default='white',
                        help='transparent pictures: laid on white (default), black or gray; drop: colours as they '
                             'stand; refuse: cannot be used')


def run(args: argparse.Namespace) -> int:
    """Pack all pictures; return the exit status."""
    return collect(args, Pack(args.output, sources(args), args.alpha))


def decode(source: Source, alpha: str) -> Decoded:
    """Decode one picture.

    Raises:
        ImageError: It cannot be read, is damaged, or is transparent and alpha is refuse.
    """
    _, path = source
    data = file_bytes(path)
    try:
        # Opaque pictures are the same by every rule.
        pixels, is_clear = rgb_from_bytes(data, path, 'refuse'), False
    except ImageError:
        pixels, is_clear = rgb_from_bytes(data, path, alpha), True
    return Decoded(pixels, zlib.crc32(pixels), is_clear)


class Pack(Container):
    """A packed set being made: see :mod:`effsr.data.storages.packed_storage`.

    What is noted of a picture: [offset, height, width, crc32, whether it is transparent].

    Args:
        folder: Where it lies.
        chosen: The pictures.
        alpha: What to do with transparency.
    """

    label = 'prepare pack'
    anchor = PIXELS

    def __init__(self, folder: Path, chosen: Sequence[Source], alpha: str):
        super().__init__(folder, chosen)
        self.settings = {'alpha': alpha}
        self._end = 0  # of what is kept

    @property
    def do(self) -> Callable[[Source], Decoded]:
        return partial(decode, alpha=self.settings['alpha'])

    def files(self) -> list[str]:
        return [PIXELS, INDEX]

    def foresee(self) -> str:
        return megabytes(sum(map(_pixel_bytes, self.chosen)))

    def kept(self, done: Mapping[str, Any]) -> dict[str, Any]:
        path = self.folder / PIXELS
        there = path.stat().st_size if path.is_file() else 0
        kept = {name: record for name, record in done.items() if _end(record) <= there}
        self._end = max(map(_end, kept.values()), default=0)
        return kept

    def write(self, results: Iterable[tuple[Source, Any]]) -> Iterator[Noted]:
        path = self.folder / PIXELS
        try:
            with open(path, 'r+b' if path.exists() else 'wb') as file:
                file.truncate(self._end)  # what a killed run wrote and did not note
                file.seek(self._end)
                yield from self._append(file, results)
        except OSError as error:
            raise unwritable(path, error) from error

    def _append(self, file: BinaryIO, results: Iterable[tuple[Source, Any]]) -> Iterator[Noted]:
        waiting: list[Noted] = []
        size = 0
        for (name, path), result in results:
            if isinstance(result, Failure):
                continue
            height, width, _ = result.pixels.shape
            waiting.append(Noted(name, path, [file.tell(), height, width, result.crc, result.is_clear]))
            size += file.write(result.pixels.data)
            if size >= BATCH:
                _settle(file)
                yield from waiting
                waiting, size = [], 0
        _settle(file)
        yield from waiting

    def finish(self, records: Mapping[str, Any]) -> tuple[list[str], str, list[str]]:
        total = (self.folder / PIXELS).stat().st_size
        images = [[name, *record[:4]] for name, record in records.items()]
        index = {'format': FORMAT, 'version': VERSION, 'alpha': self.settings['alpha'],
                 'alpha_seen': any(record[4] for record in records.values()), 'bytes': total, 'images': images}
        write_whole(self.folder / INDEX, json.dumps(index, separators=(',', ':')).encode())
        dead = total - sum(_end(record) - record[0] for record in records.values())
        lines = [f'{self.folder / PIXELS} keeps {megabytes(dead)} of pictures that have changed or are no longer among '
                 'those given; pack into a new folder to be rid of them'] if dead else []
        return self.files(), megabytes(total), lines


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _end(record: Sequence[int]) -> int:
    offset, height, width = record[:3]
    return offset + 3 * height * width


def _pixel_bytes(source: Source) -> int:
    try:
        height, width = image_size(source[1])
    except ImageError:
        return 0  # told when its turn comes
    return 3 * height * width
