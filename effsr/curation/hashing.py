"""Perceptual hash of a picture, and how far two are apart under the eight symmetries of the square.

The hash is pHash (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010): the signs of
the low frequencies of the discrete cosine transform of a small grey picture, 16x16 of them without the mean, 255 bits.
Each bit is a coefficient's own sign, where libraries such as imagehash compare with the median: so a mirrored or turned
picture has the same bits with known signs, in another order, and none needs to be hashed eight times.
"""
import cv2
import numpy as np
from scipy.fft import dctn

SIDE = 64  # of the small picture, pixels
FREQUENCIES = 16
BITS = FREQUENCIES**2 - 1
SYMMETRIES = 8
BLANK = 1.0  # levels; a standard deviation below it is that of a picture without content


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> (64, 64) uint8 luma, averaged over areas; the aspect ratio is not kept."""
    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    while min(gray.shape) < SIDE:  # averaging over areas only shrinks
        gray = np.repeat(np.repeat(gray, 2, axis=0), 2, axis=1)
    return cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def perceptual_hash(small: np.ndarray) -> np.ndarray:
    """(64, 64) thumbnail -> (255,) int8 of -1 and 1, row by row of the frequencies."""
    low = dctn(small.astype(np.float64), norm='ortho')[:FREQUENCIES, :FREQUENCIES]
    return np.where(low > 0, 1, -1).astype(np.int8).reshape(-1)[1:]


def transformed(image: np.ndarray, symmetry: int) -> np.ndarray:
    """A picture under one of the eight symmetries: bit 0 mirrors left-right, bit 1 up-down, bit 2 then transposes."""
    if symmetry & 1:
        image = image[:, ::-1]
    if symmetry & 2:
        image = image[::-1]
    return np.ascontiguousarray(image.swapaxes(0, 1) if symmetry & 4 else image)


def transformed_hashes(hashes: np.ndarray, symmetry: int) -> np.ndarray:
    """(N, 255) hashes -> those of the pictures under a symmetry, see :func:`transformed`.

    Mirroring negates every second frequency along an axis (exactly so but for coefficients that vanish).
    """
    table = np.concatenate([np.ones((len(hashes), 1), np.int8), hashes], axis=1)
    table = table.reshape(-1, FREQUENCIES, FREQUENCIES)
    signs = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.int8)
    if symmetry & 1:
        table = table * signs[None, None, :]
    if symmetry & 2:
        table = table * signs[None, :, None]
    if symmetry & 4:
        table = table.swapaxes(1, 2)
    return np.ascontiguousarray(table).reshape(len(hashes), -1)[:, 1:]


def distances(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hamming distances between two sets of hashes, each the least over the symmetries.

    Args:
        one: (M, 255).
        two: (N, 255).

    Returns:
        (M, N) int: bits that differ, 0 to 255; and (M, N) int: the symmetry that takes the picture of ``one`` to that
        of ``two``, the first of equals.
    """
    other = two.astype(np.float32).T
    # Sums of up to 255 ones are exact in float32, in any order.
    bits = np.stack([(BITS - transformed_hashes(one, symmetry).astype(np.float32) @ other) / 2
                     for symmetry in range(SYMMETRIES)])
    best = bits.argmin(axis=0)
    return np.take_along_axis(bits, best[None], axis=0)[0].astype(np.int64), best
