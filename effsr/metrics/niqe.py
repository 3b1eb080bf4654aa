"""NIQE: how far the statistics of a picture are from those of undistorted photographs, without a truth."""
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import gamma

from effsr.data.imresize import imresize
from effsr.metrics.psnr_ssim import cropped, rgb_to_y
from effsr.metrics.scorer import MetricSettings, Opened

BLOCK = 96  # pixels; those that the published statistics are of
LEAST_BLOCKS = 2  # a covariance needs two
PARAMETERS = 'niqe_pris_params.npz'
CONVERSIONS = ('y', 'gray')
BT601_GREY = (0.299, 0.587, 0.114)
SHAPES = np.arange(0.2, 10.001, 0.001)  # among which the authors' program looks for a distribution's shape
# Of a flat area nothing but its rounding is left, whose signs would count as texture: it is taken as 0.
NOISE = 1e-6
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


class _Pristine(NamedTuple):
    """What was fitted to undistorted photographs: 36 means, their covariance, and the window's taps."""

    mean: np.ndarray
    covariance: np.ndarray
    taps: np.ndarray


def niqe(img: np.ndarray, crop_border: int = 0, convert_to: str = 'y') -> float:
    """Natural image quality evaluator; less is better, photographs have about 2 to 6.

    Mittal, Soundararajan, Bovik, Making a Completely Blind Image Quality Analyzer, IEEE SPL 2013, with the arithmetic
    of the authors' MATLAB program: blocks of 96 x 96 side by side (what is left over at the right and the bottom does
    not count), two scales, luma rounded to whole numbers, blocks without both signs left out of the covariance. The
    statistics of photographs are the authors', from BasicSR's package.

    Args:
        img: (H, W, 3) RGB, or (H, W) or (H, W, 1) grey; uint8, or float in [0, 255].
        crop_border: Pixels left out at each side.
        convert_to: 'y', BT.601 luma in [16, 235], as papers have it; or 'gray', in [0, 255].

    Raises:
        ValueError: Less than two blocks within the border, or with anything but flat areas in them; a shape, dtype,
            border or conversion that is not accepted.
    """
    luma = _rounded_luma(cropped(img, crop_border), convert_to)
    rows, columns = (size // BLOCK for size in luma.shape)
    if rows * columns < LEAST_BLOCKS:
        raise ValueError(f'a picture of {img.shape[0]} x {img.shape[1]} (height x width) less a border of '
                         f'{crop_border} at each side is too small for NIQE; two blocks of {BLOCK} x {BLOCK} must '
                         'fit into it')
    pristine = _pristine()
    luma = luma[:rows * BLOCK, :columns * BLOCK]
    fine = _features(luma, BLOCK, pristine.taps)
    coarse = _features(imresize(luma, 0.5), BLOCK // 2, pristine.taps)
    return _distance(np.concatenate([fine, coarse], 1), pristine)


def open_niqe(border: int, settings: MetricSettings) -> Opened:
    """Opens NIQE on luma; it needs nothing that is set."""
    return Opened(lambda img, img2: niqe(img, border))


def _rounded_luma(img: np.ndarray, convert_to: str) -> np.ndarray:
    """(H, W) float64, whole numbers: the authors' program gets 8-bit pictures."""
    if img.ndim not in (2, 3) or img.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f'a picture of shape {img.shape}; accepted: (H, W, 3), (H, W, 1) or (H, W)')
    if convert_to not in CONVERSIONS:
        raise ValueError(f'convert_to is {convert_to!r}; accepted: {", ".join(map(repr, CONVERSIONS))}')
    if img.shape[2:] == (3,):
        img = rgb_to_y(img) if convert_to == 'y' else img.astype(np.float64) @ np.array(BT601_GREY)
    return np.floor(img.reshape(img.shape[:2]).astype(np.float64) + 0.5)


@cache
def _pristine() -> _Pristine:
    with (files('basicsr.metrics') / PARAMETERS).open('rb') as file, np.load(file) as stored:
        # The window is the product of its sums: a Gaussian of 7 x 7.
        return _Pristine(stored['mu_pris_param'].ravel(), stored['cov_pris_param'], stored['gaussian_window'].sum(0))


@cache
def _ratios() -> np.ndarray:
    """What the ratio of squared mean and mean square is for each of SHAPES."""
    inverse = 1.0 / SHAPES
    return gamma(2 * inverse) ** 2 / (gamma(inverse) * gamma(3 * inverse))


def _features(luma: np.ndarray, block: int, taps: np.ndarray) -> np.ndarray:
    """18 statistics of each block of the locally normalised picture, (blocks, 18)."""
    mean, square = _smooth(luma, taps), _smooth(luma * luma, taps)
    detail = luma - mean
    detail[np.abs(detail) < NOISE] = 0.0
    normalised = detail / (np.sqrt(np.abs(square - mean * mean)) + 1.0)
    tiles = (normalised[top:top + block, left:left + block] for left in range(0, luma.shape[1], block)
             for top in range(0, luma.shape[0], block))
    return np.array([_of_block(tile) for tile in tiles])


def _smooth(img: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return correlate1d(correlate1d(img, taps, 0, mode='nearest'), taps, 1, mode='nearest')


def _of_block(tile: np.ndarray) -> list[float]:
    shape, left, right = _asymmetric_gaussian(tile)
    found = [shape, (left + right) / 2.0]
    for shift in SHIFTS:
        shape, left, right = _asymmetric_gaussian(tile * np.roll(tile, shift, (0, 1)))
        found += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return found


def _asymmetric_gaussian(values: np.ndarray) -> tuple[float, float, float]:
    """Shape, left and right scale of the asymmetric generalised Gaussian that fits, by its moments.

    The scales are NaN where no value is negative, or none positive.
    """
    negative, positive = values[values < 0], values[values > 0]
    if not (negative.size and positive.size):
        return SHAPES[0], np.nan, np.nan
    left, right = (np.sqrt(np.mean(side * side)) for side in (negative, positive))
    skew = left / right
    ratio = np.mean(np.abs(values)) ** 2 / np.mean(values * values)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = SHAPES[np.argmin((_ratios() - ratio) ** 2)]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def _distance(features: np.ndarray, pristine: _Pristine) -> float:
    whole = features[~np.isnan(features).any(1)]
    if len(whole) < LEAST_BLOCKS:
        raise ValueError(f'NIQE needs two blocks of {BLOCK} x {BLOCK} that are not flat; this picture has {len(whole)}')
    # As the authors' program: a block counts in each mean that it has a number for.
    difference = pristine.mean - np.nanmean(features, axis=0)
    inverse = np.linalg.pinv((pristine.covariance + np.cov(whole, rowvar=False)) / 2.0)
    return float(np.sqrt(difference @ inverse @ difference))
