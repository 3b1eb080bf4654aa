"""Which pictures share local features with one, among many, without comparing it with each."""
from collections.abc import Sequence

import numpy as np

CROWD = 200  # features of one key; more say nothing


class KeyIndex:
    """Sorted keys of all pictures.

    Args:
        keys: Of each picture, (N, T) int; see :func:`effsr.curation.features.keys`.
    """

    def __init__(self, keys: Sequence[np.ndarray]):
        self._count = len(keys)
        owners = np.repeat(np.arange(self._count, dtype=np.int32), [len(own) for own in keys])
        table = np.concatenate(keys) if keys else np.zeros((0, 0), np.int32)
        self._tables = []
        for column in table.T:
            order = np.argsort(column, kind='stable')
            self._tables.append((column[order], owners[order]))

    def votes(self, keys: np.ndarray) -> np.ndarray:
        """How much each picture has in common with these features: (pictures,) float64.

        A feature gives a vote for each of its keys, which is shared out to all features that have that key: what is
        everywhere counts for little.
        """
        total = np.zeros(self._count)
        for number, (sorted_keys, owners) in enumerate(self._tables):
            first = np.searchsorted(sorted_keys, keys[:, number])
            count = np.searchsorted(sorted_keys, keys[:, number], 'right') - first
            chosen = (count > 0) & (count <= CROWD)
            first, count = first[chosen], count[chosen]
            starts = np.cumsum(count) - count
            places = np.repeat(first - starts, count) + np.arange(count.sum())
            total += np.bincount(owners[places], np.repeat(1 / count, count), self._count)
        return total
