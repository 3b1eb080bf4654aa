"""Resizing a picture whose rows come one band after the other."""
import numpy as np

from effsr.data.imresize import Taps, apply_taps, axis_taps

# Columns are weighed in float64, so many rows at a time.
CHUNK_ROWS = 32
METHOD = 'bicubic'


def whole_taps(length: int, output: int) -> Taps:
    """The weights of a whole side that becomes ``output`` pixels long, as :func:`effsr.data.imresize.imresize`'s."""
    return axis_taps(length, output, output / length, 0, output, METHOD)


class RowResizer:
    """Resizes a picture band by band, as :func:`effsr.data.imresize.imresize` does the whole with ``size``.

    Antialiased bicubic; only the rows that are still needed are kept.

    Args:
        size: (height, width) of what comes in.
        target: (height, width) of what goes out.
    """

    def __init__(self, size: tuple[int, int], target: tuple[int, int]) -> None:
        self.columns = whole_taps(size[1], target[1])
        rows = whole_taps(size[0], target[0])
        self.rows = rows
        reached = rows.matrix.indices.reshape(target[0], -1) + rows.start
        # Of each row that goes out and all after it: the first row that is needed. And of it alone: the last.
        self.needs = np.minimum.accumulate(reached.min(axis=1)[::-1])[::-1]
        self.ends = reached.max(axis=1) + 1
        self.kept = np.empty((0, 0, 0), np.float32)
        self.first = 0
        self.done = 0

    def push(self, band: np.ndarray) -> np.ndarray:
        """Take the next rows, float (n, W, C); return the rows that are ready, float32 (m, W', C), m from 0."""
        parts = [self._across(band[top:top + CHUNK_ROWS]) for top in range(0, len(band), CHUNK_ROWS)]
        self.kept = np.concatenate([*([self.kept] if self.kept.size else []), *parts])
        received = self.first + len(self.kept)
        ready = self.done
        while ready < len(self.ends) and self.ends[ready] <= received:
            ready += 1
        out = self._down(self.done, ready)
        self.done = ready
        if ready < len(self.ends):
            useless = max(0, self.needs[ready] - self.first)
            self.kept = self.kept[useless:].copy()
            self.first += useless
        return out

    def _across(self, rows: np.ndarray) -> np.ndarray:
        start, stop = self.columns.start, self.columns.start + self.columns.matrix.shape[1]
        return apply_taps(self.columns.matrix, rows[:, start:stop].astype(np.float64), 1).astype(np.float32)

    def _down(self, begin: int, end: int) -> np.ndarray:
        out = np.empty((end - begin, *self.kept.shape[1:]), np.float32)
        for top in range(begin, end, CHUNK_ROWS):
            bottom = min(end, top + CHUNK_ROWS)
            low, high = int(self.needs[top]), int(self.ends[top:bottom].max())
            weights = self.rows.matrix[top:bottom, low - self.rows.start:high - self.rows.start]
            part = self.kept[low - self.first:high - self.first]
            out[top - begin:bottom - begin] = apply_taps(weights, part.astype(np.float64), 0)
        return out


class ResizedPlane:
    """A plane that is resized as it is, row by row as they are asked for.

    Args:
        plane: (H, W, C) of any dtype.
        target: (height, width).
    """

    def __init__(self, plane: np.ndarray, target: tuple[int, int]) -> None:
        self.plane = plane
        self.resizer = RowResizer(plane.shape[:2], target)
        self.read = 0
        self.ready = np.empty((0, target[1], plane.shape[2]), np.float32)

    def take(self, count: int) -> np.ndarray:
        """The next rows, float32 (count, W', C), in the plane's own unit."""
        while len(self.ready) < count:
            band = self.plane[self.read:self.read + CHUNK_ROWS]
            self.read += len(band)
            self.ready = np.concatenate([self.ready, self.resizer.push(band)])
        taken, self.ready = self.ready[:count], self.ready[count:]
        return taken
