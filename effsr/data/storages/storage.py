"""What every storage of pictures can do; the same picture has the same number in each of them."""
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def in_order(names: Sequence[str]) -> list[str]:
    """Names sorted as a folder's files are: folder by folder."""
    return sorted(names, key=lambda name: name.split('/'))


class Storage(ABC):
    """Pictures under one root, by number.

    Storages are handed to reading processes: they can be pickled, and open nothing before the first picture is asked
    for, nor carry what is open over to another process.

    Attributes:
        root: The folder or file that the user named.
        kind: 'disk', 'lmdb', 'packed' or 'shards', as under io_backend: type.
        names: Path of each picture below the root, with its suffix, '/' between the parts; see :func:`in_order`, or in
            the order of the list that was asked for.
        windowed: Whether :meth:`window` costs as much as the window; else as much as the picture.
    """

    kind: str
    windowed = False

    def __init__(self, root: Path, names: Sequence[str]):
        self.root = root
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def where(self, index: int) -> str:
        """What to call a picture in messages and logs: the path of its file, or one like it."""
        return str(self.root / self.names[index])

    @abstractmethod
    def read(self, index: int) -> np.ndarray:
        """The whole picture as :func:`effsr.data.image_io.read_rgb` gives it, (H, W, 3) uint8 RGB; read-only.

        Raises:
            ImageError: It cannot be read; names it as :meth:`where` does.
        """

    def window(self, index: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The part ``[top:top + height, left:left + width]`` of :meth:`read`; not to be written to."""
        return self.read(index)[top:top + height, left:left + width]

    @abstractmethod
    def size(self, index: int) -> tuple[int, int]:
        """Height and width, without decoding.

        Raises:
            ImageError: The picture is missing, empty, cut short or no image, as far as can be told without decoding.
        """

    def data(self, index: int) -> bytes | None:
        """The image file that is stored, or None where its pixels alone are.

        Raises:
            ImageError: It cannot be read.
        """
        return None

    @abstractmethod
    def bytes_of(self, index: int) -> int:
        """Bytes of the stored picture, 0 where it is missing: what decoding it costs; 0 where nothing is decoded."""
