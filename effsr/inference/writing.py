"""From a network's tiles to the rows of the result: put together, resized, rounded."""
from collections.abc import Callable, Mapping

import numpy as np

from effsr.inference.passes import BandEnd, BandLost, Part
from effsr.inference.planes import quantise
from effsr.inference.resizing import ResizedPlane, RowResizer

SLICE_ROWS = 64


class BandWriter:
    """Takes what :class:`effsr.inference.passes.Runner` delivers, and hands on rows of the result.

    Args:
        size: (height, width) of the input.
        channels: Of the result.
        scale: The network's factor.
        target: (height, width) of the result; where it is not ``scale`` times the input, the network's result is
            resized.
        dtype: Of the result, uint8 or uint16.
        write: Takes rows (n, W, C), from top to bottom.
        fixed: Channels of one value in [0, 1].
        clear: Transparency (H, W, 1) that is to be resized into the last channel, or None.
    """

    def __init__(self, size: tuple[int, int], channels: int, scale: int, target: tuple[int, int], dtype: np.dtype,
                 write: Callable[[np.ndarray], None], fixed: Mapping[int, float], clear: np.ndarray | None) -> None:
        natural = (size[0] * scale, size[1] * scale)
        self.size = size
        self.scale = scale
        self.dtype = np.dtype(dtype)
        self.write = write
        self.fixed = fixed
        self.clear = None if clear is None else ResizedPlane(clear, target)
        self.resizer = None if natural == target else RowResizer(natural, target)
        self.shape = (natural[1], channels)
        self.band: np.ndarray | None = None

    def handle(self, item: Part | BandEnd | BandLost) -> None:
        """Take a part, or write what a band's end makes ready."""
        if isinstance(item, Part):
            self._place(item)
        elif isinstance(item, BandLost):
            self.band = None
        else:
            self._flush()

    def _place(self, part: Part) -> None:
        row = part.row._replace(last=min(part.row.last, self.size[0]))
        column = part.column._replace(last=min(part.column.last, self.size[1]))
        height, width = (row.last - row.first) * self.scale, (column.last - column.first) * self.scale
        if height <= 0 or width <= 0:  # nothing but the extension
            return
        if self.band is None:
            self.band = np.empty((height, *self.shape), self.dtype if self.resizer is None else np.float32)
            if self.clear is not None:  # comes when the rows are written
                self.band[..., -1] = 0
            for channel, value in self.fixed.items():
                self.band[..., channel] = quantise(np.float32(value), self.dtype) if self.resizer is None else value
        values = part.plane.finish(part.answer[:, :height, :width], row, column)
        left, first = column.first * self.scale, part.plane.channel
        place = self.band[:, left:left + width, first:first + values.shape[2]]
        place[:] = quantise(values, self.dtype) if self.resizer is None else values

    def _flush(self) -> None:
        band, self.band = self.band, None
        if band is None:
            return
        if self.resizer is None:
            self._write(band)
            return
        # In slices: a band in float32, resized to more, would be large.
        for top in range(0, len(band), SLICE_ROWS):
            rows = self.resizer.push(band[top:top + SLICE_ROWS])
            if len(rows):
                self._write(quantise(rows, self.dtype))

    def _write(self, rows: np.ndarray) -> None:
        if self.clear is not None:
            alpha = self.clear.take(len(rows)) / np.float32(np.iinfo(self.clear.plane.dtype).max)
            rows[..., -1:] = quantise(alpha, self.dtype)
        self.write(rows)
