"""Differences between pictures' Fourier spectra, as pure functions of pictures (B, C, H, W) in [0, 1]."""
import torch
from torch import Tensor

from effsr.losses.common import check_pictures, in_full_precision

PARTS = ('complex', 'amplitude')
NORMS = ('ortho', 'backward')


def over_spectrum(values: Tensor, width: int, reduction: str) -> Tensor:
    """Mean or sum over a whole spectrum of what belongs to the half that rfft2 gives.

    Args:
        values: (..., H, width // 2 + 1), alike for frequencies that mirror each other.
        width: Of the pictures.
        reduction: mean or sum.
    """
    # What is left out mirrors all columns but the first, and the last of an even width.
    total = values.sum() + values[..., 1:(width + 1) // 2].sum()
    return total if reduction == 'sum' else total / (values.numel() // values.shape[-1] * width)


@in_full_precision
def spectrum_difference(pred: Tensor, target: Tensor, part: str = 'complex', norm: str = 'ortho',
                        reduction: str = 'mean') -> Tensor:
    """L1 distance of spectra, as in MIMO-UNet (Cho et al., arXiv 2108.05054, section 3.3).

    Args:
        pred: (B, C, H, W).
        target: Of the same shape.
        part: complex compares real and imaginary parts, the mean of both; amplitude only how strong a frequency is,
            not where.
        norm: ortho divides the transform by sqrt(H W), so that the distance does not grow with the crop; backward,
            the paper's, does not divide.
        reduction: mean or sum over all frequencies, channels and pictures.

    Raises:
        ValueError: Pictures that differ in shape.
    """
    check_pictures(pred, target, 'FFT')
    if part == 'complex':
        values = torch.view_as_real(torch.fft.rfft2(pred - target, norm=norm)).abs().mean(-1)
    else:
        values = (torch.fft.rfft2(pred, norm=norm).abs() - torch.fft.rfft2(target, norm=norm).abs()).abs()
    return over_spectrum(values, pred.shape[-1], reduction)


@in_full_precision
def focal_frequency(pred: Tensor, target: Tensor, alpha: float = 1.0, patch_factor: int = 1,
                    reduction: str = 'mean') -> Tensor:
    """Focal frequency loss (Jiang et al., arXiv 2012.12821, section 3.3): frequencies weigh as much as they are off.

    The weight of a frequency is ``|difference|^alpha``, divided by the largest of its picture, channel and patch; it is
    taken as it is, without gradient.

    Args:
        pred: (B, C, H, W).
        target: Of the same shape.
        alpha: From 0, where the loss is the mean squared error.
        patch_factor: Height and width are divided into so many patches each, with spectra of their own.
        reduction: mean or sum over all frequencies, channels and pictures.

    Raises:
        ValueError: Pictures that differ in shape, or cannot be divided by patch_factor.
    """
    check_pictures(pred, target, 'focal frequency', patch_factor)
    batch, channels, height, width = pred.shape
    if height % patch_factor or width % patch_factor:
        raise ValueError(f'focal frequency: pictures of {height} x {width} (height x width) cannot be divided into '
                         f'{patch_factor} x {patch_factor} patches; change the crop or patch_factor')
    rows, columns = height // patch_factor, width // patch_factor
    patches = (pred - target).reshape(batch, channels, patch_factor, rows, patch_factor, columns).transpose(3, 4)
    squares = torch.view_as_real(torch.fft.rfft2(patches, norm='ortho')).square().sum(-1)
    weight = squares.detach() ** (alpha / 2)
    # Where the pictures are alike the largest is 0, and so is the loss.
    weight = weight / weight.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    return over_spectrum(weight * squares, columns, reduction)
