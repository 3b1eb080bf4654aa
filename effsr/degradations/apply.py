"""Apply drawn parameters: from ground truth to low quality (figure 2 of Real-ESRGAN, arXiv 2107.10833)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from .blur import filter2d, filter_separable
from .draw import draw_batch
from .jpeg import jpeg_round_trip
from .kernels import pad_kernel
from .noise import add_gaussian_noise, add_poisson_noise
from .parameters import DegradationParameters, KernelParameters, StageParameters
from .resize import ResizeMode, resize, resize_by
from .settings import DegradationSettings
from .transfer import to_device
from .usm import usm_sharpen

_SEPARABLE_FROM = 150 * 150
"""Pixels from which a round Gaussian is quicker as two 1-D filters than by Fourier transform on a CPU."""

Images = list[Tensor]
"""One tensor (1, 3, h, w) for each image, of any sizes."""


def _by_group(images: Images, keys: list[Hashable], operation: Callable[[Tensor, list[int]], Tensor]) -> Images:
    """Run an operation once for all images that share shape and key, since a device pays for every launch.

    ``operation`` takes the stacked images and their places; a key of None leaves an image as it is.
    """
    groups: dict[Hashable, list[int]] = {}
    for i, (image, key) in enumerate(zip(images, keys, strict=True)):
        if key is not None:
            groups.setdefault((key, image.shape), []).append(i)
    out = list(images)
    for members in groups.values():
        stack = images[members[0]] if len(members) == 1 else torch.cat([images[i] for i in members])
        for i, image in zip(members, operation(stack, members).split(1), strict=True):
            out[i] = image
    return out


def _blur(images: Images, kernels: list[KernelParameters | None]) -> Images:
    def blur(stack: Tensor, members: list[int]) -> Tensor:
        own = [kernels[i] for i in members]
        arrays = [kernel.array() for kernel in own]
        alone = len(own) == 1 and stack.device.type == 'cpu' and stack.shape[-2] * stack.shape[-1] >= _SEPARABLE_FROM
        if alone and own[0].kind == 'iso':
            return filter_separable(stack, torch.from_numpy(arrays[0].sum(axis=0)).to(stack.dtype))
        size = max(kernel.size for kernel in own)
        stacked = torch.from_numpy(np.stack([pad_kernel(array, size) for array in arrays]))
        return filter2d(stack, to_device(stacked, stack.device, stack.dtype))

    return _by_group(images, [None if kernel is None else 'blur' for kernel in kernels], blur)


def _resize(images: Images, sizes: list[tuple[int, int]], modes: list[ResizeMode]) -> Images:
    keys = list(zip(sizes, modes, strict=True))
    return _by_group(images, keys, lambda stack, members: resize(stack, *keys[members[0]]))


def _add_noise(images: Images, stages: list[StageParameters], generators: list[torch.Generator]) -> Images:
    def add(stack: Tensor, members: list[int]) -> Tensor:
        kind, gray = stages[members[0]].noise, stages[members[0]].gray_noise
        strengths = torch.tensor([stages[i].noise_strength for i in members], dtype=stack.dtype)
        function = add_gaussian_noise if kind == 'gaussian' else add_poisson_noise
        return function(stack, to_device(strengths, stack.device), gray, [generators[i] for i in members])

    return _by_group(images, [(stage.noise, stage.gray_noise) for stage in stages], add)


def _compress(images: Images, stages: list[StageParameters], chosen: list[bool]) -> Images:
    def compress(stack: Tensor, members: list[int]) -> Tensor:
        return jpeg_round_trip(stack, [stages[i].jpeg_quality for i in members], stages[members[0]].jpeg_subsampling)

    return _by_group(images, [stage.jpeg_subsampling if c else None for stage, c in zip(stages, chosen, strict=True)],
                     compress)


def _generator(device: torch.device, seed: int) -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed)


def _chain(images: Images, parameters: Sequence[DegradationParameters], size: tuple[int, int], scale: int) -> Images:
    """Both orders; results are of ``size``, unrounded, and may leave [0, 1]."""
    first, second = [p.first for p in parameters], [p.second for p in parameters]
    compressed = [p.severity > 0 for p in parameters]
    before = [p.sinc_before_jpeg for p in parameters]
    generators = [_generator(images[0].device, p.noise_seed) for p in parameters]
    height, width = images[0].shape[-2:]

    out = _blur(images, [stage.kernel for stage in first])
    factors = [(stage.resize, stage.resize_mode) for stage in first]
    out = _by_group(out, factors, lambda stack, members: resize_by(stack, *factors[members[0]]))
    out = _add_noise(out, first, generators)
    out = _compress(out, first, compressed)

    out = _blur(out, [stage.kernel for stage in second])
    between = [(int(height / scale * stage.resize), int(width / scale * stage.resize)) for stage in second]
    out = _resize(out, between, [stage.resize_mode for stage in second])
    out = _add_noise(out, second, generators)
    out = _compress(out, second, [c and not b for c, b in zip(compressed, before, strict=True)])
    out = _resize(out, [size] * len(out), [p.final_mode for p in parameters])
    out = _blur(out, [p.final_kernel for p in parameters])
    return _compress(out, second, [c and b for c, b in zip(compressed, before, strict=True)])


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
    of device. The host never waits for the device.

    Args:
        gt: (B, 3, H, W) RGB in [0, 1], floating point; not modified. As in a picture of 8 bits, NaN counts as 0 and
            infinite values as 0 or 1: to look for them would mean to wait.
        parameters: one for each image.
        scale: factor between gt and the result; divides H and W.

    Returns:
        (B, 3, H // scale, W // scale) RGB in [0, 1], multiples of 1/255; float32, or float64 if ``gt`` is.

    Raises:
        ValueError: another shape or type, sizes that the scale does not divide, a wrong number of parameters.
    """
    _check(gt, len(parameters), scale)
    images = gt if gt.dtype == torch.float64 else gt.float()
    images = images.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0)
    size = (gt.shape[-2] // scale, gt.shape[-1] // scale)
    # Autocast would run the filters in 16 bits, below the precision of an 8-bit picture.
    with torch.autocast(device_type=gt.device.type, enabled=False):
        if gt.device.type == 'cpu':
            # A processor has no launches to save, and is quicker on what fits into its cache.
            done = [_chain([image], [p], size, scale)[0] for image, p in zip(images.split(1), parameters, strict=True)]
        else:
            done = _chain(list(images.split(1)), parameters, size, scale)
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

    def draw(self, seeds: Iterable[int], severity: float | None = None) -> list[DegradationParameters]:
        """Parameters for each seed, see :func:`draw_batch`."""
        return draw_batch(self.settings, seeds, severity)

    def __call__(
        self, gt: Tensor, seeds: Iterable[int], severity: float | None = None
    ) -> tuple[Tensor, list[DegradationParameters]]:
        """Degrade (B, 3, H, W) ground truth by one seed for each image, see :func:`degrade`.

        Args:
            gt: the images.
            seeds: non-negative integers.
            severity: as in :func:`draw_parameters`; while training, :func:`severity_at` of the iteration.

        Returns:
            the low-quality batch, and the parameters that give it again with ``degrade(gt, parameters, scale)``.
        """
        parameters = self.draw(seeds, severity)
        return degrade(gt, parameters, self.scale), parameters

    @staticmethod
    def sharpen(gt: Tensor) -> Tensor:
        """Unsharp-mask ground truth at the paper's strength, see :func:`usm_sharpen`; never part of the call."""
        return usm_sharpen(gt)
