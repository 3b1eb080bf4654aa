"""Blur kernels as float64 arrays: Gaussian, generalized Gaussian, plateau and sinc. Each sums to 1.

Section 3.1 of Real-ESRGAN (arXiv 2107.10833) for the blurs, section 3.3 and figure 5 for the sinc filter.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import j1


def _check_size(size: int) -> None:
    if size < 1 or size % 2 == 0:
        raise ValueError(f'kernel size is {size}; accepted: an odd number from 1')


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f'{name} is {value}; accepted: a finite number above 0')


def _squared_distance(size: int, sigma_x: float, sigma_y: float | None, rotation: float) -> np.ndarray:
    """Squared Mahalanobis distance of each pixel to the centre, (size, size); ``rotation`` in radians."""
    sigma_y = sigma_x if sigma_y is None else sigma_y
    _check_size(size)
    _check_positive(sigma_x=sigma_x, sigma_y=sigma_y)
    x = np.arange(size, dtype=np.float64) - size // 2
    y = x[:, None]
    cos, sin = math.cos(rotation), math.sin(rotation)
    along = (x * cos + y * sin) / sigma_x
    across = (y * cos - x * sin) / sigma_y
    return along**2 + across**2


def gaussian_kernel(size: int, sigma_x: float, sigma_y: float | None = None, rotation: float = 0.0) -> np.ndarray:
    """Gaussian kernel, isotropic without ``sigma_y``.

    Args:
        size: side in pixels, odd.
        sigma_x: standard deviation along the first axis (x before rotation), in pixels, above 0.
        sigma_y: the same along the second axis; ``sigma_x`` if None.
        rotation: angle from x towards y (y downwards) in radians.

    Returns:
        (size, size) float64, non-negative, sum 1.

    Raises:
        ValueError: an even size or a sigma not above 0.
    """
    kernel = np.exp(-0.5 * _squared_distance(size, sigma_x, sigma_y, rotation))
    return kernel / kernel.sum()


def generalized_gaussian_kernel(
    size: int, sigma_x: float, sigma_y: float | None = None, rotation: float = 0.0, beta: float = 1.0
) -> np.ndarray:
    """Kernel proportional to ``exp(-d^(2 beta) / 2)`` at Mahalanobis distance d: beta 1 is the Gaussian.

    Arguments, result and errors as :func:`gaussian_kernel`; ``beta`` above 0.
    """
    _check_positive(beta=beta)
    kernel = np.exp(-0.5 * _squared_distance(size, sigma_x, sigma_y, rotation) ** beta)
    return kernel / kernel.sum()


def plateau_kernel(
    size: int, sigma_x: float, sigma_y: float | None = None, rotation: float = 0.0, beta: float = 1.0
) -> np.ndarray:
    """Kernel proportional to ``1 / (1 + d^(2 beta))`` at Mahalanobis distance d: a flat top for a large beta.

    Arguments, result and errors as :func:`gaussian_kernel`; ``beta`` above 0.
    """
    _check_positive(beta=beta)
    kernel = 1.0 / (1.0 + _squared_distance(size, sigma_x, sigma_y, rotation) ** beta)
    return kernel / kernel.sum()


def sinc_kernel(size: int, omega: float) -> np.ndarray:
    """Circular low-pass kernel ``omega J1(omega r) / (2 pi r)``: ringing and overshoot (equation 6 of the paper).

    Args:
        size: side in pixels, odd.
        omega: cutoff in radians per pixel, above 0 and at most pi.

    Returns:
        (size, size) float64, sum 1, with negative lobes.

    Raises:
        ValueError: an even size or a cutoff out of range.
    """
    _check_size(size)
    if not 0 < omega <= math.pi:
        raise ValueError(f'omega is {omega}; accepted: above 0, at most pi')
    x = np.arange(size, dtype=np.float64) - size // 2
    radius = np.hypot(x, x[:, None])
    # J1(z)/z tends to 1/2 at 0, where the quotient cannot be computed.
    centre = size // 2
    radius[centre, centre] = 1.0
    kernel = omega * j1(omega * radius) / (2 * math.pi * radius)
    kernel[centre, centre] = omega**2 / (4 * math.pi)
    return kernel / kernel.sum()


def pad_kernel(kernel: np.ndarray, size: int) -> np.ndarray:
    """Centre a (k, k) kernel in zeros of (size, size), so that kernels of different sizes can be stacked.

    Raises:
        ValueError: ``size`` is even or smaller than the kernel.
    """
    side = kernel.shape[0]
    _check_size(size)
    if size < side:
        raise ValueError(f'kernel of {side} pixels does not fit in {size}; accepted: an odd size from {side}')
    return np.pad(kernel, (size - side) // 2)
