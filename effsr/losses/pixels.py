"""Differences between neighbouring and corresponding pixels, as pure functions of pictures (B, C, H, W) in [0, 1]."""
import torch
from torch import Tensor

from effsr.losses.common import check_pictures, in_full_precision, reduced

MOST_LEVELS = 8  # of wavelets: coarser than any crop


@in_full_precision
def absolute(pred: Tensor, target: Tensor) -> Tensor:
    """Absolute difference of each pixel, (B, C, H, W)."""
    check_pictures(pred, target, 'L1')
    return (pred - target).abs()


@in_full_precision
def charbonnier(pred: Tensor, target: Tensor, eps: float = 1e-12) -> Tensor:
    """``sqrt(d^2 + eps)`` of each pixel's difference d, (B, C, H, W): L1, but smooth within sqrt(eps) of 0.

    Charbonnier et al., Two Deterministic Half-Quadratic Regularization Algorithms for Computed Imaging, ICIP 1994;
    for super-resolution LapSRN (Lai et al., arXiv 1704.03915, section 3.3) with eps 1e-6. As in BasicSR, `eps` is the
    square of their epsilon.
    """
    check_pictures(pred, target, 'Charbonnier')
    return ((pred - target).square() + eps).sqrt()


@in_full_precision
def total_variation(picture: Tensor, reduction: str = 'mean') -> Tensor:
    """Absolute differences between vertical and between horizontal neighbours: their means, or sums, added up.

    Anisotropic total variation (Rudin, Osher, Fatemi, Physica D 1992, is the isotropic one).

    Raises:
        ValueError: Less than 2 x 2 pixels.
    """
    check_pictures(picture, picture, 'TV', 2)
    vertical, horizontal = (picture.diff(dim=dim).abs() for dim in (-2, -1))
    return reduced(vertical, reduction) + reduced(horizontal, reduction)


def sobel(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes downwards and to the right, a pixel (Sobel and Feldman's 3x3 operators divided by 8).

    Args:
        picture: (B, C, H, W) -> two of (B, C, H - 2, W - 2), where the operator lies within the picture.
    """
    def smoothed(x: Tensor, dim: int) -> Tensor:
        count = x.shape[dim] - 2
        return (x.narrow(dim, 0, count) + 2 * x.narrow(dim, 1, count) + x.narrow(dim, 2, count)) / 4

    def slope(x: Tensor, dim: int) -> Tensor:
        count = x.shape[dim] - 2
        return (x.narrow(dim, 2, count) - x.narrow(dim, 0, count)) / 2
    return slope(smoothed(picture, -1), -2), slope(smoothed(picture, -2), -1)


@in_full_precision
def gradient_difference(pred: Tensor, target: Tensor) -> Tensor:
    """How far both slopes (:func:`sobel`) are from the target's, absolute and added up, (B, C, H - 2, W - 2).

    Of the gradient difference losses (Mathieu et al., arXiv 1511.05440, equation 6, compare magnitudes) the one that
    keeps the direction: an edge from dark to light is not one from light to dark.

    Raises:
        ValueError: Pictures that differ in shape, or of less than 3 x 3 pixels.
    """
    check_pictures(pred, target, 'gradient', 3)
    downwards, rightwards = sobel(pred - target)
    return downwards.abs() + rightwards.abs()


def haar_details(picture: Tensor, levels: int) -> list[Tensor]:
    """Detail bands of the undecimated Haar wavelet transform, finest first: of each level vertical, horizontal, both.

    Undecimated, since a picture moved by a pixel is to have the same bands, moved (Mallat, A Wavelet Tour of Signal
    Processing, section 5.2). Low-pass (a + b) / 2 and high-pass (a - b) / 2 of pixels 1, 2, 4 ... apart, where
    both lie within the picture: bands are in units of the picture, and smaller by 2^level - 1.

    Args:
        picture: (B, C, H, W), at least 2^levels pixels in height and width.
        levels: From 1.
    """
    bands, low = [], picture
    for level in range(levels):
        step = 2**level
        upper, lower = low[..., :-step, :], low[..., step:, :]
        smooth, vertical = (upper + lower) / 2, (upper - lower) / 2
        bands += [(vertical[..., :-step] + vertical[..., step:]) / 2,
                  (smooth[..., :-step] - smooth[..., step:]) / 2,
                  (vertical[..., :-step] - vertical[..., step:]) / 2]
        low = (smooth[..., :-step] + smooth[..., step:]) / 2
    return bands


@in_full_precision
def wavelet_difference(pred: Tensor, target: Tensor, levels: int = 2, reduction: str = 'mean') -> Tensor:
    """Absolute difference of the detail bands of :func:`haar_details`: their means, or sums, added up.

    Losses on stationary wavelets' bands for super-resolution: Korkmaz et al., arXiv 2402.19215, with other wavelets
    and with the low band, which a pixel loss covers already.

    Raises:
        ValueError: Pictures that differ in shape, or are smaller than 2^levels.
    """
    check_pictures(pred, target, f'wavelet (levels: {levels})', 2**levels)
    bands = haar_details(pred - target, levels)
    return torch.stack([reduced(band.abs(), reduction) for band in bands]).sum()
