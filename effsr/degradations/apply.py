"""Apply drawn parameters: from ground truth to low quality (figure 2 of Real-ESRGAN, arXiv 2107.10833)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .blur import filter2d
from .draw import draw_parameters
from .jpeg import jpeg_round_trip
from .noise import add_gaussian_noise, add_poisson_noise
from .parameters import DegradationParameters, KernelParameters, StageParameters
from .resize import resize, resize_by
from .settings import DegradationSettings
from .usm import usm_sharpen


def _blur(image: Tensor, kernel: KernelParameters | None) -> Tensor:
    if kernel is None:
        return image
    return filter2d(image, torch.from_numpy(kernel.array()).to(image))


def _add_noise(image: Tensor, stage: StageParameters, generator: torch.Generator) -> Tensor:
    add = add_gaussian_noise if stage.noise == 'gaussian' else add_poisson_noise
    return add(image, stage.noise_strength, stage.gray_noise, generator)


def _degrade_one(image: Tensor, parameters: DegradationParameters, size: tuple[int, int], scale: int) -> Tensor:
    """Both orders on one image (1, 3, H, W); values stay unrounded and may leave [0, 1] at the end."""
    first, second = parameters.first, parameters.second
    height, width = image.shape[-2:]
    generator = torch.Generator(device=image.device).manual_seed(parameters.noise_seed)

    out = _blur(image, first.kernel)
    out = resize_by(out, first.resize, first.resize_mode)
    out = _add_noise(out, first, generator)
    out = jpeg_round_trip(out, first.jpeg_quality)

    out = _blur(out, second.kernel)
    between = (int(height / scale * second.resize), int(width / scale * second.resize))
    out = resize(out, between, second.resize_mode)
    out = _add_noise(out, second, generator)
    if parameters.sinc_before_jpeg:
        out = _blur(resize(out, size, parameters.final_mode), parameters.final_kernel)
        return jpeg_round_trip(out, second.jpeg_quality)
    out = jpeg_round_trip(out, second.jpeg_quality)
    return _blur(resize(out, size, parameters.final_mode), parameters.final_kernel)


def _check(gt: Tensor, count: int, scale: int) -> None:
    if gt.dim() != 4 or gt.shape[1] != 3 or not gt.is_floating_point():
        raise ValueError(f'gt is {gt.dtype} of shape {tuple(gt.shape)}; accepted: floating point, (B, 3, H, W)')
    if scale < 1:
        raise ValueError(f'scale is {scale}; accepted: an integer from 1')
    height, width = gt.shape[-2:]
    if height % scale or width % scale or not height or not width:
        raise ValueError(f'gt is {height}x{width}, scale {scale}; accepted: height and width divisible by the scale')
    if count != gt.shape[0] or not count:
        raise ValueError(f'{count} sets of parameters for {gt.shape[0]} images; accepted: one for each, from 1')


@torch.no_grad()
def degrade(gt: Tensor, parameters: Sequence[DegradationParameters], scale: int) -> Tensor:
    """Degrade each image of a batch by its own parameters.

    A pure function: the noise comes from each image's ``noise_seed``, so that the result of an image depends
    neither on its neighbours nor on any global state. It runs on the device of ``gt``; noise differs between kinds
    of device.

    Args:
        gt: (B, 3, H, W) RGB in [0, 1], floating point; not modified.
        parameters: one for each image.
        scale: factor between gt and the result; divides H and W.

    Returns:
        (B, 3, H // scale, W // scale) RGB in [0, 1], multiples of 1/255; float32, or float64 if ``gt`` is.

    Raises:
        ValueError: another shape or type, sizes that the scale does not divide, a wrong number of parameters.
    """
    _check(gt, len(parameters), scale)
    images = gt if gt.dtype == torch.float64 else gt.float()
    size = (gt.shape[-2] // scale, gt.shape[-1] // scale)
    # Autocast would run the filters in 16 bits, below the precision of an 8-bit picture.
    with torch.autocast(device_type=gt.device.type, enabled=False):
        done = [_degrade_one(images[i : i + 1], p, size, scale) for i, p in enumerate(parameters)]
        return torch.cat(done).mul_(255.0).round_().clamp_(0, 255).div_(255.0)


class Degradation:
    """Draw and apply in one call, for one set of settings and one scale.

    Args:
        settings: what may be drawn; Real-ESRGAN's defaults if None.
        scale: factor between ground truth and result.
    """

    def __init__(self, settings: DegradationSettings | None = None, scale: int = 4) -> None:
        if scale < 1:
            raise ValueError(f'scale is {scale}; accepted: an integer from 1')
        self.settings = settings or DegradationSettings()
        self.scale = scale

    def draw(self, seeds: Iterable[int]) -> list[DegradationParameters]:
        """Parameters for each seed, see :func:`draw_parameters`."""
        return [draw_parameters(self.settings, int(seed)) for seed in seeds]

    def __call__(self, gt: Tensor, seeds: Iterable[int]) -> tuple[Tensor, list[DegradationParameters]]:
        """Degrade (B, 3, H, W) ground truth by one seed for each image, see :func:`degrade`.

        Returns:
            the low-quality batch, and the parameters that give it again with ``degrade(gt, parameters, scale)``.
        """
        parameters = self.draw(seeds)
        return degrade(gt, parameters, self.scale), parameters

    @staticmethod
    def sharpen(gt: Tensor) -> Tensor:
        """Unsharp-mask ground truth at the paper's strength, see :func:`usm_sharpen`; never part of the call."""
        return usm_sharpen(gt)
