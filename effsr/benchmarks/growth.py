"""How time and memory of networks grow with the side of the picture."""
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from effsr.benchmarks.backends import CannotRun, Way
from effsr.benchmarks.costs import warmed
from effsr.benchmarks.footprint import peak_memory
from effsr.runtime.tables import Table

SIDES = (64, 128, 256, 512)


@dataclass(frozen=True)
class Growth:
    """Of one network: seconds and bytes at each side; None where it could not be run or is not known."""

    seconds: dict[int, float | None]
    memory: dict[int, int | None]


def measure_growth(nets: Mapping[str, nn.Module], way: Way, batch: int, device: torch.device,
                   tell: Callable[[str], None]) -> dict[str, Growth]:
    """Each network over SIDES, in turn at each side; a slow one is run once."""
    found = {name: Growth({}, {}) for name in nets}
    for side in SIDES:
        tell(f'measuring growth at {side} x {side} ...')
        shape = (batch, 3, side, side)
        picture = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)
        for name, net in nets.items():
            try:
                timed = warmed(net.to(device), picture, way)
                found[name].seconds[side] = timed(int(timed.repeats > 1))
            except CannotRun:
                found[name].seconds[side] = None
            found[name].memory[side] = peak_memory(net, shape, way, device)
    return found


def exponent(by_side: Mapping[int, float | None]) -> float | None:
    """The power of the number of pixels that something grows with: the slope in logarithms, by least squares.

    1 for what each pixel costs alike; below 1 where a part does not depend on the picture. None for fewer than two
    figures.
    """
    known = [(2 * math.log(side), math.log(value)) for side, value in by_side.items() if value]
    if len(known) < 2:
        return None
    pixels, values = np.array(known).T
    return float(np.polyfit(pixels, values, 1)[0])


def growth_tables(growth: Mapping[str, Growth], batch: int, way: Way) -> list[Table]:
    """Time and memory by side, the exponent, and what a further pixel costs, between the two largest sides."""
    sides = tuple(f'{side} x {side}' for side in SIDES)
    last = (*sides, 'pixels to the power', 'a further pixel')
    told = f'{way.precision}, {way.backend}'
    return [
        Table(f'How time grows, milliseconds, {told}', ('model', *last), tuple(
            (name, *(_cell(one.seconds[side], 1e3, 1) for side in SIDES), _cell(exponent(one.seconds), 1, 2),
             _unit(_further(one.seconds, batch), 1e6, 3, 'us')) for name, one in growth.items())),
        Table(f'How peak memory grows, MiB, {told}', ('model', *last), tuple(
            (name, *(_cell(one.memory[side], 2**-20, 0) for side in SIDES), _cell(exponent(one.memory), 1, 2),
             _unit(_further(one.memory, batch), 2**-10, 2, 'KiB')) for name, one in growth.items()))]


def _further(by_side: Mapping[int, float | None], batch: int) -> float | None:
    below, above = SIDES[-2:]
    if by_side[below] is None or by_side[above] is None:
        return None
    return (by_side[above] - by_side[below]) / (batch * (above**2 - below**2))


def _cell(value: float | None, factor: float, digits: int) -> str:
    return '' if value is None else f'{value * factor:.{digits}f}'


def _unit(value: float | None, factor: float, digits: int, unit: str) -> str:
    return '' if value is None else f'{_cell(value, factor, digits)} {unit}'
