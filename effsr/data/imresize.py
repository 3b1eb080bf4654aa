"""Resizing pictures as MATLAB's imresize does, by which super-resolution papers make their low-resolution pictures."""
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

EPS = np.finfo(np.float64).eps
ALIASES = {'lanczos': 'lanczos3'}
DTYPES = (np.uint8, np.uint16, np.float32, np.float64)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys 1981, a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _lanczos3(x: np.ndarray) -> np.ndarray:
    value = (np.sin(np.pi * x) * np.sin(np.pi * x / 3) + EPS) / (np.pi**2 * x**2 / 3 + EPS)
    return np.where(np.abs(x) < 3, value, 0.0)


def _box(x: np.ndarray) -> np.ndarray:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(x), 0.0)


# Method -> (kernel, its width in pixels of the coarser picture).
KERNELS = {'bicubic': (_cubic, 4.0), 'lanczos3': (_lanczos3, 6.0), 'box': (_box, 1.0), 'bilinear': (_triangle, 2.0)}
METHODS = (*KERNELS, *ALIASES, 'area')


class Taps(NamedTuple):
    """Weights of a run of output pixels on the input pixels ``[start, start + matrix.shape[1])``; read-only.

    Each row of the matrix stores the same number of weights, zeros too.
    """

    start: int
    matrix: csr_array


def imresize(image: np.ndarray, scale: float | None = None, size: tuple[int, int] | None = None,
             method: str = 'bicubic') -> np.ndarray:
    """Resize a picture as MATLAB's ``imresize`` does, antialiased where it shrinks.

    As there, the dimension that shrinks most comes first (height, if both shrink alike), and integer pictures are
    rounded (half up) and clipped after each of the two; beyond the borders a picture is mirrored. `area` is MATLAB's
    in nothing: it is the mean over the area that a pixel covers, as OpenCV's INTER_AREA, and rounded once.

    Args:
        image: (H, W) or (H, W, C), uint8, uint16, float32 or float64; any order of channels.
        scale: Output size over input size, rounded up to whole pixels. Either this or ``size``.
        size: (height, width) of the output; the two scales may differ.
        method: 'bicubic', 'lanczos3' (or 'lanczos'), 'box', 'bilinear', 'area'.

    Returns:
        The picture, of the same dtype; floats are neither rounded nor clipped.

    Raises:
        ValueError: Another shape, dtype or method, an empty picture, or neither or both of scale and size.
    """
    method = _checked(image, method)
    if (scale is None) == (size is None):
        raise ValueError(f'scale is {scale} and size is {size}; give one of them')
    if scale is not None and not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f'scale is {scale}; accepted: a number above 0')
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(f'size is {size}; accepted: (height, width), each from 1')
    heights = image.shape[:2]
    outputs = tuple(map(int, size)) if size is not None else tuple(math.ceil(scale * length) for length in heights)
    scales = [scale or output / length for output, length in zip(outputs, heights, strict=True)]
    taps = [axis_taps(length, output, factor, 0, output, method)
            for length, output, factor in zip(heights, outputs, scales, strict=True)]
    return _resized(image, taps, (0, 1) if scales[0] <= scales[1] else (1, 0), method)


def imresize_window(read: Callable[[int, int, int, int], np.ndarray], size: tuple[int, int], scale_down: int, top: int,
                    left: int, height: int, width: int, method: str = 'bicubic') -> np.ndarray:
    """The window ``[top:top + height, left:left + width]`` of ``imresize(whole, 1 / scale_down)``, bit for bit.

    Args:
        read: (top, left, height, width) in pixels of the whole picture -> that part of it; called once, with what the
            window depends on: the kernel's reach beyond it, as far as the picture goes.
        size: (H, W) of the whole picture, both divisible by ``scale_down``.
        scale_down: How many times smaller the resized picture is, from 1.
        top: Upper border of the window in pixels of the resized picture; so are the next three.
        left: Left border.
        height: Of the window.
        width: Of the window.
        method: As for :func:`imresize`.

    Raises:
        ValueError: A size that is not divisible, a window that is not within the resized picture, a part of another
            size than was asked for, or as for :func:`imresize`.
    """
    if scale_down < 1 or scale_down != int(scale_down):
        raise ValueError(f'scale_down is {scale_down}; accepted: a whole number from 1')
    if any(length % scale_down for length in size):
        raise ValueError(f'a picture of {size[0]} x {size[1]} (height x width) cannot be divided by {scale_down}; crop '
                         f'it to {size[0] - size[0] % scale_down} x {size[1] - size[1] % scale_down}')
    whole = [length // scale_down for length in size]
    if min(top, left) < 0 or min(height, width) < 1 or top + height > whole[0] or left + width > whole[1]:
        raise ValueError(f'a window of {height} x {width} at ({top}, {left}) in a picture of {whole[0]} x {whole[1]} '
                         '(height x width); it must lie within')
    method = _named(method)
    rows = axis_taps(size[0], whole[0], 1 / scale_down, top, height, method)
    columns = axis_taps(size[1], whole[1], 1 / scale_down, left, width, method)
    wanted = (rows.matrix.shape[1], columns.matrix.shape[1])
    part = read(rows.start, columns.start, *wanted)
    _checked(part, method)
    if part.shape[:2] != wanted:
        raise ValueError(f'read gave {part.shape[0]} x {part.shape[1]} pixels where {wanted[0]} x {wanted[1]} were '
                         'asked for')
    return _resized(part, [rows, columns], (0, 1), method)


def _named(method: str) -> str:
    if method not in METHODS:
        raise ValueError(f'method is {method!r}; accepted: {", ".join(METHODS)}')
    return ALIASES.get(method, method)


def _checked(image: np.ndarray, method: str) -> str:
    """Check a picture and a method; return the method's own name."""
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f'a picture of shape {image.shape}; accepted: (H, W) or (H, W, C), at least one pixel')
    if image.dtype not in DTYPES:
        raise ValueError(f'a picture of dtype {image.dtype}; accepted: uint8, uint16, float32, float64')
    return _named(method)


