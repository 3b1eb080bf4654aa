"""Filtering with reflected borders."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

_FFT_FROM = 7
"""Side of the smallest kernel applied by Fourier transform on a CPU, measured on images of 100 and 400 pixels."""

_BLOCK = 32
"""Samples of a row or column that one matrix product filters on a CPU; of 16 to 64 about the quickest."""


def _reflected(length: int, pad: int, device: torch.device) -> Tensor:
    """Indices of ``length + 2 pad`` samples, reflected at both ends as often as needed, without repeating the edge."""
    if length == 1:
        return torch.zeros(1 + 2 * pad, dtype=torch.long, device=device)
    period = 2 * (length - 1)
    index = torch.arange(-pad, length + pad, device=device).remainder(period)
    return torch.minimum(index, period - index)


def reflect_pad(image: Tensor, pad_h: int, pad_w: int) -> Tensor:
    """Pad (B, C, H, W) by reflection without repeating the edge (scipy's ``mirror``), for images of any size.

    Args:
        pad_h: rows added above and below.
        pad_w: columns added left and right.

    Returns:
        (B, C, H + 2 pad_h, W + 2 pad_w). An image smaller than the padding is reflected again and again.
    """
    height, width = image.shape[-2:]
    if pad_h < height and pad_w < width:
        return F.pad(image, (pad_w, pad_w, pad_h, pad_h), mode='reflect')
    rows = _reflected(height, pad_h, image.device)
    columns = _reflected(width, pad_w, image.device)
    return image.index_select(-2, rows).index_select(-1, columns)


def filter2d(image: Tensor, kernel: Tensor) -> Tensor:
    """Correlate every channel with a kernel, borders reflected.

    Correlation and convolution agree for the kernels of :mod:`.kernels`, which are symmetric about their centre.

    Args:
        image: (B, C, H, W), floating point, any memory format.
        kernel: (k, k) for all images, or (B, k, k) with one for each; k odd.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: a shape other than these.
    """
    if image.dim() != 4:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, C, H, W)')
    batch, channels, height, width = image.shape
    size = kernel.shape[-1]
    shaped = kernel.dim() == 2 or (kernel.dim() == 3 and kernel.shape[0] == batch)
    if not shaped or kernel.shape[-2] != size or size % 2 == 0:
        raise ValueError(f'kernel has shape {tuple(kernel.shape)}; accepted: (k, k) or ({batch}, k, k) with k odd')
    kernel = kernel.to(image).expand(batch, size, size)
    padded = reflect_pad(image, size // 2, size // 2)
    # On a CPU three channels leave a grouped convolution mostly idle: the transform is x10 faster at 21 pixels.
    if size >= _FFT_FROM and image.device.type == 'cpu' and image.dtype in (torch.float32, torch.float64):
        return _by_fft(padded, kernel, height, width)
    weight = kernel.repeat_interleave(channels, dim=0).unsqueeze(1)
    return _grouped(padded, weight, height, width)


def filter_separable(image: Tensor, kernel: Tensor) -> Tensor:
    """Correlate every channel with the outer product of a 1-D kernel with itself, borders reflected.

    Args:
        image: (B, C, H, W), floating point, any memory format.
        kernel: (k,) with k odd.

    Returns:
        (B, C, H, W): equal to ``filter2d(image, torch.outer(kernel, kernel))`` but for rounding, 2k instead of k*k
        products a pixel.

    Raises:
        ValueError: a shape other than these.
    """
    if image.dim() != 4:
        raise ValueError(f'image has shape {tuple(image.shape)}; accepted: (B, C, H, W)')
    size = kernel.shape[0]
    if kernel.dim() != 1 or size % 2 == 0:
        raise ValueError(f'kernel has shape {tuple(kernel.shape)}; accepted: (k,) with k odd')
    kernel = kernel if kernel.device == image.device and kernel.dtype == image.dtype else kernel.to(image)
    if image.device.type == 'cpu':
        # One by one: an image's result must not depend on how many others are filtered with it.
        return torch.cat([_by_products(one, kernel) for one in image.split(1)])
    batch, channels, height, width = image.shape
    weight = kernel.expand(batch * channels, 1, 1, size).contiguous()
    rows = _grouped(reflect_pad(image, 0, size // 2), weight, height, width)
    return _grouped(reflect_pad(rows, size // 2, 0), weight.transpose(2, 3).contiguous(), height, width)


def _by_products(image: Tensor, kernel: Tensor) -> Tensor:
    """Separable correlation of (1, C, H, W) as products with a banded matrix, which a CPU is x5 faster at."""
    _, channels, height, width = image.shape
    pad = kernel.shape[0] // 2
    band = torch.stack([F.pad(kernel, (i, _BLOCK - 1 - i)) for i in range(_BLOCK)])
    padded = reflect_pad(image, 0, pad).reshape(channels * height, width + 2 * pad)
    rows = padded.new_empty(channels * height, width)
    for start in range(0, width, _BLOCK):
        length = min(_BLOCK, width - start)
        reach = length + 2 * pad
        rows[:, start : start + length] = padded[:, start : start + reach] @ band[:length, :reach].T
    padded = reflect_pad(rows.view(1, channels, height, width), pad, 0)[0]
    out = torch.empty_like(rows).view(channels, height, width)
    for start in range(0, height, _BLOCK):
        length = min(_BLOCK, height - start)
        reach = length + 2 * pad
        out[:, start : start + length] = torch.matmul(band[:length, :reach], padded[:, start : start + reach])
    return out[None]


@functools.lru_cache(maxsize=1024)
def _fast_length(length: int) -> int:
    """The next even number without prime factors above 7: of such rules the quickest, measured from 60 to 620."""
    while True:
        rest = length
        for factor in (2, 3, 5, 7):
            while rest % factor == 0:
                rest //= factor
        if rest == 1 and length % 2 == 0:
            return length
        length += 1


def _by_fft(padded: Tensor, kernel: Tensor, height: int, width: int) -> Tensor:
    """Correlation as a product of spectra; kernel (B, k, k). Exact to about 1e-6 of the range in float32."""
    # Zeros added up to a length with small factors never reach the part that is kept. One axis after the other, as
    # the zeros below the kernel and the rows that are cut off need no transform along x.
    rows, columns = (_fast_length(n) for n in padded.shape[-2:])
    transfer = torch.fft.fft(torch.fft.rfft(kernel, n=columns), n=rows, dim=-2).conj().unsqueeze(1)
    spectrum = torch.fft.fft(torch.fft.rfft(padded, n=columns), n=rows, dim=-2) * transfer
    kept = torch.fft.ifft(spectrum, dim=-2)[..., :height, :]
    return torch.fft.irfft(kept, n=columns)[..., :width].contiguous()


def _grouped(padded: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
    """One group for each channel of each image: several times faster on a CPU than channels laid along the batch."""
    batch, channels = padded.shape[:2]
    # contiguous: a channels_last input would otherwise reach the convolution with strides it handles slowly.
    planes = padded.contiguous().reshape(1, batch * channels, *padded.shape[-2:])
    return F.conv2d(planes, weight, groups=batch * channels).reshape(batch, channels, height, width)
