"""Filtering with reflected borders."""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn import functional as F

_FFT_FROM = 9
"""Side of the smallest kernel applied by Fourier transform on a CPU, measured on 400-pixel images."""


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
    batch, channels, height, width = image.shape
    weight = kernel.to(image).expand(batch * channels, 1, 1, size).contiguous()
    rows = _grouped(reflect_pad(image, 0, size // 2), weight, height, width)
    return _grouped(reflect_pad(rows, size // 2, 0), weight.transpose(2, 3).contiguous(), height, width)


def _by_fft(padded: Tensor, kernel: Tensor, height: int, width: int) -> Tensor:
    """Correlation as a product of spectra; kernel (B, k, k). Exact to about 1e-6 of the range in float32."""
    # Zeros added up to a length with small factors never reach the part that is kept.
    shape = [next_fast_len(n, real=True) for n in padded.shape[-2:]]
    transfer = torch.fft.rfft2(kernel, s=shape).conj().unsqueeze(1)
    spectrum = torch.fft.rfft2(padded, s=shape) * transfer
    return torch.fft.irfft2(spectrum, s=shape)[..., :height, :width].contiguous()


def _grouped(padded: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
    """One group for each channel of each image: several times faster on a CPU than channels laid along the batch."""
    batch, channels = padded.shape[:2]
    # contiguous: a channels_last input would otherwise reach the convolution with strides it handles slowly.
    planes = padded.contiguous().reshape(1, batch * channels, *padded.shape[-2:])
    return F.conv2d(planes, weight, groups=batch * channels).reshape(batch, channels, height, width)