def _resized(image: np.ndarray, taps: list[Taps], order: tuple[int, int], method: str) -> np.ndarray:
    """Apply the taps of rows and columns; the arithmetic is float64 throughout."""
    pixels = image.astype(np.float64)
    integer = np.issubdtype(image.dtype, np.integer)
    for count, axis in enumerate(order):
        pixels = apply_taps(taps[axis].matrix, pixels, axis)
        if integer and (count == 1 or method != 'area'):
            np.floor(np.add(pixels, 0.5, out=pixels), out=pixels)
            np.clip(pixels, 0, np.iinfo(image.dtype).max, out=pixels)
    return np.ascontiguousarray(pixels, dtype=image.dtype)


def apply_taps(matrix: csr_array, pixels: np.ndarray, axis: int) -> np.ndarray:
    """Weigh and add up float64 pixels along an axis, which becomes as long as the matrix is high."""
    # A sparse product adds the taps of each row in their order, so that a window's sums are the whole picture's.
    moved = np.ascontiguousarray(np.moveaxis(pixels, axis, 0))
    product = matrix @ moved.reshape(len(moved), -1)
    return np.moveaxis(product.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis)


@functools.lru_cache(maxsize=256)
def axis_taps(length: int, output: int, scale: float, first: int, count: int, method: str) -> Taps:
    """Taps of the output pixels ``[first, first + count)`` of a row of ``length`` pixels that becomes ``output``."""
    positions = np.arange(first, first + count, dtype=np.float64)
    weights, indices = (_area(length, output, positions) if method == 'area' else
                        _kernel(length, scale, positions, method))
    used = weights.any(axis=0)
    weights, indices = weights[:, used], indices[:, used]
    start = int(indices.min())
    pointers = np.arange(count + 1) * weights.shape[1]
    matrix = csr_array((weights.ravel(), (indices - start).ravel(), pointers),
                       shape=(count, int(indices.max()) - start + 1))
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return Taps(start, matrix)


def _kernel(length: int, scale: float, positions: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights and indices, (positions, taps), of a kernel, which is widened where the picture shrinks."""
    kernel, width = KERNELS[method]
    narrow = min(scale, 1.0)
    reach = width / narrow
    # Counted from 1 as in MATLAB, so that the same numbers are rounded.
    centres = (positions + 1) / scale + 0.5 * (1 - 1 / scale)
    indices = np.floor(centres - reach / 2)[:, None] + np.arange(math.ceil(reach) + 2)
    weights = kernel(narrow * (centres[:, None] - indices))
    weights /= weights.sum(axis=1, keepdims=True)
    beyond = (indices.astype(np.int64) - 1) % (2 * length)
    return weights, np.minimum(beyond, 2 * length - 1 - beyond)


def _area(length: int, output: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and indices, (positions, taps), of the mean over what each output pixel covers."""
    # In units in which the borders of pixels on both sides are whole numbers: input pixels are `output` long.
    left = positions.astype(np.int64)[:, None] * length
    indices = left // output + np.arange(length // output + 2)
    overlap = np.minimum(left + length, (indices + 1) * output) - np.maximum(left, indices * output)
    return np.maximum(overlap, 0) / length, np.minimum(indices, length - 1)
