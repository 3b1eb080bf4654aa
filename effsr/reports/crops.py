"""Where two results differ most: windows of a picture, found by their squared errors."""
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

SIDE = 64  # pixels of a window; less in pictures too small for two of them
STEPS = 4  # windows begin at every fourth of their side
EACH = 2  # windows of one picture, so that one hard picture does not fill the list


class Crop(NamedTuple):
    """A square window and the two results' mean squared errors in it, for values from 0 to 255, over RGB."""

    picture: str
    left: int
    top: int
    side: int
    first: float
    second: float


def window_side(height: int, width: int) -> int:
    """The side of the windows of a picture, in pixels: 64, or half the shorter side if that is less; 1 at least."""
    return max(1, min(SIDE, min(height, width) // 2))


def window_errors(result: np.ndarray, gt: np.ndarray, side: int) -> np.ndarray:
    """Mean squared error in windows that begin at every fourth of their side.

    Args:
        result: uint8 (H, W, 3).
        gt: The same shape.
        side: Of a window, at most H and W.

    Returns:
        float64 (rows, columns); the window at [r, c] begins at pixel (r * step, c * step), step = max(1, side // 4).

    Raises:
        ValueError: The shapes differ, or no window fits.
    """
    if result.shape != gt.shape or min(gt.shape[:2]) < side:
        raise ValueError(f'a result of shape {result.shape} beside a truth of {gt.shape}, windows of {side} pixels; '
                         'accepted: two of one shape, no smaller than a window')
    squared = ((result.astype(np.float64) - gt) ** 2).mean(axis=2)
    sums = np.pad(squared.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    step = max(1, side // STEPS)
    totals = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    # Sums of large pictures lose the last bits: an error is never below nothing.
    return np.maximum(totals[::step, ::step], 0) / side**2


def largest(difference: np.ndarray, side: int, count: int) -> list[tuple[int, int]]:
    """Windows of the largest positive values that do not overlap, as (row, column) of the array, largest first."""
    left = difference.copy()
    reach = -(-side // max(1, side // STEPS)) - 1
    found = []
    while len(found) < count:
        row, column = np.unravel_index(np.argmax(left), left.shape)
        if not left[row, column] > 0:
            break
        found.append((int(row), int(column)))
        left[max(0, row - reach):row + reach + 1, max(0, column - reach):column + reach + 1] = 0
    return found


class CropSearch:
    """Collects the windows of one set, a picture at a time.

    Args:
        names: Those compared.
        count: Windows kept for each pair and direction.
    """

    def __init__(self, names: Sequence[str], count: int = 6) -> None:
        self._pairs = list(combinations(names, 2))
        self._count = count
        self._found: dict[tuple[str, str], tuple[list[Crop], list[Crop]]] = {pair: ([], []) for pair in self._pairs}

    def add(self, picture: str, results: Mapping[str, np.ndarray], gt: np.ndarray) -> None:
        """Look through one picture; results are by name, and who has none there is left out."""
        side = window_side(*gt.shape[:2])
        step = max(1, side // STEPS)
        errors = {name: window_errors(result, gt, side) for name, result in results.items()}
        for pair in self._pairs:
            if not all(name in errors for name in pair):
                continue
            first, second = (errors[name] for name in pair)
            for kept, difference in zip(self._found[pair], (second - first, first - second), strict=True):
                kept += [Crop(picture, column * step, row * step, side, float(first[row, column]),
                              float(second[row, column])) for row, column in largest(difference, side, EACH)]

    def found(self) -> dict[tuple[str, str], tuple[list[Crop], list[Crop]]]:
        """For each pair: where the first is better, where the second is; the largest difference first."""
        return {pair: tuple(sorted(crops, key=lambda crop: -abs(crop.first - crop.second))[:self._count]
                            for crops in both) for pair, both in self._found.items()}
