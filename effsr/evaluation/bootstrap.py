"""Whether a difference between two contestants is more than chance: a paired bootstrap over the pictures of a set.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: the percentile interval. With a few pictures
it is somewhat too narrow, and says nothing of pictures unlike those of the set.
"""
from collections.abc import Sequence

import numpy as np

from effsr.evaluation.results import Difference

DRAWS = 10_000
SEED = 0
LEVEL = 0.95
FEWEST = 3
AT_A_TIME = 2**22  # drawn numbers in memory


def paired_difference(values: Sequence[float], baseline: Sequence[float], draws: int = DRAWS,
                      seed: int = SEED) -> Difference:
    """The mean of values - baseline with an interval: pictures are drawn with replacement, both values together.

    Args:
        values: One of each picture, finite.
        baseline: Those of the other contestant, of the same pictures in the same order.
        draws: How often.
        seed: Of the draws; the same values give the same interval.

    Raises:
        ValueError: None, or not as many; or one is not finite.
    """
    if len(values) != len(baseline) or not len(values):
        raise ValueError(f'{len(values)} values and {len(baseline)} of the baseline; accepted: as many, at least 1')
    each = np.asarray(values, np.float64) - np.asarray(baseline, np.float64)
    if not np.isfinite(each).all():
        raise ValueError('a difference is not finite; accepted: finite values')
    mean = float(each.mean())
    if len(each) < FEWEST:
        return Difference(mean, mean, mean, len(each), None)
    low, high = np.quantile(_means(each, draws, np.random.default_rng(seed)), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(mean, float(low), float(high), len(each), bool(low > 0 or high < 0))


def _means(each: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    rows = max(1, AT_A_TIME // len(each))
    return np.concatenate([each[generator.integers(len(each), size=(min(rows, draws - first), len(each)))].mean(axis=1)
                           for first in range(0, draws, rows)])
