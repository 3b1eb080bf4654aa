"""Where the square that is trained on is cut from a degraded image."""

from __future__ import annotations

import numpy as np

CROP_STREAM = 2
"""Keeps this draw apart from others made from the same seed (the first crop and flips, the degradation)."""


def draw_lq_corner(seed: int, height: int, width: int, size: int) -> tuple[int, int]:
    """Top and left of a square in the low-quality image, uniform over all places; the same for the same seed.

    Args:
        seed: the sample's.
        height, width: of the low-quality image in pixels.
        size: side of the square, at most ``height`` and ``width``.
    """
    top, left = np.random.default_rng([seed, CROP_STREAM]).integers((height - size + 1, width - size + 1))
    return int(top), int(left)
