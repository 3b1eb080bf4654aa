"""Upscaling a picture from memory into rows that are written as they come, so that memory stays bounded."""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from effsr.inference.engine import Engine, Say, silent
from effsr.inference.plan import Plan


class RowSink(Protocol):
    """What takes a picture's rows, from top to bottom."""

    def write(self, rows: np.ndarray) -> None:
        """Take the next rows: uint8 or uint16 (n, W, C), C as in the input. The array is the sink's own."""


@dataclass(frozen=True)
class Report:
    """What :func:`upscale_stream` did.

    Attributes:
        size: (height, width) of what was written.
        tile: (height, width) of a tile in input pixels, its halo included; the picture's size where there was one.
        tiles: How many.
        halo: In input pixels.
        batch: Tiles in a call.
        retries: How many times memory ran out and tiles were made smaller.
        passes: Runs over the picture before the last, for a network's averages over the whole picture.
        seconds: Wall-clock time.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    tiles: int
    halo: int
    batch: int
    retries: int
    passes: int
    seconds: float


def upscale_stream(engine: Engine, pixels: np.ndarray, sink: RowSink, plan: Plan | None = None, say: Say = silent,
                   progress: Callable[[float], None] | None = None) -> Report:
    """Upscale a decoded picture, and hand the result on row by row.

    Args:
        engine: From :func:`effsr.inference.engine.open_engine` or an exported file.
        pixels: uint8 or uint16 (H, W, C): grey, grey and alpha, RGB, or RGB and alpha. Grey goes in as three equal
            channels and comes out as their luma.
        sink: Takes the result, clipped and rounded, of C channels; its size is
            :func:`effsr.inference.plan.output_size`. It is called from another thread, by one at a time.
        plan: None for the defaults.
        say: Told in one line each what the user should know, such as that memory ran out and tiles became smaller.
        progress: Told the part that is done, in [0, 1], after each batch.

    Raises:
        ValueError: Pixels of another shape or dtype, or the network gives NaN, infinity or another size.
        OutOfMemory: The smallest tile does not fit.
        Exception: What the sink raises.
    """
    raise NotImplementedError
