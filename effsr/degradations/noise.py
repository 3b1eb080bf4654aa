"""Gaussian and Poisson noise, colour or grey, drawn from a generator that is passed in (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .poisson import MAX_EXPONENT, poisson_deviation

_LUMA = (0.299, 0.587, 0.114)

Generators = torch.Generator | Sequence[torch.Generator]
"""One for a whole batch, or one for each image of it."""


def _check(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, 3, H, W)')


def _per_image(value: float | Tensor, image: Tensor) -> float | Tensor:
    if not isinstance(value, Tensor):
        return value
    if value.shape != (image.shape[0],):
        raise ValueError(f'noise strength has shape {tuple(value.shape)}; accepted: a number or ({image.shape[0]},)')
    return value.to(image).view(-1, 1, 1, 1)


def _fill(out: Tensor, generator: Generators, draw: Callable[[Tensor, torch.Generator], Tensor]) -> Tensor:
    if isinstance(generator, torch.Generator):
        return draw(out, generator)
    if len(generator) != out.shape[0]:
        raise ValueError(f'{len(generator)} generators for {out.shape[0]} images; accepted: one, or one for each')
    for one, own in zip(out, generator, strict=True):
        draw(one, own)
    return out


def add_gaussian_noise(
    image: Tensor, sigma: float | Tensor, gray: bool, generator: Generators, clip: bool = True
) -> Tensor:
    """Add normal noise.

    Args:
        image: (B, 3, H, W) RGB in [0, 1].
        sigma: standard deviation in levels of 255, a number or (B,).
        gray: the same noise in the three channels.
        generator: on the image's device, one or a list of B; all randomness comes from it. The noise of an image
            with a generator of its own does not depend on the rest of the batch.
        clip: clamp the result to [0, 1].

    Returns:
        (B, 3, H, W), a new tensor.

    Raises:
        ValueError: a shape other than these, or another number of generators.
    """
    _check(image)
    batch, _, height, width = image.shape
    noise = image.new_empty(batch, 1 if gray else 3, height, width)
    _fill(noise, generator, lambda out, own: out.normal_(generator=own))
    noise = noise.mul_(_per_image(sigma, image) / 255.0)
    out = image + noise if gray else noise.add_(image)
    return out.clamp_(0, 1) if clip else out


def _to_levels(image: Tensor) -> Tensor:
    """(B, C, H, W) in [0, 1] -> (B, C * H * W) uint8; by this type not even NaN becomes an index out of range."""
    return (image * 255.0).round_().clamp_(0, 255).flatten(1).to(torch.uint8)


def _count_distinct(levels: Tensor) -> Tensor:
    """(B, n) uint8 -> (B,) float32: how many levels occur, marked instead of sorted, without waiting for the device."""
    if levels.device.type == 'cpu':
        return torch.stack([torch.bincount(one, minlength=256).count_nonzero() for one in levels]).float()
    seen = torch.zeros(levels.shape[0], 256, device=levels.device)
    return seen.scatter_(1, levels.to(torch.int64), 1.0).sum(1)


def distinct_levels(image: Tensor) -> Tensor:
    """Number of distinct 8-bit levels in each image: (B, C, H, W) in [0, 1] -> (B,), floating point."""
    return _count_distinct(_to_levels(image))


def poisson_noise(image: Tensor, generator: Generators) -> Tensor:
    """Shot noise of variance ``image / vals``: (B, C, H, W) in [0, 1] -> the noise alone, same shape.

    ``vals`` is the number of distinct 8-bit levels of each image, rounded up to a power of two: the photon count
    that full intensity stands for. The noise is that of the image rounded to 8 bits and clamped to [0, 1].
    """
    levels = _to_levels(image)
    # Half a level less keeps powers of two from being rounded up past themselves by an inexact logarithm.
    exponent = (_count_distinct(levels) - 0.5).log2_().ceil_().clamp_(0, MAX_EXPONENT)
    draws = torch.empty(levels.shape, dtype=torch.int32, device=image.device)
    _fill(draws, generator, lambda out, own: out.random_(generator=own))
    return poisson_deviation(levels, exponent, draws, image.dtype).view(image.shape)


def add_poisson_noise(
    image: Tensor, scale: float | Tensor, gray: bool, generator: Generators, clip: bool = True
) -> Tensor:
    """Add shot noise times ``scale``; grey noise follows the luminance and is the same in the three channels.

    Args:
        image: (B, 3, H, W) RGB; the noise is that of its values rounded to 8 bits and clamped to [0, 1].
        scale: factor on the noise, a number or (B,).
        gray: the same noise in the three channels.
        generator: on the image's device, one or a list of B; all randomness comes from it. The noise of an image
            with a generator of its own does not depend on the rest of the batch.
        clip: clamp the result to [0, 1].

    Returns:
        (B, 3, H, W), a new tensor.

    Raises:
        ValueError: a shape other than these, or another number of generators.
    """
    _check(image)
    source = image
    if gray:
        red, green, blue = image.split(1, dim=1)
        source = (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    noise = poisson_noise(source, generator).mul_(_per_image(scale, image))
    out = image + noise if gray else noise.add_(image)
    return out.clamp_(0, 1) if clip else out
