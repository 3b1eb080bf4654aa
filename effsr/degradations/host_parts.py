"""The operations of a degradation on one (H, W, 3) RGB float32 array, by OpenCV, libjpeg and numpy.

Each gives what its twin for tensors gives, up to rounding; noise has the same law.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from .jpeg import Subsampling
from .poisson import poisson_deviation
from .resize import ResizeMode

_CUBIC = -0.75
_SAMPLING = {'4:2:0': cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, '4:4:4': cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444}

Taps = tuple[np.ndarray, np.ndarray]
"""Positions and weights (T, n) of the samples that each of n results is the sum of."""


def to_levels(image: np.ndarray) -> np.ndarray:
    """The 8-bit levels of values in [0, 1], clamped: uint8."""
    levels = image * np.float32(255.0)
    np.rint(levels, out=levels)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def blur_host(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """As :func:`effsr.degradations.filter2d` with one kernel (k, k), borders reflected."""
    return cv2.filter2D(image, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101)


def blur_lines_host(image: np.ndarray, line: np.ndarray) -> np.ndarray:
    """As :func:`effsr.degradations.filter_separable`: with the outer product of (k,) with itself."""
    line = line.astype(np.float32)
    return cv2.sepFilter2D(image, -1, line, line, borderType=cv2.BORDER_REFLECT_101)


def _area_taps(length: int, result: int, step: float) -> Taps:
    """Means over the whole samples that a result touches. OpenCV's INTER_AREA weighs the samples at both ends by the
    part that is touched: another picture, unless the sizes divide each other."""
    number = np.arange(result)
    first, after = number * length // result, -(-(number + 1) * length // result)
    position = first + np.arange((after - first).max())[:, None]
    return np.minimum(position, length - 1), (position < after) / (after - first)


def _linear_taps(length: int, result: int, step: float) -> Taps:
    if length == result:  # whatever the step, torch copies on a CPU
        return np.arange(length)[None], np.ones((1, length))
    place = np.maximum((np.arange(result) + 0.5) * step - 0.5, 0)
    first = np.floor(place).astype(np.int64)
    part = place - first
    return np.minimum(np.stack([first, first + 1]), length - 1), np.stack([1 - part, part])


def _cubic_taps(length: int, result: int, step: float) -> Taps:
    """Keys' convolution with the parameter -0.75, which torch and OpenCV share."""
    place = (np.arange(result) + 0.5) * step - 0.5
    first = np.floor(place).astype(np.int64)
    part = place - first

    def near(x: np.ndarray) -> np.ndarray:
        return ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1

    def far(x: np.ndarray) -> np.ndarray:
        return ((_CUBIC * x - 5 * _CUBIC) * x + 8 * _CUBIC) * x - 4 * _CUBIC

    weights = np.stack([far(part + 1), near(part), near(1 - part), far(2 - part)])
    return np.clip(first + np.arange(-1, 3)[:, None], 0, length - 1), weights


_TAPS: dict[ResizeMode, Callable[[int, int, float], Taps]] = {
    'area': _area_taps, 'bilinear': _linear_taps, 'bicubic': _cubic_taps}
_FLAGS: dict[ResizeMode, int] = {'bilinear': cv2.INTER_LINEAR, 'bicubic': cv2.INTER_CUBIC}


def _sum_rows(image: np.ndarray, taps: Taps) -> np.ndarray:
    positions, weights = taps[0], taps[1].astype(np.float32)[..., None, None]
    out = image[positions[0]]
    out *= weights[0]
    for position, weight in zip(positions[1:], weights[1:], strict=True):
        rows = image[position]
        rows *= weight
        out += rows
    return out


def _resample(image: np.ndarray, size: tuple[int, int], mode: ResizeMode, steps: tuple[float, float]) -> np.ndarray:
    """Rows first and then, turned over, columns: whole rows are copied many times faster than single pixels."""
    taps = _TAPS[mode]
    rows = _sum_rows(image, taps(image.shape[0], size[0], steps[0]))
    return cv2.transpose(_sum_rows(cv2.transpose(rows), taps(image.shape[1], size[1], steps[1])))


def resize_host(image: np.ndarray, size: tuple[int, int], mode: ResizeMode) -> np.ndarray:
    """As :func:`effsr.degradations.resize`: to ``size`` (rows, columns; at least 1 each is taken)."""
    size = (max(1, size[0]), max(1, size[1]))
    if size == image.shape[:2]:
        return image
    if mode in _FLAGS:
        return cv2.resize(image, size[::-1], interpolation=_FLAGS[mode])
    return _resample(image, size, mode, (1.0, 1.0))


def resize_by_host(image: np.ndarray, factor: float, mode: ResizeMode) -> np.ndarray:
    """As :func:`effsr.degradations.resize_by`: sampled at the step ``1 / factor`` itself.

    OpenCV takes the same step; it rounds the size to the nearest and copies where that stays as it is.
    """
    if factor == 1:
        return image
    size = (int(image.shape[0] * factor), int(image.shape[1] * factor))
    if min(size) < 1:
        return resize_host(image, size, mode)
    if mode in _FLAGS and all(abs(after - before) > 1 for after, before in zip(size, image.shape, strict=False)):
        return cv2.resize(image, None, fx=factor, fy=factor, interpolation=_FLAGS[mode])[:size[0], :size[1]]
    return _resample(image, size, mode, (1 / factor, 1 / factor))


def gaussian_noise_host(image: np.ndarray, sigma: float, gray: bool, generator: np.random.Generator) -> np.ndarray:
    """As :func:`effsr.degradations.add_gaussian_noise`, clamped to [0, 1]; ``sigma`` in levels of 255."""
    shape = (*image.shape[:2], 1) if gray else image.shape
    noise = generator.standard_normal(shape, dtype=np.float32)
    noise *= np.float32(sigma / 255.0)
    out = image + noise
    return np.clip(out, 0, 1, out=out)


def poisson_noise_host(image: np.ndarray, scale: float, gray: bool, generator: np.random.Generator) -> np.ndarray:
    """As :func:`effsr.degradations.add_poisson_noise`, clamped to [0, 1]."""
    levels = to_levels(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] if gray else image)
    distinct = int(np.count_nonzero(np.bincount(levels.ravel(), minlength=256)))
    exponent = torch.tensor([(distinct - 1).bit_length()])
    # Plain bytes come several times faster than bounded integers.
    draws = (np.frombuffer(generator.bytes(4 * levels.size), np.uint32) >> 1).view(np.int32)
    noise = poisson_deviation(torch.from_numpy(levels.reshape(1, -1)), exponent, torch.from_numpy(draws[None]),
                              torch.float32).numpy().reshape(levels.shape)
    noise *= np.float32(scale)
    out = image + noise
    return np.clip(out, 0, 1, out=out)


def jpeg_host(image: np.ndarray, quality: float, subsampling: Subsampling = '4:2:0') -> np.ndarray:
    """As :func:`effsr.degradations.jpeg_round_trip`, by libjpeg itself, which knows whole qualities alone."""
    settings = (cv2.IMWRITE_JPEG_QUALITY, round(quality), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[subsampling])
    _, data = cv2.imencode('.jpg', cv2.cvtColor(to_levels(image), cv2.COLOR_RGB2BGR), settings)
    decoded = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return decoded * np.float32(1 / 255.0)
