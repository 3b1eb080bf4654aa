"""How strong a degradation is, in one number: 0 for a plain resize, 1 for what the settings say, 2 for twice that."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from .parameters import DegradationParameters, KernelParameters, StageParameters
from .settings import MAX_SEVERITY, DegradationSettings, sinc_omega_from

_LEAST_SIGMA = 0.01  # pixels; far below it a kernel's formula overflows, and has long been a single pixel


def severity_at(settings: DegradationSettings, iteration: int | None) -> float | None:
    """The severity of an iteration: on the line between the two nearest of a schedule; None if drawn per image.

    Without an iteration a schedule counts at its end.
    """
    severity = settings.severity
    if isinstance(severity, Mapping):
        places = sorted(severity)
        place = places[-1] if iteration is None else iteration
        return float(np.interp(place, places, [severity[place] for place in places]))
    return None if isinstance(severity, tuple) else float(severity)


def severity_of(settings: DegradationSettings, severity: float | None, uniform: float) -> float:
    """The severity of one image: as given, or else from the settings.

    Args:
        settings: a range is drawn from, by ``uniform``; of a schedule the end is taken, so that what knows no
            iteration (validation, previews) stays the same throughout.
        severity: 0 to 2, or None.
        uniform: a random number in [0, 1).

    Raises:
        ValueError: a severity out of range.
    """
    if severity is not None:
        if not 0 <= severity <= MAX_SEVERITY:
            raise ValueError(f'severity is {severity}; accepted: 0 to {MAX_SEVERITY}')
        return float(severity)
    own = settings.severity
    if isinstance(own, tuple):
        return own[0] + (own[1] - own[0]) * uniform
    return float(own[max(own)] if isinstance(own, Mapping) else own)


def _scaled_kernel(kernel: KernelParameters | None, severity: float) -> KernelParameters | None:
    if kernel is None or severity == 0:
        return None
    if kernel.kind == 'sinc':
        omega = max(sinc_omega_from(kernel.size), math.pi - severity * (math.pi - kernel.omega))
        return dataclasses.replace(kernel, omega=omega)
    sigmas = (min(max(sigma * severity, _LEAST_SIGMA), 100.0) for sigma in (kernel.sigma_x, kernel.sigma_y))
    return dataclasses.replace(kernel, sigma_x=next(sigmas), sigma_y=next(sigmas))


def _scaled_stage(stage: StageParameters, severity: float) -> StageParameters:
    most = 255.0 if stage.noise == 'gaussian' else 100.0
    return dataclasses.replace(
        stage,
        kernel=_scaled_kernel(stage.kernel, severity),
        resize=min(stage.resize**severity, 8.0),
        noise_strength=min(stage.noise_strength * severity, most),
        jpeg_quality=max(100.0 - severity * (100.0 - stage.jpeg_quality), 1.0),
    )


def scaled(parameters: DegradationParameters, severity: float) -> DegradationParameters:
    """Parameters of another severity, from those drawn for severity 1.

    Sigmas of blur and noise and the scale of Poisson noise are multiplied; resize factors are taken to that power
    (multiplied in logarithms, towards 1); the distances of JPEG quality from 100 and of a sinc's cutoff from pi are
    multiplied. Each stays within what its setting accepts, a cutoff within what is drawn. Which kernels, modes, kinds
    of noise and orders were drawn stays. At 0 nothing is left but the resize of the second order's mode: no kernel,
    and no compression.
    """
    if severity == 1:
        return parameters
    return dataclasses.replace(
        parameters,
        first=_scaled_stage(parameters.first, severity),
        second=_scaled_stage(parameters.second, severity),
        final_kernel=_scaled_kernel(parameters.final_kernel, severity),
        severity=severity,
    )
