"""Whether two pictures show the same where one lies on the other: correlation of their detail."""
import cv2
import numpy as np

from effsr.curation.hashing import BLANK

SIDE = 64  # the overlap is compared at about as many pixels squared
SIGMA = 4.0  # pixels of that; what is coarser counts for nothing, since all skies are alike
SAME_LEVEL = 3.0  # levels between the means of two blank pictures that count as one


def correlation(one: np.ndarray, two: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Normalised correlation of the detail of two grey pictures of one size, -1 to 1, whatever their contrast.

    Args:
        one, two: (H, W).
        mask: (H, W) bool, the pixels that count; None: all.

    Returns:
        0 where one is blank and the other is not; 1 where both are blank and of the same brightness.
    """
    one, two = one.astype(np.float32), two.astype(np.float32)
    weights = np.ones(one.shape, np.float32) if mask is None else mask.astype(np.float32)
    chosen = weights > 0
    if not chosen.any():
        return 0.0
    if max(one[chosen].std(), two[chosen].std()) < BLANK:
        return float(abs(one[chosen].mean() - two[chosen].mean()) < SAME_LEVEL)
    first, second = (_detail(picture, weights)[chosen].astype(np.float64) for picture in (one, two))
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 0 else 0.0


def _detail(picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A picture less its blur, to which only pixels that count contribute."""
    blur = cv2.GaussianBlur(picture * weights, (0, 0), SIGMA)
    picture = picture - blur / np.maximum(cv2.GaussianBlur(weights, (0, 0), SIGMA), 1e-6)
    return picture - (picture * weights).sum() / weights.sum()


def overlap(matrix: np.ndarray, one: tuple[int, int], two: tuple[int, int]) -> tuple[float, float]:
    """How much of each picture the other shows.

    Args:
        matrix: (2, 3) affine map of the first picture's plane onto the second's; pixels, (0, 0) is the outer corner.
        one, two: Heights and widths.

    Returns:
        Shares of the first's area and of the second's, 0 to 1.
    """
    quad = (_corners(one) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    whole = cv2.contourArea(quad)
    area = cv2.intersectConvexConvex(quad, _corners(two).astype(np.float32))[0]
    if whole <= 0 or area <= 0:
        return 0.0, 0.0
    return min(1.0, area / whole), min(1.0, area / (two[0] * two[1]))


def agreement(one: np.ndarray, two: np.ndarray, matrix: np.ndarray) -> float:
    """:func:`correlation` of two grey pictures over their overlap.

    Args:
        one, two: (H, W) uint8.
        matrix: As in :func:`overlap`.
    """
    share = overlap(matrix, one.shape, two.shape)[1]
    if not share:
        return 0.0
    shrink_two = min(1.0, SIDE / np.sqrt(share * two.size))
    shrink_one = min(1.0, shrink_two * np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    one, own = _shrunk(one, shrink_one)
    two, other = _shrunk(two, shrink_two)
    centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    full = np.linalg.inv(centre) @ other @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(own) @ centre
    size = two.shape[::-1]
    laid = cv2.warpAffine(one, full[:2], size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.ones(one.shape, np.float32), full[:2], size, flags=cv2.INTER_LINEAR) > 0.999
    return correlation(laid, two, inside)


def _corners(size: tuple[int, int]) -> np.ndarray:
    height, width = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def _shrunk(picture: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture at about that factor, and the (3, 3) map from the old plane to the new one."""
    height, width = picture.shape
    new = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(picture.astype(np.float32), new, interpolation=cv2.INTER_AREA)
    return small, np.diag([new[0] / width, new[1] / height, 1.0])
