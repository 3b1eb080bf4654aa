"""Measuring several things in turn, so that a machine that slows down or warms up does so for all of them."""
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

import numpy as np

RESAMPLED = 2000

T = TypeVar('T')


class Spread(NamedTuple):
    """Median, lowest and highest of some measurements, in their unit."""

    median: float
    low: float
    high: float


def interleave(runs: Mapping[str, Callable[[int], T]], rounds: int) -> dict[str, list[T]]:
    """Call each run once a round, in order: A B C A B C ...; what the first round gave is dropped.

    Args:
        runs: By name; each is called with the number of the round, from 0, and returns what it measured.
        rounds: How many, the first included.

    Returns:
        For each name what its run returned, rounds - 1 times.

    Raises:
        ValueError: Fewer than 2 rounds, which would leave nothing.
    """
    if rounds < 2:
        raise ValueError(f'{rounds} rounds; accepted: 2 or more, as the first is dropped')
    measured: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            result = run(number)
            if number:
                measured[name].append(result)
    return measured


def spread(values: Iterable[float]) -> Spread:
    """Median, lowest and highest value; of one value at least."""
    ordered = sorted(values)
    return Spread(median(ordered), ordered[0], ordered[-1])


def ratio(slower: Iterable[float], faster: Iterable[float]) -> Spread:
    """How many times longer one took than the other, round by round, so that a slow round counts for both."""
    return spread(a / b for a, b in zip(slower, faster, strict=True))


def mean_ratio(slower: Sequence[float], faster: Sequence[float], seed: int = 0) -> Spread:
    """How many times longer one took than the other on the whole: the ratio of the means.

    For what costs another amount each time, where the ratio of a single round says little. In place of lowest and
    highest: between which the ratio lies in 90% of draws with replacement from the rounds, those of both together.
    """
    above, below = np.asarray(slower, float), np.asarray(faster, float)
    chosen = np.random.default_rng(seed).integers(len(above), size=(RESAMPLED, len(above)))
    low, high = np.quantile(above[chosen].mean(1) / below[chosen].mean(1), (0.05, 0.95))
    return Spread(float(above.mean() / below.mean()), float(low), float(high))
