"""Samples of several folders in given shares."""
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

STREAM = 4  # keeps these permutations apart from those of whole epochs, drawn from the same seed


class Share(NamedTuple):
    """Number of pictures of a folder, and its weight among the others."""

    count: int
    weight: float


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Split a number by weights: each part at most one off, all together exact (largest remainders)."""
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [int(share) for share in exact]
    largest = sorted(range(len(parts)), key=lambda number: (parts[number] - exact[number], number))
    for number in largest[:total - sum(parts)]:
        parts[number] += 1
    return parts


def epoch_indices(shares: Sequence[Share], total: int, seed: int, epoch: int) -> np.ndarray:
    """Which pictures an epoch goes through, folder after folder, to be shuffled.

    Each folder goes on where it stopped in the epoch before, through one permutation of its pictures after the other:
    over the epochs each of its pictures comes equally often, whatever the share.

    Args:
        shares: The folders, in the order in which their pictures are numbered.
        total: Samples in an epoch.
        seed: Of the run.
        epoch: Which one, from 0.

    Returns:
        int64 (total,).
    """
    parts, first = [], 0
    samples_of = apportion(total, [share.weight for share in shares])
    for folder, (share, samples) in enumerate(zip(shares, samples_of, strict=True)):
        rounds, places = np.divmod(np.arange(epoch * samples, (epoch + 1) * samples), share.count)
        begins = np.flatnonzero(np.diff(rounds, prepend=-1)).tolist()
        for begin, end in pairwise([*begins, samples]):
            # Last of all: numpy takes [seed, epoch] for [seed, epoch, 0, 0].
            order = np.random.default_rng([seed, folder, int(rounds[begin]), STREAM]).permutation(share.count)
            parts.append(first + order[places[begin:end]])
        first += share.count
    return np.concatenate(parts)
