"""Runs over all tiles of a picture: to find a network's means over the whole, and to upscale it band by band."""
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from effsr.inference.engine import Engine, OutOfMemory, PooledEngine, Say
from effsr.inference.memory import as_out_of_memory
from effsr.inference.overlap import read_ahead
from effsr.inference.plan import Layout, padded
from effsr.inference.planes import Plane
from effsr.inference.tiling import Span, run_checked, tile_spans

# Of a network that takes more means than these, all are found in one pass, near what they are.
MOST_PASSES = 16
# What a pass that finds a mean costs, as a part of the last one; for the progress that is told.
PASS_COST = 0.1


class Part(NamedTuple):
    """What a network made of one tile of a plane: float32 (3, h, w) of [first, last) of both spans."""

    plane: Plane
    row: Span
    column: Span
    answer: Tensor


class BandEnd(NamedTuple):
    """All parts of a band have come, which ends at this row of the input."""

    last: int


class BandLost(NamedTuple):
    """The parts that came since the last band are to be forgotten; they will come again."""


class _Step(NamedTuple):
    plane: Plane
    row: Span
    columns: list[Span]
    tiles: Tensor
    ends_band: bool


@dataclass(frozen=True)
class Picture:
    """What is to be run over.

    Attributes:
        planes: At least one.
        size: (height, width) in pixels.
        multiple: Of the engine; the picture is extended to be divisible by it.
    """

    planes: tuple[Plane, ...]
    size: tuple[int, int]
    multiple: int

    @property
    def extended(self) -> tuple[int, int]:
        height, width = self.size
        return padded(height, self.multiple), padded(width, self.multiple)

    def spans(self, layout: Layout, begin: int = 0) -> tuple[list[Span], list[Span]]:
        """Of rows from ``begin`` on, and of columns."""
        height, width = self.extended
        return (tile_spans(height, layout.tile[0], layout.pad, begin), tile_spans(width, layout.tile[1], layout.pad))

    def steps(self, layout: Layout, begin: int = 0) -> Iterator[_Step]:
        """Batches of tiles, made as they are asked for: by row, in it by plane."""
        rows, columns = self.spans(layout, begin)
        for row in rows:
            for plane in self.planes:
                for first in range(0, len(columns), layout.batch):
                    some = columns[first:first + layout.batch]
                    with as_out_of_memory():
                        tiles = torch.stack([plane.window(row, column, self.multiple) for column in some])
                    last = plane is self.planes[-1] and first + layout.batch >= len(columns)
                    yield _Step(plane, row, some, tiles, last)


class Progress:
    """Turns tiles that are done into the part of all that is done.

    Args:
        tell: Called with the part, in [0, 1], which never falls; or None.
        picture: What is run over.
        passes: How many runs there will be before the last.
    """

    def __init__(self, tell: Callable[[float], None] | None, picture: Picture, passes: int) -> None:
        height, width = picture.extended
        self.tell = tell
        self.all = height * width * len(picture.planes) * (1 + PASS_COST * passes)
        self.done = 0.0

    def add(self, step: _Step, cost: float = 1.0) -> None:
        rows = step.row.last - step.row.first
        self.done += cost * rows * sum(column.last - column.first for column in step.columns)
        if self.tell is not None:
            self.tell(min(1.0, self.done / self.all))


