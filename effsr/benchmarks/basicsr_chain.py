"""BasicSR's degradation as Real-ESRGAN composes it: RealESRGANModel.feed_data itself, with crops that are at hand.

Neither its model nor its dataset is built: both functions run on objects that hold what they read.
"""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import torch
from basicsr.data import realesrgan_dataset
from basicsr.models import realesrgan_model
from basicsr.models.realesrgan_model import RealESRGANModel
from basicsr.utils import DiffJPEG, USMSharp
from torch import Tensor, nn

from effsr.benchmarks.basicsr_step import CROP, DATASET, filter_patches
from effsr.benchmarks.patching import Patch, patched, seeded
from effsr.benchmarks.stages import Seam
from effsr.degradations import DegradationSettings

KERNELS = ('kernel1', 'kernel2', 'sinc_kernel')
BLUR_SEAM, INTERPOLATE_SEAM = (realesrgan_model, 'filter2D'), (realesrgan_model.F, 'interpolate')
NOISE_SEAMS = tuple((realesrgan_model, f'random_add_{kind}_noise_pt') for kind in ('gaussian', 'poisson'))

LARGEST_KERNEL = 21  # BasicSR's dataset knows no other


class FirstOnly(nn.Module):
    """Sharpens the first time only: feed_data does so once more after the pool, which is no part of the chain.

    Args:
        inner: BasicSR's USMSharp.
        sharpen: False to leave out the first time, too.
    """

    def __init__(self, inner: USMSharp, sharpen: bool):
        super().__init__()
        self.inner = inner
        self.sharpen = sharpen
        self.due = False

    def forward(self, image: Tensor) -> Tensor:
        due, self.due = self.due, False
        return self.inner(image) if due and self.sharpen else image


class BasicSRChain:
    """Kernels from BasicSR's dataset, everything else by BasicSR's feed_data.

    Args:
        settings: What may be drawn; kernels of at most 21 pixels, as in BasicSR.
        scale: Factor between gt and lq.
        gt_size: Side of the square that is cut out of gt in the end.
        device: Where it runs.
        grouped: Whether USM is one grouped convolution.
        sharpen: Whether gt is sharpened at all before it is degraded.
    """

    def __init__(self, settings: DegradationSettings, scale: int, gt_size: int, device: torch.device,
                 grouped: bool = False, sharpen: bool = True):
        if max(settings.blur_kernel_size, settings.blur_kernel_size2) != LARGEST_KERNEL:
            raise ValueError(f'blur_kernel_size is not {LARGEST_KERNEL}; BasicSR draws kernels of 7 to 21 alone')
        options = {**settings.model_dump(), 'scale': scale, 'gt_size': gt_size, 'use_hflip': False, 'use_rot': False}
        self.usm = FirstOnly(USMSharp().to(device), sharpen)
        self.jpeger = DiffJPEG(differentiable=False).to(device)
        self.model = SimpleNamespace(is_train=True, opt=options, device=device, usm_sharpener=self.usm,
                                     jpeger=self.jpeger, _dequeue_and_enqueue=lambda: None)
        pulse = torch.zeros(LARGEST_KERNEL, LARGEST_KERNEL)
        pulse[LARGEST_KERNEL // 2, LARGEST_KERNEL // 2] = 1
        self.dataset = SimpleNamespace(file_client=SimpleNamespace(get=lambda path, key: b''), paths=[''], opt=options,
                                       kernel_range=list(range(7, LARGEST_KERNEL + 1, 2)), pulse_tensor=pulse,
                                       **options)
        blank = np.zeros((CROP, CROP, 3), np.float32)
        self.patches = (*filter_patches(grouped),
                        Patch(realesrgan_dataset, 'imfrombytes', lambda content, float32: blank),
                        Patch(realesrgan_dataset, 'img2tensor', lambda images, **_: images))

    @contextmanager
    def ready(self, *seed: int) -> Iterator[None]:
        """Global generators seeded, and BasicSR's names replaced, for the duration of a with block."""
        with seeded(*seed), patched(*self.patches):
            yield

    def draw_kernels(self, count: int) -> dict[str, Tensor]:
        """The three kernels of each image, (B, 21, 21) float32, as the dataset makes them; within :meth:`ready`."""
        samples = [DATASET.__getitem__(self.dataset, 0) for _ in range(count)]
        return {name: torch.stack([sample[name] for sample in samples]) for name in KERNELS}

    def degrade(self, gt: Tensor, kernels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """lq (B, 3, h, w) and gt of (B, 3, H, W) RGB in [0, 1], both cut; within :meth:`ready`."""
        self.usm.due = True
        RealESRGANModel.feed_data(self.model, {'gt': gt, **kernels})
        return self.model.lq, self.model.gt

    def seams(self, usm: str, blur: str, resize: str, noise: str, jpeg: str) -> Sequence[Seam]:
        """Where the time of each of these stages is to be taken."""
        return [Seam(self.usm, 'forward', usm), Seam(*BLUR_SEAM, blur), Seam(*INTERPOLATE_SEAM, resize),
                *(Seam(*where, noise) for where in NOISE_SEAMS), Seam(self.jpeger, 'forward', jpeg)]
