"""How a picture is cut into tiles: sizes by the memory that is there."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from effsr.inference.engine import Engine, MeasuredEngine
from effsr.inference.memory import free_memory

ALPHA_WAYS = ('network', 'resize')
PART_OF_FREE = 0.6
MOST = 3 * 1024**3
SMALLEST_TILE = 16
# Larger windows are not faster, as long as little of them is halo.
LARGEST_WINDOW = 512
LARGEST_HALOS = 10
MOST_TILES = 8
BATCH_PIXELS = 512**2
# Of an engine that does not tell: for each pixel of its result.
UNMEASURED_BYTES = 1024
# Tiles that are read ahead, and results that wait to be put together.
WAITING = 3
RGB_BYTES = 3 * 4


@dataclass(frozen=True)
class Plan:
    """How one picture is to be upscaled. The defaults choose by themselves.

    Attributes:
        scale: Factor of the result, above 0; None for the network's. Where they differ, the network's result is
            resized, antialiased bicubic.
        tile: Side of a tile in input pixels without its halo, rounded up to what the network takes; 0 chooses by the
            free memory, and takes the whole picture where that fits.
        tile_pad: Halo in input pixels, rounded up likewise; None for what the network's outputs depend on.
        batch: Tiles in a call; 0 chooses.
        bits: Of the result, 8 or 16; None for the input's.
        alpha: 'network' runs transparency through the network as a grey picture, 'resize' resizes it, bicubic.
        memory: Bytes that upscaling may use beside the input; None for a part of what is free, up to a few GB.

    Raises:
        ValueError: A value out of range.
    """

    scale: float | None = None
    tile: int = 0
    tile_pad: int | None = None
    batch: int = 0
    bits: int | None = None
    alpha: str = 'network'
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and not 0 < self.scale < float('inf'):
            raise ValueError(f'scale is {self.scale}; accepted: a number above 0')
        if min(self.tile, self.tile_pad or 0, self.batch) < 0:
            raise ValueError(f'tile is {self.tile}, tile_pad {self.tile_pad}, batch {self.batch}; '
                             'accepted: whole numbers from 0')
        if self.bits not in (None, 8, 16):
            raise ValueError(f'bits is {self.bits}; accepted: 8, 16')
        if self.alpha not in ALPHA_WAYS:
            raise ValueError(f'alpha is {self.alpha!r}; accepted: {", ".join(ALPHA_WAYS)}')
        if self.memory is not None and self.memory < 1:
            raise ValueError(f'memory is {self.memory}; accepted: bytes, from 1')


def output_size(height: int, width: int, plan: Plan, network_scale: int) -> tuple[int, int]:
    """(height, width) of what :func:`effsr.inference.streaming.upscale_stream` writes for a picture of this size."""
    scale = plan.scale or network_scale
    return max(1, round(height * scale)), max(1, round(width * scale))


class Layout(NamedTuple):
    """Tiles of one size: of an input of ``length`` pixels, windows begin every ``tile`` pixels, ``pad`` more on each
    side; (height, width) each, in input pixels; ``batch`` of them are run at once."""

    tile: tuple[int, int]
    pad: int
    batch: int

    def window(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what the network sees at once in a picture of this size."""
        return tuple(min(length, tile + 2 * self.pad) for length, tile in zip(size, self.tile, strict=True))

    def smaller(self, size: tuple[int, int], multiple: int) -> 'Layout | None':
        """With half the memory: half the batch, else half the longer side; None where that is not possible."""
        if self.batch > 1:
            return self._replace(batch=self.batch // 2)
        # A side that lies whole in its window counts as the side itself.
        tile = [min(tile, length) for tile, length in zip(self.tile, size, strict=True)]
        axis = 0 if tile[0] >= tile[1] else 1
        smallest = -(-SMALLEST_TILE // multiple) * multiple
        if tile[axis] <= smallest:
            return None
        tile[axis] = max(smallest, -(-tile[axis] // 2 // multiple) * multiple)
        return self._replace(tile=tuple(tile))


class Budget(NamedTuple):
    """Bytes: for a batch of tiles in the network, for a band of the result, and of each pixel in the network."""

    tiles: int
    band: int
    per_pixel: float


def choose_budget(engine: Engine, plan: Plan) -> Budget:
    """Half of what may be used goes to the network, a quarter to rows that wait to be written."""
    measured = isinstance(engine, MeasuredEngine)
    per_pixel = engine.bytes_per_pixel() if measured else UNMEASURED_BYTES * engine.scale**2
    per_pixel += WAITING * RGB_BYTES * (1 + engine.scale**2)
    host = free_memory(torch.device('cpu'))
    device = engine.free_memory() if measured else host
    most = plan.memory or min(int(host * PART_OF_FREE), MOST)
    tiles = min(most, int(device * PART_OF_FREE)) if plan.memory or device == host else int(device * PART_OF_FREE)
    return Budget(max(1, tiles // 2), max(1, most // 4), per_pixel)


def choose_layout(size: tuple[int, int], halo: int, plan: Plan, budget: Budget, row_bytes: int, multiple: int,
                  fixed_batch: int | None) -> Layout:
    """Tiles that fit, of sizes that divide the picture well.

    Args:
        size: (height, width) of the input, divisible by ``multiple``.
        halo: Around each tile.
        plan: For ``tile`` and ``batch``.
        budget: From :func:`choose_budget`.
        row_bytes: Of the network's result for one row of the input.
        multiple: Of the sides of tiles.
        fixed_batch: The engine's.
    """
    batch = fixed_batch or plan.batch or 1
    if plan.tile:
        tile = padded(plan.tile, multiple)
        return Layout((tile, tile), halo, batch)
    pixels = budget.tiles / budget.per_pixel / batch
    largest = max(LARGEST_WINDOW, LARGEST_HALOS * halo)
    side = min(largest, max(2 * halo + SMALLEST_TILE, int(pixels**0.5)))
    highest = max(SMALLEST_TILE, budget.band // row_bytes) + 2 * halo
    height = _even(size[0], min(side, highest), halo, multiple)
    # What is not used of the height goes to the width: of windows of one area, wide ones leave lower bands.
    widest = max(side, int(pixels / min(size[0], height + 2 * halo)))
    width = _even(size[1], min(largest, widest), halo, multiple)
    window = min(size[0], height + 2 * halo) * min(size[1], width + 2 * halo)
    if not plan.batch and not fixed_batch:
        columns = -(-size[1] // width)
        batch = max(1, min(MOST_TILES, columns, int(pixels / window), BATCH_PIXELS // window))
    return Layout((height, width), halo, batch)


def padded(length: int, multiple: int) -> int:
    """The next number that is divisible by ``multiple``."""
    return -(-length // multiple) * multiple


def _even(length: int, window: int, halo: int, multiple: int) -> int:
    """The tile with which as few windows as are needed, no larger than ``window``, overlap least."""
    if length <= window:
        return padded(length, multiple)
    tile = max(multiple, window - 2 * halo)
    count = -(-(length - 2 * halo) // tile)
    return padded(-(-(length - 2 * halo) // count), multiple)