class Runner:
    """Runs over a picture's tiles, with smaller ones whenever memory runs out.

    Args:
        engine: The network.
        picture: What is run over.
        layout: The tiles to begin with.
        say: Told when tiles become smaller.
        progress: Told what is done.
        halo: Asked, once, when a picture that was to be run whole must be cut after all.

    Attributes:
        layout: The tiles now.
        retries: How often memory ran out.
        passes: Runs that found means.
    """

    def __init__(self, engine: Engine, picture: Picture, layout: Layout, say: Say, progress: Progress,
                 halo: Callable[[], int]) -> None:
        self.engine = engine
        self.picture = picture
        self.layout = layout
        self.say = say
        self.progress = progress
        self.halo = halo
        self.retries = 0
        self.passes = 0
        self.bound: dict[int, Engine] = {}

    def run(self, deliver: Callable[[Part | BandEnd | BandLost], None]) -> None:
        """Upscale the picture; parts are delivered from top to bottom, and each band's end.

        Raises:
            OutOfMemory: The smallest tile does not fit.
        """
        begin = 0
        while begin < self.picture.size[0]:
            self._bind()
            failure = None
            try:
                with closing(read_ahead(self.picture.steps(self.layout, begin))) as steps:
                    for step in steps:
                        self._upscale(step, deliver)
                        if step.ends_band:
                            begin = step.row.last
                            deliver(BandEnd(begin))
            except OutOfMemory as error:
                failure = str(error)
            if failure is not None:
                deliver(BandLost())
                self._shrink(failure)

    def _upscale(self, step: _Step, deliver: Callable[[Part], None]) -> None:
        engine = self.bound.get(id(step.plane), self.engine)
        tiles, fixed = step.tiles, engine.fixed_batch
        if fixed and len(tiles) < fixed:
            tiles = torch.cat([tiles, tiles[-1:].expand(fixed - len(tiles), -1, -1, -1)])
        answers = run_checked(engine, tiles, engine.scale)
        for column, answer in zip(step.columns, answers[:len(step.columns)], strict=True):
            inner = answer[:, step.row.inner(engine.scale), column.inner(engine.scale)]
            with as_out_of_memory():  # a copy: a view would keep the whole tile until it is written
                inner = inner.clone()
            deliver(Part(step.plane, step.row, column, inner))
        self.progress.add(step)

    def _bind(self) -> None:
        """Find the means that the network takes over the whole picture, unless that is one tile."""
        rows, columns = self.picture.spans(self.layout)
        if self.bound or len(rows) * len(columns) == 1 or not isinstance(self.engine, PooledEngine):
            return
        if self.engine.pools > MOST_PASSES:
            self.say(f'the network averages {self.engine.pools} times over the whole picture; these averages are '
                     'found in one pass over its tiles, so that tones may differ a little from those of the whole')
        for plane in self.picture.planes if self.engine.pools else ():
            self.bound[id(plane)] = self.engine.with_means(self._means(plane))

    def _means(self, plane: Plane) -> list[Tensor]:
        if self.engine.pools > MOST_PASSES:
            return self._pass(plane, self.engine.rough_sums)
        means: list[Tensor] = []
        for _ in range(self.engine.pools):
            means += self._pass(plane, functools.partial(self._next_sums, tuple(means)))
        return means

    def _next_sums(self, means: Sequence[Tensor], tiles: Tensor, cores: list[tuple[slice, slice]]) -> list[Tensor]:
        return [self.engine.pool_sums(tiles, cores, means)]

    def _pass(self, plane: Plane, find: Callable[[Tensor, list[tuple[slice, slice]]], list[Tensor]]) -> list[Tensor]:
        """One run over a plane, again with smaller tiles where memory runs out; the means of what it finds."""
        alone = Picture((plane,), self.picture.size, self.picture.multiple)
        height, width = alone.extended
        while True:
            sums: list[list[Tensor]] = []
            try:
                with closing(read_ahead(alone.steps(self.layout))) as steps:
                    for step in steps:
                        cores = [(step.row.inner(1), column.inner(1)) for column in step.columns]
                        sums.append([found.sum(0) for found in find(step.tiles, cores)])
                        self.progress.add(step, PASS_COST)
                self.passes += 1
                return [(torch.stack(parts).sum(0) / (height * width)).float() for parts in zip(*sums, strict=True)]
            except OutOfMemory as error:
                failure = str(error)
            self._shrink(failure)

    def _shrink(self, failure: str) -> None:
        before = self.layout.window(self.picture.extended)
        smaller = self.layout.smaller(self.picture.extended, self.picture.multiple)
        if smaller is None:
            raise OutOfMemory(f'out of memory with the smallest tiles, {before[1]}x{before[0]} pixels '
                              f'({" ".join(failure.split())[:120]}); accepted: more memory, or a smaller network')
        whole = before == self.picture.extended and smaller.batch == self.layout.batch
        self.layout = smaller._replace(pad=self.halo()) if whole else smaller
        self.retries += 1
        after = self.layout.window(self.picture.extended)
        self.say(f'out of memory with {_tiles(before)}; trying again with {_tiles(after)}, {smaller.batch} at once')


def _tiles(window: tuple[int, int]) -> str:
    return f'tiles of {window[1]}x{window[0]}'
