"""Upscaling a picture from memory into rows that are written as they come, so that memory stays bounded."""
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from effsr.inference.engine import Engine, OutOfMemory, PooledEngine, Say, silent
from effsr.inference.overlap import WriteBehind
from effsr.inference.passes import Picture, Progress, Runner
from effsr.inference.plan import Layout, Plan, choose_budget, choose_layout, output_size, padded
from effsr.inference.planes import split_planes
from effsr.inference.writing import BandWriter

UNBOUNDED_PAD = 32


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
    started = time.perf_counter()
    plan = plan or Plan()
    planes, clear = split_planes(pixels, plan.alpha)
    fixed = {plane.channel: value for plane in planes if (value := plane.constant()) is not None}
    picture = Picture(tuple(plane for plane in planes if plane.channel not in fixed), pixels.shape[:2], engine.multiple)
    target = output_size(*picture.size, plan, engine.scale)
    dtype = np.dtype({8: np.uint8, 16: np.uint16, None: pixels.dtype}[plan.bits])
    row_bytes = engine.scale**2 * picture.size[1] * pixels.shape[2] * (dtype.itemsize if plan.scale is None else 4)
    halo = functools.partial(_halo, engine, plan, say)
    layout = _layout(engine, picture, plan, row_bytes, halo)
    pools = engine.pools if isinstance(engine, PooledEngine) else 0
    runner = Runner(engine, picture, layout, say, Progress(progress, picture, pools), halo)
    writer = BandWriter(picture.size, pixels.shape[2], engine.scale, target, dtype, sink.write, fixed, clear)
    try:
        with WriteBehind(writer.handle) as behind:
            runner.run(behind.put)
    except MemoryError as error:
        raise OutOfMemory(f'out of memory beside the network: {error}') from error
    rows, columns = picture.spans(runner.layout)
    return Report(target, runner.layout.window(picture.extended), len(rows) * len(columns), runner.layout.pad,
                  runner.layout.batch, runner.retries, runner.passes, time.perf_counter() - started)


def _layout(engine: Engine, picture: Picture, plan: Plan, row_bytes: int, halo: Callable[[], int]) -> Layout:
    """The halo is asked for, and measured, only where the picture does not fit whole."""
    size, budget = picture.extended, choose_budget(engine, plan)
    fits = choose_layout(size, 0, plan, budget, row_bytes, engine.multiple, engine.fixed_batch)
    if fits.window(size) == size:
        return fits
    unbounded = plan.tile_pad is None and engine.halo is None
    if unbounded and not plan.tile and size[0] * size[1] * budget.per_pixel <= budget.tiles:
        return Layout(size, 0, engine.fixed_batch or 1)
    return choose_layout(size, halo(), plan, budget, row_bytes, engine.multiple, engine.fixed_batch)


def _halo(engine: Engine, plan: Plan, say: Say) -> int:
    if plan.tile_pad is not None:
        return padded(plan.tile_pad, engine.multiple)
    if engine.halo is None:
        say(f'{engine.name}: the network depends on all of the picture, which does not fit; tiles may differ in tone')
        return padded(UNBOUNDED_PAD, engine.multiple)
    return engine.halo
