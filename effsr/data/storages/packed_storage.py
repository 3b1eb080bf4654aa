"""Decoded pictures one after the other in one file, mapped to memory: a window costs what its rows cost.

The folder holds pixels.bin, the pictures' uint8 RGB rows, and index.json:
`{"format": "effsr packed", "version": 1, "alpha": "white", "alpha_seen": false, "bytes": 123,
"images": [["NAME.png", offset, height, width, crc32], ...]}`.
"""
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from effsr.data.image_io import ImageError
from effsr.data.storages.container import INDEX, chosen, read_index
from effsr.data.storages.per_process import PerProcess
from effsr.data.storages.storage import Storage

PIXELS = 'pixels.bin'
FORMAT = 'effsr packed'
VERSION = 1
REMEDY = 'make it again: python effsr/prepare.py pack'


def map_pixels(path: Path) -> np.ndarray:
    """All bytes of a file, read as they are touched; not to be written to."""
    return np.memmap(path, np.uint8, 'r').view(np.ndarray)


def is_packed_index(path: Path) -> bool:
    """Whether a file begins as the index of a packed set, whose pixels may be missing."""
    try:
        with path.open('rb') as file:
            return FORMAT.encode() in file.read(100)
    except OSError:
        return False


class PackedStorage(Storage):
    """Pictures decoded when they were packed.

    Args:
        root: The folder.
        names: The pictures to take; None takes all.
        alpha: What was to be done with transparency; where a picture has any, it must be what was done.

    Raises:
        ValueError: Not such a folder, damaged, cut short, packed by another rule for transparency, or without a picture
            of `names`.
    """

    kind = 'packed'
    windowed = True

    def __init__(self, root: Path, names: Sequence[str] | None = None, alpha: str = 'white'):
        if not (root / PIXELS).is_file():
            what = 'no such folder' if not root.exists() else f'holds no {PIXELS}' if root.is_dir() else 'is a file'
            raise ValueError(f'{root}: {what}; accepted: a folder that python effsr/prepare.py pack made')
        index = read_index(root / INDEX, FORMAT, VERSION, REMEDY)
        try:
            held = [str(image[0]) for image in index['images']]
            # Offset, height, width, crc32.
            places = np.array([image[1:5] for image in index['images']], np.int64).reshape(len(held), 4)
            total, seen, rule = int(index['bytes']), bool(index['alpha_seen']), str(index['alpha'])
            ends = places[:, 0] + 3 * places[:, 1] * places[:, 2]
            if len(set(held)) < len(held) or (places[:, :3] < (0, 1, 1)).any() or (ends > total).any():
                raise ValueError
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            raise ValueError(f'{root / INDEX}: damaged, its entries do not fit together; {REMEDY}') from None
        there = (root / PIXELS).stat().st_size
        if there != total:
            what = 'cut short' if there < total else 'not the file that was packed'
            raise ValueError(f'{root / PIXELS}: {what}, it has {there:,} bytes and {INDEX} says {total:,}; copy it '
                             f'again, or {REMEDY}')
        if seen and rule != alpha:
            raise ValueError(f'{root}: was packed with alpha {rule}, and holds pictures with transparency; alpha '
                             f'{alpha} is asked for; set alpha: {rule}, or pack again with --alpha {alpha}')
        numbers = chosen(root, held, names)
        super().__init__(root, [held[number] for number in numbers])
        self._places = places[numbers]
        self._pixels = PerProcess(partial(map_pixels, root / PIXELS))

    def read(self, index: int) -> np.ndarray:
        offset, height, width, _ = self._places[index].tolist()
        try:
            pixels = self._pixels.get()
        except OSError as error:
            raise ImageError(f'{self.root / PIXELS}: cannot be read ({error.strerror or error}); check the file and '
                             'its permissions') from error
        return pixels[offset:offset + 3 * height * width].reshape(height, width, 3)

    def size(self, index: int) -> tuple[int, int]:
        _, height, width, _ = self._places[index].tolist()
        return height, width

    def bytes_of(self, index: int) -> int:
        return 0

    def verify(self, index: int) -> None:
        """Compare a picture's pixels with the checksum that was taken when they were packed.

        Raises:
            ImageError: They differ.
        """
        if zlib.crc32(self.read(index).reshape(-1)) != self._places[index, 3]:
            raise ImageError(f'{self.where(index)}: its pixels in {PIXELS} are not those that were packed (crc32); '
                             f'copy the file again, or {REMEDY}')
