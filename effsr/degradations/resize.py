"""Resizing by area, bilinear or bicubic interpolation, without antialiasing, as the reference does."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

ResizeMode = Literal['area', 'bilinear', 'bicubic']
RESIZE_MODES: tuple[ResizeMode, ...] = ('area', 'bilinear', 'bicubic')


def _check(image: Tensor, mode: str) -> None:
    if image.dim() != 4:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, C, H, W)')
    if mode not in RESIZE_MODES:
        raise ValueError(f'resize mode is {mode!r}; accepted: {", ".join(RESIZE_MODES)}')


def resize(image: Tensor, size: tuple[int, int], mode: ResizeMode) -> Tensor:
    """Resize (B, C, H, W) to ``size`` (rows, columns; at least 1 each is taken). Bicubic may overshoot the range.

    Raises:
        ValueError: an unknown mode or an image that is not (B, C, H, W).
    """
    _check(image, mode)
    size = (max(1, size[0]), max(1, size[1]))
    if size == tuple(image.shape[-2:]):
        return image
    return F.interpolate(image, size=size, mode=mode)


def resize_by(image: Tensor, factor: float, mode: ResizeMode) -> Tensor:
    """Resize (B, C, H, W) to (floor(H factor), floor(W factor)), at least 1 pixel.

    Pixels are sampled at the step ``1 / factor`` itself, not at the quotient of the rounded sizes, as
    ``torch.nn.functional.interpolate`` does by default and the reference with it.

    Raises:
        ValueError: an unknown mode, a factor not above 0, or an image that is not (B, C, H, W).
    """
    _check(image, mode)
    if not 0 < factor < math.inf:
        raise ValueError(f'resize factor is {factor}; accepted: a finite number above 0')
    if factor == 1:
        return image
    height, width = image.shape[-2:]
    if height * factor < 1 or width * factor < 1:
        return resize(image, (int(height * factor), int(width * factor)), mode)
    return F.interpolate(image, scale_factor=factor, mode=mode)
