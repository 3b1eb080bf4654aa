"""Unsharp masking of ground truth (section 3.4 of Real-ESRGAN: sharp targets against blurry results)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from .blur import filter_separable
from .transfer import to_device


@functools.lru_cache(maxsize=16)
def _gaussian(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """1-D Gaussian (size,) whose sigma follows from its size by OpenCV's rule for sigma 0."""
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    position = torch.arange(size, dtype=torch.float64) - size // 2
    kernel = torch.exp(-0.5 * (position / sigma) ** 2)
    return to_device((kernel / kernel.sum()).to(dtype), device)


@torch.no_grad()
def usm_sharpen(image: Tensor, weight: float = 0.5, radius: int = 50, threshold: float = 10.0) -> Tensor:
    """Sharpen where an image differs from its blur, with a soft transition.

    Args:
        image: (B, C, H, W) in [0, 1].
        weight: how much of the difference is added.
        radius: side of the Gaussian window in pixels, one more if even; its sigma is 0.15 times the side + 0.35.
        threshold: difference, in levels of 255, above which a pixel is sharpened.

    Returns:
        (B, C, H, W) in [0, 1] for an image in [0, 1]; a new tensor, float32 for a shorter type.

    Raises:
        ValueError: an image that is not (B, C, H, W), or a radius below 1.
    """
    if image.dim() != 4:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, C, H, W)')
    if radius < 1:
        raise ValueError(f'radius is {radius}; accepted: from 1')
    image = image if image.dtype == torch.float64 else image.float()
    kernel = _gaussian(radius + 1 - radius % 2, image.device, image.dtype)
    # Autocast would run the filters in 16 bits, below the precision of an 8-bit picture.
    with torch.autocast(device_type=image.device.type, enabled=False):
        if image.device.type != 'cpu':
            return _sharpen(image, kernel, weight, threshold)
        # One by one, what is between stays in the processor's cache.
        out = torch.empty_like(image, memory_format=torch.contiguous_format)
        for i in range(image.shape[0]):
            out[i : i + 1] = _sharpen(image[i : i + 1], kernel, weight, threshold)
        return out


def _sharpen(image: Tensor, kernel: Tensor, weight: float, threshold: float) -> Tensor:
    residual = image - filter_separable(image, kernel)
    mask = residual.abs().mul_(255.0).gt_(threshold)
    soft_mask = filter_separable(mask, kernel)
    sharp = residual.mul_(weight).add_(image).clamp_(0, 1)
    return sharp.sub_(image).mul_(soft_mask).add_(image)
