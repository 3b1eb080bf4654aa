"""A degradation on the host, for one image in a data worker: drawn as for the device, made by OpenCV and libjpeg."""

from __future__ import annotations

import numpy as np

from .host_parts import (
    blur_host,
    blur_lines_host,
    gaussian_noise_host,
    jpeg_host,
    poisson_noise_host,
    resize_by_host,
    resize_host,
    to_levels,
)
from .parameters import DegradationParameters, KernelParameters, StageParameters


def _as_float(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1]; what is not finite becomes 0 or 1 as for the device.

    Raises:
        ValueError: another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.float32) or not image.size:
        raise ValueError(f'image is {image.dtype} of shape {image.shape}; accepted: uint8 or float32, (H, W, 3)')
    if image.dtype == np.uint8:
        return image * np.float32(1 / 255.0)
    return np.nan_to_num(np.ascontiguousarray(image), nan=0.0, posinf=1.0, neginf=0.0)


def _blur(image: np.ndarray, kernel: KernelParameters | None) -> np.ndarray:
    if kernel is None:
        return image
    array = kernel.array()
    # Of all kinds only the round Gaussian is the product of two lines; it is the most frequent by far.
    return blur_lines_host(image, array.sum(axis=0)) if kernel.kind == 'iso' else blur_host(image, array)


def _add_noise(image: np.ndarray, stage: StageParameters, generator: np.random.Generator) -> np.ndarray:
    add = gaussian_noise_host if stage.noise == 'gaussian' else poisson_noise_host
    return add(image, stage.noise_strength, stage.gray_noise, generator)


def _compress(image: np.ndarray, stage: StageParameters, chosen: bool) -> np.ndarray:
    return jpeg_host(image, stage.jpeg_quality, stage.jpeg_subsampling) if chosen else image


def degrade_host(gt: np.ndarray, parameters: DegradationParameters, scale: int) -> np.ndarray:
    """Degrade one image as :func:`effsr.degradations.degrade` does, on the host.

    Without noise the two agree to a fraction of a level: filters and resizing up to rounding, JPEG up to that of
    libjpeg's whole numbers and whole qualities. Noise has the same law but other values: it comes from numpy's
    generator of the same ``noise_seed``.

    Args:
        gt: (H, W, 3) RGB, uint8 or float32 in [0, 1]; not modified. NaN counts as 0, infinite values as 0 or 1.
        parameters: what was drawn.
        scale: factor between gt and the result; divides H and W.

    Returns:
        (H // scale, W // scale, 3) RGB uint8.

    Raises:
        ValueError: another shape or type, sizes that the scale does not divide.
    """
    out = _as_float(gt)
    if scale < 1:
        raise ValueError(f'scale is {scale}; accepted: an integer from 1')
    height, width = gt.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f'gt is {height}x{width}, scale {scale}; accepted: height and width divisible by the scale')
    first, second = parameters.first, parameters.second
    generator = np.random.default_rng(parameters.noise_seed)

    compressed = parameters.severity > 0

    out = resize_by_host(_blur(out, first.kernel), first.resize, first.resize_mode)
    out = _compress(_add_noise(out, first, generator), first, compressed)

    out = _blur(out, second.kernel)
    between = (int(height / scale * second.resize), int(width / scale * second.resize))
    out = _add_noise(resize_host(out, between, second.resize_mode), second, generator)
    out = _compress(out, second, compressed and not parameters.sinc_before_jpeg)
    out = _blur(resize_host(out, (height // scale, width // scale), parameters.final_mode), parameters.final_kernel)
    return to_levels(_compress(out, second, compressed and parameters.sinc_before_jpeg))


def usm_sharpen_host(image: np.ndarray, weight: float = 0.5, radius: int = 50, threshold: float = 10.0) -> np.ndarray:
    """Sharpen as :func:`effsr.degradations.usm_sharpen` does, on the host; equal to it to 1e-5.

    Args:
        image: (H, W, 3), uint8 or float32 in [0, 1]; not modified.
        weight, radius, threshold: as there.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        ValueError: another shape or type, or a radius below 1.
    """
    if radius < 1:
        raise ValueError(f'radius is {radius}; accepted: from 1')
    image = _as_float(image)
    size = radius + 1 - radius % 2
    position = np.arange(size) - size // 2
    window = np.exp(-0.5 * (position / (0.3 * ((size - 1) * 0.5 - 1) + 0.8)) ** 2)
    window /= window.sum()
    residual = image - blur_lines_host(image, window)
    soft_mask = blur_lines_host((np.abs(residual) * np.float32(255.0) > threshold).astype(np.float32), window)
    residual *= np.float32(weight)
    residual += image
    sharp = np.clip(residual, 0, 1, out=residual)
    sharp -= image
    sharp *= soft_mask
    sharp += image
    return sharp
