"""The pictures of a dataset: those of one storage or of several, decoded ones kept in memory up to a limit."""
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from effsr.data.image_check import DECODED_BYTES, refuse, spread
from effsr.data.image_io import ImageError
from effsr.data.shares import Share
from effsr.data.storages.storage import Storage

AT_A_TIME = 64  # pictures that a thread checks before it asks for more: asking costs as much as a header


class ImageSet:
    """Pictures of several storages under one numbering, storage after storage.

    Decoding a photograph takes longer than everything else a dataset does with it, and small sets fit in memory: what
    was decoded is kept until it fills `cache_mb`; later ones are decoded at each use. Windows of a storage that reads
    them alone are not kept: they cost next to nothing.

    Args:
        storages: Where the pictures lie.
        cache_mb: Megabytes to fill, in each reading process.

    Attributes:
        sizes: int32 (N, 2), height and width of each, known after :meth:`check`; 0 of those that cannot be used.
    """

    def __init__(self, storages: Sequence[Storage], cache_mb: int = 0):
        self.storages = tuple(storages)
        self.counts = tuple(map(len, self.storages))
        self._ends = np.cumsum(self.counts)
        self.sizes = np.zeros((len(self), 2), np.int32)
        self.refused: dict[int, str] = {}
        self._free = cache_mb * 2**20
        self._kept: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: not the pictures kept in this one."""
        kept = sum(image.nbytes for image in self._kept.values())
        return {**vars(self), '_kept': {}, '_free': self._free + kept}

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.counts else 0

    def shares(self, weights: Sequence[float] | None) -> 'list[Share] | None':
        """For the sampler: how many pictures each storage has, and its weight; None without weights."""
        return None if weights is None else [Share(*pair) for pair in zip(self.counts, weights, strict=True)]

    def _find(self, index: int) -> tuple[Storage, int]:
        number = int(np.searchsorted(self._ends, index, 'right'))
        return self.storages[number], int(index) - int(self._ends[number]) + self.counts[number]

    def where(self, index: int) -> str:
        """What to call a picture in messages and logs."""
        storage, own = self._find(index)
        return storage.where(own)

    def name(self, index: int) -> str:
        """Path of a picture below its root."""
        storage, own = self._find(index)
        return storage.names[own]

    def size(self, index: int) -> tuple[int, int]:
        """Height and width, as :meth:`check` found them."""
        height, width = self.sizes[index].tolist()
        return height, width

    def read(self, index: int) -> np.ndarray:
        """A whole picture, (H, W, 3) uint8 RGB; not to be written to.

        Raises:
            ImageError: It cannot be read, was refused by :meth:`check`, or is not what it was then.
        """
        self.require(index)
        return self.kept(index, lambda: self._read(index))

    def kept(self, index: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What `make` gives for a picture, from memory where it was kept."""
        image = self._kept.get(int(index))
        if image is None:
            image = make()
            if image.nbytes <= self._free:
                self._kept[int(index)] = image
                self._free -= image.nbytes
        return image

    def _read(self, index: int) -> np.ndarray:
        storage, own = self._find(index)
        image = storage.read(own)
        if self.sizes[index].any() and image.shape[:2] != tuple(self.sizes[index]):
            height, width = self.sizes[index]
            raise ImageError(f'{self.where(index)}: is {image.shape[1]}x{image.shape[0]} now and was {width}x{height} '
                             'when the dataset was opened; start again')
        return image

    def window(self, index: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The part ``[top:top + height, left:left + width]`` of a picture; not to be written to.

        Raises:
            ImageError: As :meth:`read`.
        """
        storage, own = self._find(index)
        if storage.windowed:
            self.require(index)
            return storage.window(own, top, left, height, width)
        return self.read(index)[top:top + height, left:left + width]

    def require(self, index: int) -> None:
        """Raise ImageError for a picture that was refused."""
        if int(index) in self.refused:
            raise ImageError(self.refused[int(index)])

    def inspect(self, smallest: int, what: str) -> list[tuple[int, int] | str]:
        """Look at all pictures' headers and ends, decode as many as cost seconds, and compare sizes with the crop.

        Args:
            smallest: Least height and width in pixels.
            what: The option that asks for that size, for the message.

        Returns:
            For each its height and width, or the line that says what is wrong with it.
        """
        costs = [self._bytes_of(index) for index in range(len(self))]
        decoded = {index for index in spread(costs, DECODED_BYTES) if costs[index]}

        def check(index: int) -> tuple[int, int] | str:
            storage, own = self._find(index)
            try:
                height, width = storage.size(own)
                if index in decoded:
                    storage.read(own)
            except ImageError as error:
                return str(error)
            if min(height, width) < smallest:
                return too_small(storage.where(own), height, width, smallest, what)
            return height, width

        def check_all(first: int) -> list[tuple[int, int] | str]:
            return [check(index) for index in range(first, min(first + AT_A_TIME, len(self)))]

        with ThreadPoolExecutor(16) as pool:
            return [result for part in pool.map(check_all, range(0, len(self), AT_A_TIME)) for result in part]

    def check(self, smallest: int, what: str, on_error: str = 'fail',
              also: Callable[[int, tuple[int, int]], str | None] | None = None) -> None:
        """Inspect all pictures, and refuse those that cannot be used.

        Args:
            smallest, what: As :meth:`inspect`.
            on_error: fail, or skip.
            also: (number, size) -> what else is wrong with a picture that can be read, or None.

        Raises:
            ImageError: One line for each of the first few: on_error is fail, or none can be used.
        """
        found = self.inspect(smallest, what)
        if also is not None:
            found = [result if isinstance(result, str) else also(index, result) or result
                     for index, result in enumerate(found)]
        self.settle(found, on_error)

    def settle(self, found: Sequence[tuple[int, int] | str], on_error: str) -> None:
        """Take over what :meth:`inspect` found; raises as :meth:`check`."""
        refuse([result for result in found if isinstance(result, str)], len(self), on_error)
        self.take_over(found)

    def take_over(self, found: Sequence[tuple[int, int] | str]) -> None:
        """Take sizes and refusals from what :meth:`inspect` found."""
        self.refused = {index: result for index, result in enumerate(found) if isinstance(result, str)}
        for index, result in enumerate(found):
            self.sizes[index] = (0, 0) if isinstance(result, str) else result

    def _bytes_of(self, index: int) -> int:
        storage, own = self._find(index)
        return storage.bytes_of(own)


def too_small(where: str, height: int, width: int, smallest: int, what: str) -> str:
    """The line for a picture smaller than a crop."""
    option = '' if what == 'scale' else f'{what}: '
    return (f'{option}{where}: {width}x{height} is smaller than the {smallest}x{smallest} that {what} needs; take it '
            f'out or lower {what}')
