"""Draw the parameters of one image's degradation from its seed, with Real-ESRGAN's distribution."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from .parameters import DegradationParameters, KernelParameters, StageParameters
from .resize import RESIZE_MODES
from .settings import MIN_KERNEL_SIZE, DegradationSettings, sinc_omega_from
from .severity import scaled, severity_of

STREAM = 0x64656772
"""Keeps these draws apart from others made from the same seed (crop, flips): ``default_rng([seed, STREAM])``."""

_T = TypeVar('_T')

_STAGE_DRAWS = 17
_FINAL_DRAWS = 5
_LATER_DRAWS = 3  # added after the others, whose places stay

Draws = Iterator[tuple[float, float]]
"""Random numbers in [0, 1), in pairs: the image's own, and that which its batch shares (its own too, by default)."""


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
    omega = _between(next(draws), sinc_omega_from(size), math.pi)
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


def _draw_stage(draws: Draws, settings: DegradationSettings, suffix: str) -> StageParameters:
    def option(name: str):
        return getattr(settings, name + suffix)

    def own() -> float:
        return next(draws)[0]

    def shared() -> float:
        return next(draws)[1]

    kernel = _draw_kernel((number for number, _ in draws), settings, suffix)
    # The first order always blurs: there is no option for its probability.
    blurs = shared() < (settings.second_blur_prob if suffix else 1.0)
    factor = _draw_resize(shared(), shared(), option('resize_prob'), *option('resize_range'))
    mode = _pick(shared(), RESIZE_MODES)
    gaussian = shared() < option('gaussian_noise_prob')
    strength = _between(own(), *option('noise_range' if gaussian else 'poisson_scale_range'))
    gray = own() < option('gray_noise_prob')
    quality = _between(own(), *option('jpeg_range'))
    noise = 'gaussian' if gaussian else 'poisson'
    return StageParameters(kernel if blurs else None, factor, mode, noise, strength, gray, quality)


def _keep_chroma(stage: StageParameters, keep: bool) -> StageParameters:
    return dataclasses.replace(stage, jpeg_subsampling='4:4:4') if keep else stage


def _numbers(seed: int) -> tuple[int, list[float]]:
    if seed < 0:
        raise ValueError(f'seed is {seed}; accepted: an integer from 0')
    generator = np.random.default_rng([seed, STREAM])
    noise_seed = int(generator.integers(2**53))
    return noise_seed, generator.random(2 * _STAGE_DRAWS + _FINAL_DRAWS + _LATER_DRAWS).tolist()


def _draw(settings: DegradationSettings, seed: int, first_seed: int, severity: float | None) -> DegradationParameters:
    """One image's parameters; what its batch shares comes from ``first_seed``."""
    noise_seed, numbers = _numbers(seed)
    draws = zip(numbers, numbers if seed == first_seed else _numbers(first_seed)[1], strict=True)
    first = _draw_stage(draws, settings, '')
    second = _draw_stage(draws, settings, '2')
    filters = next(draws)[0] < settings.final_sinc_prob
    size = _kernel_size(next(draws)[0], settings.blur_kernel_size2)
    omega = _between(next(draws)[0], math.pi / 3, math.pi)
    final_mode = _pick(next(draws)[1], RESIZE_MODES)
    sinc_before_jpeg = next(draws)[1] < 0.5
    severity = severity_of(settings, severity, next(draws)[1])
    parameters = DegradationParameters(
        first=_keep_chroma(first, next(draws)[0] < settings.jpeg_444_prob),
        second=_keep_chroma(second, next(draws)[0] < settings.jpeg_444_prob2),
        final_kernel=KernelParameters('sinc', size, omega=omega) if filters else None,
        final_mode=final_mode,
        sinc_before_jpeg=sinc_before_jpeg,
        noise_seed=noise_seed,
    )
    return scaled(parameters, severity)


def draw_parameters(settings: DegradationSettings, seed: int, severity: float | None = None) -> DegradationParameters:
    """Draw the degradation of one image; the same settings, seed and severity always give the same parameters.

    Each choice has a fixed place in the sequence of random numbers: a changed option changes that choice alone.
    The distribution is that of Real-ESRGAN's training data and model (figure 2 of arXiv 2107.10833), but drawn for
    each image instead of once for a batch. The final sinc filter's size goes up to ``blur_kernel_size2``.

    Args:
        settings: what may be drawn.
        seed: a non-negative integer, one for each sample.
        severity: 0 to 2, see :func:`.severity.scaled`; None takes that of the settings: a number, a draw from a range,
            or the end of a schedule.

    Raises:
        ValueError: a negative seed, or a severity out of range.
    """
    return _draw(settings, seed, seed, severity)


def draw_batch(
    settings: DegradationSettings, seeds: Iterable[int], severity: float | None = None
) -> list[DegradationParameters]:
    """Draw the degradations of a batch, one seed for each image.

    In mode ``per_image`` each as :func:`draw_parameters` does. In mode ``batch`` the images share, as in Real-ESRGAN,
    the factors and modes of all resizes, the kinds of noise, whether the second order blurs, and the order of the
    last operations, all drawn from the first seed; and the severity. Kernels, noise strength, grey noise, JPEG quality
    and whether the final sinc filters stay each image's own.

    Raises:
        ValueError: a negative seed, or a severity out of range.
    """
    seeds = [int(seed) for seed in seeds]
    return [_draw(settings, seed, seeds[0] if settings.mode == 'batch' else seed, severity) for seed in seeds]
