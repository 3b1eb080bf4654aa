"""Draw the parameters of one image's degradation from its seed, with Real-ESRGAN's distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from .parameters import DegradationParameters, KernelParameters, StageParameters
from .resize import RESIZE_MODES
from .settings import MIN_KERNEL_SIZE, DegradationSettings

STREAM = 0x64656772
"""Keeps these draws apart from others made from the same seed (crop, flips): ``default_rng([seed, STREAM])``."""

_T = TypeVar('_T')

_STAGE_DRAWS = 17
_FINAL_DRAWS = 5


def _between(uniform: float, low: float, high: float) -> float:
    return low + (high - low) * uniform


def _choose(uniform: float, values: Sequence[_T], weights: Sequence[float]) -> _T:
    """The value whose share of the summed weights ``uniform`` in [0, 1) falls into."""
    left = uniform * sum(weights)
    chosen = None
    for value, weight in zip(values, weights, strict=True):
        if weight > 0:
            chosen = value
            if left < weight:
                break
        left -= weight
    return chosen


def _pick(uniform: float, values: Sequence[_T]) -> _T:
    return values[int(uniform * len(values))]


def _kernel_size(uniform: float, largest: int) -> int:
    return _pick(uniform, range(MIN_KERNEL_SIZE, largest + 1, 2))


def _beta(side: float, uniform: float, low: float, high: float) -> float:
    """Below 1 or above 1 equally often, however long the two parts of the range are; 1 itself if a part is empty."""
    if not low <= 1 <= high:
        return _between(uniform, low, high)
    return _between(uniform, low, 1.0) if side < 0.5 else _between(uniform, 1.0, high)


def _draw_kernel(draws: Iterator[float], settings: DegradationSettings, suffix: str) -> KernelParameters:
    """Take nine numbers, whichever kind results, so that a setting never shifts the draws after it."""

    def option(name: str):
        return getattr(settings, name + suffix)

    size = _kernel_size(next(draws), option('blur_kernel_size'))
    is_sinc = next(draws) < option('sinc_prob')
    omega = _between(next(draws), math.pi / 3 if size < 13 else math.pi / 5, math.pi)
    kind = _choose(next(draws), option('kernel_list'), option('kernel_prob'))
    sigma_x, sigma_y = (_between(next(draws), *option('blur_sigma')) for _ in range(2))
    rotation = _between(next(draws), -math.pi, math.pi)
    beta_side, beta_place = next(draws), next(draws)
    if is_sinc:
        return KernelParameters('sinc', size, omega=omega)
    beta = 1.0
    if kind.startswith('generalized'):
        beta = _beta(beta_side, beta_place, *option('betag_range'))
    elif kind.startswith('plateau'):
        beta = _beta(beta_side, beta_place, *option('betap_range'))
    if kind.endswith('aniso'):
        return KernelParameters(kind, size, sigma_x, sigma_y, rotation, beta)
    return KernelParameters(kind, size, sigma_x, sigma_x, 0.0, beta)


def _draw_resize(direction: float, place: float, weights: Sequence[float], low: float, high: float) -> float:
    chosen = _choose(direction, ('up', 'down', 'keep'), weights)
    if chosen == 'up':
        return _between(place, 1.0, high)
    return _between(place, low, 1.0) if chosen == 'down' else 1.0


def _draw_stage(draws: Iterator[float], settings: DegradationSettings, suffix: str) -> StageParameters:
    def option(name: str):
        return getattr(settings, name + suffix)

    kernel = _draw_kernel(draws, settings, suffix)
    # The first order always blurs: there is no option for its probability.
    blurs = next(draws) < (settings.second_blur_prob if suffix else 1.0)
    factor = _draw_resize(next(draws), next(draws), option('resize_prob'), *option('resize_range'))
    mode = _pick(next(draws), RESIZE_MODES)
    gaussian = next(draws) < option('gaussian_noise_prob')
    strength = _between(next(draws), *option('noise_range' if gaussian else 'poisson_scale_range'))
    gray = next(draws) < option('gray_noise_prob')
    quality = _between(next(draws), *option('jpeg_range'))
    noise = 'gaussian' if gaussian else 'poisson'
    return StageParameters(kernel if blurs else None, factor, mode, noise, strength, gray, quality)


def draw_parameters(settings: DegradationSettings, seed: int) -> DegradationParameters:
    """Draw the degradation of one image; the same settings and seed always give the same parameters.

    Each choice has a fixed place in the sequence of random numbers: a changed option changes that choice alone.
    The distribution is that of Real-ESRGAN's training data and model (figure 2 of arXiv 2107.10833), but drawn for
    each image instead of once for a batch. The final sinc filter's size goes up to ``blur_kernel_size2``.

    Args:
        settings: what may be drawn.
        seed: a non-negative integer, one for each sample.

    Raises:
        ValueError: a negative seed.
    """
    if seed < 0:
        raise ValueError(f'seed is {seed}; accepted: an integer from 0')
    generator = np.random.default_rng([seed, STREAM])
    noise_seed = int(generator.integers(2**53))
    draws = iter(generator.random(2 * _STAGE_DRAWS + _FINAL_DRAWS).tolist())
    first = _draw_stage(draws, settings, '')
    second = _draw_stage(draws, settings, '2')
    filters = next(draws) < settings.final_sinc_prob
    size = _kernel_size(next(draws), settings.blur_kernel_size2)
    omega = _between(next(draws), math.pi / 3, math.pi)
    return DegradationParameters(
        first=first,
        second=second,
        final_kernel=KernelParameters('sinc', size, omega=omega) if filters else None,
        final_mode=_pick(next(draws), RESIZE_MODES),
        sinc_before_jpeg=next(draws) < 0.5,
        noise_seed=noise_seed,
    )
