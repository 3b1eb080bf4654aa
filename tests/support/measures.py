"""What a degradation leaves in a picture, in three numbers; and whether two sets of pictures differ in them."""
from typing import NamedTuple

import numpy as np
from scipy import stats

SMALLER = 0.5150  # mean of the smaller three quarters of |x|, x standard normal
EPSILON = 0.05  # levels; keeps the logarithm of what is absent finite


class Measures(NamedTuple):
    """Numbers above 0 whose logarithms are compared.

    noise: deviation in levels of 255 of what is fine in both directions, by the smaller three quarters of it: contours
        hardly count.
    sharpness: mean step between neighbours, in levels, after noise was averaged over 2x2 pixels.
    blockiness: steps across the borders of JPEG's blocks against those beside them.
    """

    noise: float
    sharpness: float
    blockiness: float


def measure(image: np.ndarray) -> Measures:
    """Measure one picture.

    Args:
        image: (H, W, 3) RGB, uint8 or levels of 255; at least 24 pixels on each side. Blocks begin at its corner.
    """
    image = image.astype(np.float64)
    height, width = (side - side % 2 for side in image.shape[:2])
    even, odd = image[:height:2, :width], image[1:height:2, :width]
    # Haar's diagonal: of unit gain for white noise, blind to horizontal and vertical edges.
    diagonal = (even[:, ::2] - even[:, 1::2] - odd[:, ::2] + odd[:, 1::2]) / 2
    size = np.sort(np.abs(diagonal), axis=None)
    noise = size[:size.size * 3 // 4].mean() / SMALLER
    means = (even[:, ::2] + even[:, 1::2] + odd[:, ::2] + odd[:, 1::2]) / 4
    sharpness = (np.abs(np.diff(means, axis=0)).mean() + np.abs(np.diff(means, axis=1)).mean()) / 2
    return Measures(*(value + EPSILON for value in (noise, sharpness)), _blockiness(image))


def _blockiness(image: np.ndarray) -> float:
    across, beside = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2))
        place = np.arange(steps.size) % 8
        across.append(steps[place == 7].mean())
        beside.append(steps[(place == 6) | (place == 0)].mean())
    return (sum(across) + EPSILON) / (sum(beside) + EPSILON)


def measure_all(images) -> np.ndarray:
    """Logarithms of the measures of pictures: (N, 3)."""
    return np.log([measure(image) for image in images])


class Difference(NamedTuple):
    """Of two samples of one measure: the shift of its mean, in logarithms, and how likely chance alone makes it."""

    shift: float
    p: float


def paired(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Difference]:
    """Compare (N, 3) with (N, 3) of the same pictures under the same parameters, by Student's test of differences.

    What pictures and parameters do is the same in both and leaves the differences: a few hundred pairs tell a shift
    of a percent or two.
    """
    found = {}
    for name, difference in zip(Measures._fields, (ours - theirs).T, strict=True):
        found[name] = Difference(float(difference.mean()), float(stats.ttest_1samp(difference, 0).pvalue))
    return found


def unpaired(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Difference]:
    """Compare (N, 3) with (M, 3) of pictures and parameters drawn apart.

    The less of Welch's test (another mean) and Kolmogorov and Smirnov's (another shape), as one of two tries.
    """
    found = {}
    for name, one, other in zip(Measures._fields, ours.T, theirs.T, strict=True):
        p = min(stats.ttest_ind(one, other, equal_var=False).pvalue, stats.ks_2samp(one, other).pvalue)
        found[name] = Difference(float(one.mean() - other.mean()), min(1.0, 2 * float(p)))
    return found
