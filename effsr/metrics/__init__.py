"""Metrics, and the one place where an option file's ``val: metrics:`` section is carried out.

Importing it registers ``calculate_psnr``, ``calculate_ssim`` and ``calculate_niqe`` with BasicSR, whose own are then
``calculate_psnr_basicsr`` and so on; and ``calculate_ms_ssim``, ``calculate_lpips`` and ``calculate_dists``. All that a
table can have is in :mod:`effsr.metrics.catalogue`.
"""
import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from basicsr.utils.registry import METRIC_REGISTRY

from effsr.metrics import registered
from effsr.metrics.psnr_ssim import psnr, ssim

__all__ = ['check_metrics', 'compute_metrics', 'higher_is_better', 'psnr', 'ssim', 'without_reference']

# Entries of a metric's options that are addressed to the caller, not to the metric.
OWN_KEYS = ('type', 'better')
# Pixels: BasicSR's works on blocks of that size and fails in its own way below.
SMALLEST = {'calculate_niqe_basicsr': 96}


def check_metrics(options: Mapping[str, Mapping[str, Any]]) -> None:
    """Check every metric's name and arguments, so that a mistake shows before training and not at a validation.

    Raises:
        ValueError: As :func:`compute_metrics`, but for what only the pictures tell; or weights that a metric needs are
            missing.
    """
    for label, entry in options.items():
        where = f'val: metrics: {label}'
        blank = np.zeros((1, 1, 3), np.uint8)
        _bind(_find_metric(entry, where), entry, blank, blank, where)
        try:
            registered.prepare(entry)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error


def compute_metrics(
    options: Mapping[str, Mapping[str, Any]],
    result_rgb: np.ndarray,
    gt_rgb: np.ndarray | None,
) -> dict[str, float]:
    """Compute every metric of an option file's ``val: metrics:`` section on one picture.

    Any name in BasicSR's METRIC_REGISTRY will do: effsr's, BasicSR's or a user's. The metrics get BGR, as BasicSR's
    contract has it, as ``img`` and, where they take it, ``img2``.

    Args:
        options: Label -> options, of which ``type`` names the metric, ``better`` is for :func:`higher_is_better`, and
            the others are passed on. Not modified.
        result_rgb: (H, W, 3) RGB uint8, or float in [0, 255]; or grey (H, W).
        gt_rgb: The truth, alike. None where there is none: then only metrics that do without it can be computed.

    Returns:
        Label -> value, in the options' order.

    Raises:
        ValueError: An unknown ``type``, options that the metric does not take or lacks, a missing truth, or pictures
            that the metric refuses. The message begins with the label.
    """
    result = _flip_channels(result_rgb)
    truth = None if gt_rgb is None else _flip_channels(gt_rgb)
    values = {}
    for label, entry in options.items():
        where = f'val: metrics: {label}'
        metric = _find_metric(entry, where)
        arguments = _bind(metric, entry, result, truth, where)
        smallest = SMALLEST.get(entry['type'], 0)
        if min(result.shape[:2]) < smallest:
            raise ValueError(f'{where}: a picture of {result.shape[0]} x {result.shape[1]} is too small for '
                             f'{entry["type"]}; it needs {smallest} x {smallest}')
        try:
            values[label] = float(metric(**arguments))
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error
        # A metric of BasicSR's or the user's may fail in any way.
        except Exception as error:
            reason = next(iter(str(error).splitlines()), '')
            raise ValueError(f'{where}: {entry["type"]}: {type(error).__name__}: {reason}') from error
    return values


def without_reference(options: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Those metrics of a `val: metrics:` section that need no ground truth, such as calculate_niqe."""
    return {label: entry for label, entry in options.items()
            if 'img2' not in inspect.signature(_find_metric(entry, f'val: metrics: {label}')).parameters}


def higher_is_better(option: Mapping[str, Any]) -> bool:
    """Whether a larger value of this metric is the better one, by its entry ``better``.

    Without one, as the metric's own signature has it: lower for effsr's NIQE, LPIPS and DISTS; else higher.

    Raises:
        ValueError: ``better`` is neither 'higher' nor 'lower'.
    """
    better = option.get('better') or _usual_order(option.get('type'))
    if better not in ('higher', 'lower'):
        raise ValueError(f"better is {better!r}; accepted: 'higher', 'lower'")
    return better == 'higher'


def _usual_order(name: str | None) -> str:
    if name not in METRIC_REGISTRY:
        return 'higher'
    parameter = inspect.signature(METRIC_REGISTRY.get(name)).parameters.get('better')
    return parameter.default if parameter is not None and isinstance(parameter.default, str) else 'higher'


def _flip_channels(img: np.ndarray) -> np.ndarray:
    # Contiguous, since metrics hand pictures to OpenCV, which takes no negative strides.
    return np.ascontiguousarray(img[..., ::-1]) if img.ndim == 3 else img


def _find_metric(entry: Mapping[str, Any], where: str) -> Callable[..., Any]:
    known = sorted(METRIC_REGISTRY.keys())
    if 'type' not in entry:
        raise ValueError(f'{where}: type is missing; accepted: {", ".join(known)}')
    name = entry['type']
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1)
        hint = f'; did you mean {near[0]}?' if near else ''
        raise ValueError(f'{where}: type: no metric is named {name!r}; accepted: {", ".join(known)}{hint}')
    return METRIC_REGISTRY.get(name)


def _bind(
    metric: Callable[..., Any], entry: Mapping[str, Any], result: np.ndarray, truth: np.ndarray | None, where: str,
) -> dict[str, Any]:
    """The keywords to call a metric with, checked against its signature."""
    parameters = inspect.signature(metric).parameters
    arguments = {key: value for key, value in entry.items() if key not in OWN_KEYS}
    given = sorted({'img', 'img2'} & arguments.keys())
    if given:
        raise ValueError(f'{where}: {given[0]} is the picture itself and cannot be an option')
    arguments['img'] = result
    if 'img2' in parameters:
        if truth is None and parameters['img2'].default is inspect.Parameter.empty:
            raise ValueError(f'{where}: {entry["type"]} compares with a ground truth, and this set has none')
        if truth is not None:
            arguments['img2'] = truth
    try:
        inspect.signature(metric).bind(**arguments)
    except TypeError as error:
        taken = [key for key in parameters if key not in ('img', 'img2', *OWN_KEYS)]
        raise ValueError(f'{where}: {entry["type"]}: {error}; options: {", ".join(taken)}') from error
    return arguments
