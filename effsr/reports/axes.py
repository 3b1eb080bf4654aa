"""Axes of a plot: from values to pixels, and the values that are worth a line."""
import math
from collections.abc import Sequence
from typing import NamedTuple

WIDE = 10  # from the smallest value to the largest: a logarithmic axis beyond
NICE = (1, 2, 2.5, 5, 10)


class Axis(NamedTuple):
    """A straight or logarithmic axis: values low to high lie at pixels start to end."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        """Where a value lies, in pixels."""
        low, high, at = ((math.log10(x) for x in (self.low, self.high, value)) if self.log
                         else (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within the axis, of a number near the one asked for."""
        return _log_ticks(self.low, self.high, about) if self.log else _straight_ticks(self.low, self.high, about)


def fit_axis(values: Sequence[float], start: float, end: float, log: bool | None = None, room: float = 0.08) -> Axis:
    """An axis that shows all values with some room at both ends.

    Args:
        values: One at least, finite; a logarithmic axis needs them positive.
        start: Pixel of the low end.
        end: Pixel of the high end.
        log: None decides: logarithmic where the largest is more than ten times the smallest.
        room: Left at each end, in parts of the whole.

    Raises:
        ValueError: No value, or one that is not finite.
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f'an axis over {list(values)}; accepted: finite values, one at least')
    low, high = min(values), max(values)
    if log is None:
        log = low > 0 and high > WIDE * low
    if log:
        margin = room * math.log10(high / low) if high > low else 0.3
        return Axis(low / 10**margin, high * 10**margin, start, end, True)
    margin = room * (high - low) if high > low else (0.1 * abs(high) or 1.0)
    bottom = low - margin
    # A quantity that is never negative gets no axis below nothing.
    return Axis(0.0 if low >= 0 > bottom else bottom, high + margin, start, end, False)


def alike(values: Sequence[float]) -> list[str]:
    """Numbers with as many decimals each as the one that needs most: 28.0, 28.5, 29.0."""
    decimals = next((digits for digits in range(9) if all(abs(value - round(value, digits)) < 1e-9 * max(1, abs(value))
                                                          for value in values)), 9)
    return [f'{value + 0.0:.{decimals}f}'.replace('-', '\N{MINUS SIGN}') for value in values]


def _straight_ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / max(1, about)
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * nice for nice in NICE if size * nice >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _log_ticks(low: float, high: float, about: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for marks in ((1, 2, 5), (1, 3), (1,)):
        found = [mark * 10.0**power for power in powers for mark in marks if low <= mark * 10.0**power <= high]
        if len(found) <= about + 1:
            break
    thin = -(-len(found) // (about + 1)) if found else 1
    return found[::thin]
