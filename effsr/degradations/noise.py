"""Gaussian and Poisson noise, colour or grey, drawn from a generator that is passed in (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)


def _check(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, 3, H, W)')


def _per_image(value: float | Tensor, image: Tensor) -> float | Tensor:
    if not isinstance(value, Tensor):
        return value
    if value.shape != (image.shape[0],):
        raise ValueError(f'noise strength has shape {tuple(value.shape)}; accepted: a number or ({image.shape[0]},)')
    return value.to(image).view(-1, 1, 1, 1)


def add_gaussian_noise(
    image: Tensor, sigma: float | Tensor, gray: bool, generator: torch.Generator, clip: bool = True
) -> Tensor:
    """Add normal noise.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].
        sigma: standard deviation in levels of 255, a number or (B,).
        gray: the same noise in the three channels.
        generator: on the image's device; all randomness comes from it.
        clip: clamp the result to [0, 1].

    Returns:
        (B, 3, H, W), a new tensor.

    Raises:
        ValueError: a shape other than these.
    """
    _check(image)
    batch, _, height, width = image.shape
    shape = (batch, 1 if gray else 3, height, width)
    noise = torch.randn(shape, generator=generator, dtype=image.dtype, device=image.device)
    noise = noise.mul_(_per_image(sigma, image) / 255.0)
    out = image + noise
    return out.clamp_(0, 1) if clip else out


def distinct_levels(image: Tensor) -> Tensor:
    """Number of distinct 8-bit levels in each image: (B, C, H, W) in [0, 1] -> (B,), floating point.

    Marks the levels that occur instead of sorting the pixels, and never waits for the device.
    """
    # By way of uint8, so that not even NaN can become an index out of range.
    levels = (image * 255.0).round_().clamp_(0, 255).flatten(1).to(torch.uint8).to(torch.int64)
    seen = torch.zeros(image.shape[0], 256, dtype=image.dtype, device=image.device)
    return seen.scatter_(1, levels, 1.0).sum(1)


def poisson_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Shot noise of variance ``image / vals``: (B, C, H, W) in [0, 1] -> the noise alone, same shape.

    ``vals`` is the number of distinct 8-bit levels of each image, rounded up to a power of two: the photon count
    that full intensity stands for.
    """
    image = (image * 255.0).round_().clamp_(0, 255).div_(255.0)
    # Half a level less keeps powers of two from being rounded up past themselves by an inexact logarithm.
    exponent = (distinct_levels(image) - 0.5).log2_().ceil_().clamp_(min=0)
    vals = exponent.exp2_().view(-1, 1, 1, 1)
    return torch.poisson(image * vals, generator=generator).div_(vals).sub_(image)


def add_poisson_noise(
    image: Tensor, scale: float | Tensor, gray: bool, generator: torch.Generator, clip: bool = True
) -> Tensor:
    """Add shot noise times ``scale``; grey noise follows the luminance and is the same in the three channels.

    Args:
        image: (B, 3, H, W) RGB; the noise is that of its values rounded to 8 bits and clamped to [0, 1].
        scale: factor on the noise, a number or (B,).
        gray: the same noise in the three channels.
        generator: on the image's device; all randomness comes from it.
        clip: clamp the result to [0, 1].

    Returns:
        (B, 3, H, W), a new tensor.

    Raises:
        ValueError: a shape other than these.
    """
    _check(image)
    source = image
    if gray:
        red, green, blue = image.split(1, dim=1)
        source = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    out = image + poisson_noise(source, generator).mul_(_per_image(scale, image))
    return out.clamp_(0, 1) if clip else out
