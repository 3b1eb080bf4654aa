"""The parts of a picture that go through a network: its colour or grey, and its transparency."""
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from effsr.inference.tiling import Span, pad_to_multiple

LUMA = np.asarray((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True)
class Plane:
    """What a network sees as one picture.

    Attributes:
        pixels: uint8 or uint16 (H, W, 1 or 3); a view.
        channel: The first of the result's channels that it makes.
        alpha: Whether it is transparency.
    """

    pixels: np.ndarray
    channel: int
    alpha: bool = False

    @property
    def channels(self) -> int:
        return self.pixels.shape[2]

    @property
    def most(self) -> int:
        return np.iinfo(self.pixels.dtype).max

    def constant(self) -> float | None:
        """The value of transparency that is the same everywhere, in [0, 1]; else None."""
        if not self.alpha:
            return None
        first = self.pixels[0, 0, 0]
        return float(first) / self.most if (self.pixels == first).all() else None

    def window(self, row: Span, column: Span, multiple: int) -> Tensor:
        """float32 (3, h, w) in [0, 1]; spans are those of the picture extended by :func:`pad_to_multiple`."""
        height, width = self.pixels.shape[:2]
        if row.stop <= height and column.stop <= width:
            part = self.pixels[row.start:row.stop, column.start:column.stop]
        else:
            rows, columns = _extended(height, multiple), _extended(width, multiple)
            part = self.pixels[rows[row.start:row.stop, None], columns[column.start:column.stop]]
        values = torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1), dtype=np.float32)).div_(self.most)
        return values.expand(3, -1, -1)

    def finish(self, answer: Tensor, row: Span, column: Span) -> np.ndarray:
        """From what the network made of [first, last) of both spans to float32 (h, w, C) in [0, 1].

        Grey is the luma (BT.601); transparency the mean of the channels, which well inside of opaque and clear areas
        is exactly 1 and 0, as a network's ripple would be dirt there.

        Args:
            answer: (3, h, w), not clipped.
            row, column: In input pixels, within the picture.
        """
        values = answer.clamp(0, 1).permute(1, 2, 0).numpy()
        if self.channels == 3:
            return values
        if not self.alpha:
            return (values @ LUMA)[..., None]
        values = values.mean(axis=2)
        scale = values.shape[0] // (row.last - row.first)
        for value, inside in self._flat(row, column):
            values[inside.repeat(scale, 0).repeat(scale, 1)] = value
        return values[..., None]

    def _flat(self, row: Span, column: Span) -> list[tuple[float, np.ndarray]]:
        """For 0 and 1: where a pixel and its eight neighbours all have that value, bool (h, w)."""
        top, left = max(0, row.first - 1), max(0, column.first - 1)
        part = self.pixels[top:row.last + 1, left:column.last + 1, 0]
        found = []
        for value, stored in ((0.0, 0), (1.0, self.most)):
            differs = torch.from_numpy((part != stored).astype(np.float32))[None, None]
            spread = F.max_pool2d(differs, 3, 1, 1)[0, 0].numpy()
            inside = spread[row.first - top:row.last - top, column.first - left:column.last - left] == 0
            found.append((value, inside))
        return found


def split_planes(pixels: np.ndarray, alpha: str) -> tuple[list[Plane], np.ndarray | None]:
    """What goes through the network, and transparency (H, W, 1) that is to be resized instead, or None.

    Args:
        pixels: uint8 or uint16 (H, W, C): grey, grey and alpha, RGB, RGB and alpha.
        alpha: 'network' or 'resize'.

    Raises:
        ValueError: Pixels of another shape or dtype.
    """
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or 0 in pixels.shape:
        raise ValueError(f'pixels of shape {pixels.shape}; accepted: (H, W, C), C from 1 to 4, at least one pixel')
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'pixels of dtype {pixels.dtype}; accepted: uint8, uint16')
    channels = pixels.shape[2]
    if channels in (1, 3):
        return [Plane(pixels, 0)], None
    color, clear = pixels[..., :-1], pixels[..., -1:]
    if alpha == 'resize':
        return [Plane(color, 0)], clear
    return [Plane(color, 0), Plane(clear, channels - 1, alpha=True)], None


def _extended(length: int, multiple: int) -> np.ndarray:
    """Which pixel stands at each place of a side that :func:`pad_to_multiple` has extended."""
    places = torch.arange(length, dtype=torch.float64)[None, None, :, None].expand(1, 1, length, multiple)
    return pad_to_multiple(places, multiple)[0, 0, :, 0].long().numpy()


def quantise(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float in [0, 1], clipped and rounded to an integer dtype's range."""
    most = np.iinfo(dtype).max
    return np.rint(np.clip(values, 0, 1) * np.float32(most)).astype(dtype)
