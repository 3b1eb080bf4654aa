"""Local features of a picture, by which parts of it are found again in others, turned, scaled or mirrored.

SIFT (D. Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004) as OpenCV has it, compared as
RootSIFT (Arandjelovic and Zisserman, CVPR 2012).
"""
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

COUNT = 500  # features of a picture
CELLS = 6  # rows and columns among which they are shared out
LONGEST = 1024  # pixels; larger pictures are shrunk to it first
LENGTH = 128
# The bins of a descriptor (4x4 places of 8 directions) in the order of the mirrored patch.
MIRROR = np.arange(LENGTH).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].reshape(-1)

TABLES = 12
TABLE_BITS = 20
RATIO = 0.85  # of the distances to the nearest and the second feature (Lowe, section 7.1)
REACH = 4.0  # pixels of the second picture that a feature may lie off
APART = 8.0  # pixels; features nearer to each other count once


class Features(NamedTuple):
    """Of one picture, spread over it.

    Attributes:
        points: (N, 2) float32, x and y in pixels of the picture, (0, 0) is its outer corner.
        descriptors: (N, 128) uint8.
    """

    points: np.ndarray
    descriptors: np.ndarray

    def mirrored(self, width: int) -> 'Features':
        """Those of the picture, so many pixels wide, mirrored left-right, without looking for them again."""
        points = self.points.copy()
        points[:, 0] = width - points[:, 0]
        return Features(points, self.descriptors[:, MIRROR])


def find_features(gray: np.ndarray) -> Features:
    """Features of a (H, W) uint8 picture; none in a picture without detail."""
    height, width = gray.shape
    factor = min(1.0, LONGEST / max(height, width))
    if factor < 1:
        new = max(1, round(width * factor)), max(1, round(height * factor))
        gray = cv2.resize(gray, new, interpolation=cv2.INTER_AREA)
    detector = cv2.SIFT_create(enable_precise_upscale=True)
    found, descriptors = detector.compute(gray, _spread(detector.detect(gray, None), gray.shape))
    if descriptors is None or not len(found):
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, LENGTH), np.uint8))
    scale = np.array([width / gray.shape[1], height / gray.shape[0]])
    points = (np.array([one.pt for one in found]) + 0.5) * scale
    return Features(points.astype(np.float32), descriptors.astype(np.uint8))


def _spread(found: Sequence[cv2.KeyPoint], size: tuple[int, int]) -> list[cv2.KeyPoint]:
    """The strongest of each cell, then the second strongest of each ...: a crop must find some wherever it was cut."""
    rank: Counter[tuple[int, int]] = Counter()
    ranked = []
    for one in sorted(found, key=lambda one: (-one.response, one.pt, one.angle)):
        cell = int(CELLS * one.pt[0] / size[1]), int(CELLS * one.pt[1] / size[0])
        ranked.append((rank[cell], len(ranked), one))
        rank[cell] += 1
    return [one for _, _, one in sorted(ranked, key=lambda entry: entry[:2])[:COUNT]]


def directions(descriptors: np.ndarray) -> np.ndarray:
    """(N, 128) uint8 -> float32 of length 1, whose products are cosines (RootSIFT)."""
    values = descriptors.astype(np.float32)
    return np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))


@lru_cache(maxsize=1)
def _planes() -> np.ndarray:
    """(128, TABLES * TABLE_BITS) random hyperplanes without a share in what all descriptors have in common."""
    planes = np.random.default_rng(0).standard_normal((LENGTH, TABLES * TABLE_BITS))
    weights = _typical()
    planes -= np.outer(weights, weights @ planes) / (weights @ weights)
    planes.flags.writeable = False
    return planes


def _typical() -> np.ndarray:
    """What a descriptor is on average: more in its middle, and along its own direction."""
    middle = np.array([0.072, 0.120, 0.120, 0.072])[:, None] + np.array([-0.01, 0.03, 0.03, -0.01])[None, :]
    along = np.array([1.0, 0.58, 0.38, 0.43, 0.55, 0.43, 0.38, 0.58])
    return (middle[:, :, None] * along).reshape(-1)


def keys(descriptors: np.ndarray) -> np.ndarray:
    """(N, 128) -> (N, TABLES) int32; alike descriptors share some (M. Charikar, Similarity Estimation, STOC 2002)."""
    # One product by one, in a fixed order: a sum's last bit, and with it a key, must not hang on the machine's kernels.
    signs = np.einsum('nd,dk->nk', directions(descriptors).astype(np.float64), _planes(), optimize=False) > 0
    powers = 1 << np.arange(TABLE_BITS, dtype=np.int32)
    return (signs.reshape(-1, TABLES, TABLE_BITS) * powers).sum(axis=2, dtype=np.int32)


def place(one: Features, two: Features) -> tuple[np.ndarray | None, int]:
    """Where one picture lies on another: a similarity (shift, scale, turn) that many features agree on.

    Returns:
        (2, 3) map of the first's plane onto the second's, and the number of places apart that agree; None and 0 where
        there is none.
    """
    if min(len(one.points), len(two.points)) < 4:
        return None, 0
    cosines = directions(one.descriptors) @ directions(two.descriptors).T
    rows = np.arange(len(cosines))
    nearest = cosines.argmax(axis=1)
    first = cosines[rows, nearest]
    mutual = cosines.argmax(axis=0)[nearest] == rows
    cosines[rows, nearest] = -1
    distinct = (1 - first) < RATIO**2 * (1 - cosines.max(axis=1))
    chosen = mutual & distinct
    if chosen.sum() < 4:
        return None, 0
    source, target = one.points[chosen], two.points[nearest[chosen]]
    matrix, inside = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=REACH, maxIters=1000)
    if matrix is None:
        return None, 0
    inside = inside.ravel() > 0
    apart = min(len(np.unique(np.round(points[inside] / APART), axis=0)) for points in (source, target))
    return matrix, apart
