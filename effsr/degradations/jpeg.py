"""JPEG compression and decompression as tensor arithmetic, following what libjpeg does to an 8-bit picture.

Baseline JPEG (ITU-T T.81), tables of its annex K scaled by quality as in libjpeg, default upsampling of chroma by
the triangle filter. Not differentiable. Entropy coding is lossless and therefore left out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from .transfer import to_device

Subsampling = Literal['4:2:0', '4:4:4']

_LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)
_TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))


@functools.lru_cache(maxsize=16)
def _constants(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both tables (2, 64), the 2-D DCT of a flattened block as (64, 64), and the two colour matrices (3, 3)."""
    tables = torch.tensor((_LUMA_TABLE, _CHROMA_TABLE), dtype=torch.float64).flatten(1)
    position = torch.arange(8, dtype=torch.float64)
    dct = torch.cos((2 * position + 1) * position[:, None] * math.pi / 16) / 2
    dct[0] /= math.sqrt(2)
    constants = (tables, torch.kron(dct, dct), torch.tensor(_TO_YCBCR), torch.tensor(_TO_RGB))
    return tuple(to_device(c, device, dtype) for c in constants)


def quantization_tables(quality: Tensor) -> Tensor:
    """Tables of annex K at each quality: (B,) in 1..100 -> (B, 2, 64), luma then chroma, rows first, whole numbers.

    As libjpeg: the percentage and the scaled entries are rounded to integers, the entries clamped to 1..255. A
    quality out of range is taken as the nearest in range.
    """
    base = _constants(quality.device, quality.dtype)[0]
    quality = quality.clamp(1, 100)
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).floor()
    return ((base * percent.view(-1, 1, 1) + 50) / 100).floor_().clamp_(1, 255)


def _quality_tensor(quality: float | Sequence[float] | Tensor, image: Tensor) -> Tensor:
    if not isinstance(quality, Tensor):
        values = [quality] * image.shape[0] if isinstance(quality, (int, float)) else list(quality)
        for value in values:
            if not 1 <= value <= 100:
                raise ValueError(f'JPEG quality is {value}; accepted: 1 to 100')
        quality = to_device(torch.tensor(values, dtype=image.dtype), image.device)
    if quality.shape != (image.shape[0],):
        raise ValueError(f'JPEG quality has shape {tuple(quality.shape)}; accepted: a number or ({image.shape[0]},)')
    return quality.to(device=image.device, dtype=image.dtype)


def _code_planes(planes: Tensor, table: Tensor, dct: Tensor) -> Tensor:
    """Transform, quantise and reconstruct (B, C, H, W) planes centred on 0; table (B, 64). Blocks are completed by
    repeating the border, and cut off again."""
    height, width = planes.shape[-2:]
    planes = _replicate(planes, -height % 8, -width % 8)
    batch, channels, rows, columns = planes.shape
    blocks = planes.reshape(batch, channels, rows // 8, 8, columns // 8, 8).transpose(3, 4).reshape(batch, -1, 64)
    table = table[:, None]
    coefficients = torch.matmul(blocks, dct.T).div_(table).round_().mul_(table)
    blocks = torch.matmul(coefficients, dct).round_().clamp_(-128, 127)
    blocks = blocks.view(batch, channels, rows // 8, columns // 8, 8, 8).transpose(3, 4)
    return blocks.reshape(batch, channels, rows, columns)[..., :height, :width]


def _replicate(planes: Tensor, below: int, right: int) -> Tensor:
    return F.pad(planes, (0, right, 0, below), mode='replicate') if below or right else planes


def _recolour(image: Tensor, matrix: Tensor) -> Tensor:
    return torch.matmul(matrix, image.flatten(2)).view(image.shape)


def _halve(planes: Tensor) -> Tensor:
    """Means of 2x2 whole numbers, whole again: halves go down in even columns and up in odd ones, as in libjpeg."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    sums = rows[..., ::2] + rows[..., 1::2]
    up = torch.arange(sums.shape[-1], device=sums.device).remainder_(2)
    return sums.mul_(0.25).add_(0.25 + 0.25 * up.to(sums.dtype)).floor_()


@torch.no_grad()
def jpeg_round_trip(
    image: Tensor, quality: float | Sequence[float] | Tensor, subsampling: Subsampling = '4:2:0'
) -> Tensor:
    """What is left of an image after it was saved as JPEG and opened again.

    Args:
        image: (B, 3, H, W) RGB in [0, 1], taken at 8 bits as a file would; not modified.
        quality: libjpeg quality from 1 to 100, a number or one for each image; not modified.
        subsampling: '4:2:0' averages chroma over 2x2 pixels (the default of libjpeg), '4:4:4' keeps it.

    Returns:
        (B, 3, H, W) in [0, 1], multiples of 1/255.

    Raises:
        ValueError: another shape or subsampling, or a quality out of range (a tensor of qualities is clamped
            instead, since looking at it would wait for the device).
    """
    if image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, 3, H, W)')
    if subsampling not in ('4:2:0', '4:4:4'):
        raise ValueError(f'subsampling is {subsampling!r}; accepted: 4:2:0, 4:4:4')
    _, dct, to_ycbcr, to_rgb = _constants(image.device, image.dtype)
    tables = quantization_tables(_quality_tensor(quality, image))
    height, width = image.shape[-2:]

    pixels = (image * 255.0).round_().clamp_(0, 255)
    ycbcr = _recolour(pixels, to_ycbcr).round_()
    luma = _code_planes(ycbcr[:, :1] - 128.0, tables[:, 0], dct) + 128.0
    chroma = ycbcr[:, 1:]
    if subsampling == '4:2:0':
        # Columns are repeated before the means are taken but rows after it: so libjpeg completes its blocks.
        chroma = _halve(_replicate(chroma, height % 2, -width % 16))
        chroma = _code_planes(chroma, tables[:, 1], dct)[..., : (width + 1) // 2]
        chroma = F.interpolate(chroma, scale_factor=2, mode='bilinear').round_()[..., :height, :width]
    else:
        chroma = _code_planes(chroma, tables[:, 1], dct)
    decoded = torch.cat((luma, chroma), dim=1)
    return _recolour(decoded, to_rgb).round_().clamp_(0, 255).div_(255.0)
