"""Who is compared in the degradation benchmark: chains from crops of gt to the lq and gt that are trained on."""
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from effsr.benchmarks.basicsr_chain import BasicSRChain
from effsr.benchmarks.stages import Seam, StageClock
from effsr.data.image_io import to_tensor
from effsr.degradations import Degradation, DegradationSettings, KernelParameters, apply, degrade, host, usm_sharpen
from effsr.degradations.crop import draw_lq_corner
from effsr.degradations.draw import draw_parameters
from effsr.models.pairs import Pairs, paired_crop

SCALE = 4
STAGES = ('USM', 'draw, kernels', 'blur', 'resize', 'noise', 'JPEG', 'rest')
USM, DRAW, BLUR, RESIZE, NOISE, JPEG, REST = STAGES

BASICSR, GROUPED, OURS, BATCH, WORKER = NAMES = ('BasicSR', 'USM grouped', 'effsr', 'effsr, mode: batch',
                                                'effsr, where: workers')


class Crops(NamedTuple):
    """The same crops for everyone: (B, 3, H, W) RGB in [0, 1] on the device, (H, W, 3) uint8 each, a seed for each."""

    tensor: Tensor
    arrays: Sequence[np.ndarray]
    seeds: Sequence[int]


class Untimed:
    """A clock that books nothing, for runs in which nothing is wrapped."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def on(self, seams: Sequence[Seam]) -> AbstractContextManager[None]:
        return nullcontext()


class Chain(Protocol):
    """From crops to pairs; `ready` is entered before the clock runs."""

    def ready(self, number: int) -> AbstractContextManager[None]: ...

    def __call__(self, crops: Crops, clock: StageClock | Untimed) -> tuple[Tensor, Tensor]: ...


class Theirs:
    """BasicSR's functions as Real-ESRGAN composes them, see :mod:`effsr.benchmarks.basicsr_chain`."""

    def __init__(self, settings: DegradationSettings, gt_size: int, device: torch.device, grouped: bool, seed: int):
        self.chain = BasicSRChain(settings, SCALE, gt_size, device, grouped)
        self.seams = self.chain.seams(USM, BLUR, RESIZE, NOISE, JPEG)
        self.seed = seed

    def ready(self, number: int) -> AbstractContextManager[None]:
        return self.chain.ready(self.seed, number)

    def __call__(self, crops: Crops, clock: StageClock | Untimed) -> tuple[Tensor, Tensor]:
        with clock.stage(DRAW):
            kernels = self.chain.draw_kernels(len(crops.tensor))
        with clock.on(self.seams), clock.stage(REST):
            return self.chain.degrade(crops.tensor, kernels)


class Ours:
    """What the training step does with a batch."""

    seams = (Seam(KernelParameters, 'array', DRAW), Seam(apply, 'filter2d', BLUR),
             Seam(apply, 'filter_separable', BLUR), Seam(apply, 'resize', RESIZE), Seam(apply, 'resize_by', RESIZE),
             Seam(apply, 'add_gaussian_noise', NOISE), Seam(apply, 'add_poisson_noise', NOISE),
             Seam(apply, 'jpeg_round_trip', JPEG))

    def __init__(self, settings: DegradationSettings, gt_size: int):
        self.degradation = Degradation(settings, SCALE)
        self.gt_size = gt_size

    def ready(self, number: int) -> AbstractContextManager[None]:
        return nullcontext()

    def __call__(self, crops: Crops, clock: StageClock | Untimed) -> tuple[Tensor, Tensor]:
        with clock.stage(USM):
            sharp = usm_sharpen(crops.tensor)
        with clock.stage(DRAW):
            parameters = self.degradation.draw(crops.seeds)
        with clock.on(self.seams), clock.stage(REST):
            lq = degrade(sharp, parameters, SCALE)
        with clock.stage(REST):
            pairs = Pairs(lq, crops.tensor, sharp, torch.tensor(crops.seeds))
            pairs = paired_crop(pairs, list(crops.seeds), self.gt_size, SCALE)
        return pairs.lq, pairs.gt


class Worker:
    """What one data worker does, image after image, on one thread."""

    seams = (Seam(KernelParameters, 'array', DRAW), Seam(host, 'blur_host', BLUR), Seam(host, 'blur_lines_host', BLUR),
             Seam(host, 'resize_host', RESIZE), Seam(host, 'resize_by_host', RESIZE),
             Seam(host, 'gaussian_noise_host', NOISE), Seam(host, 'poisson_noise_host', NOISE),
             Seam(host, 'jpeg_host', JPEG))

    def __init__(self, settings: DegradationSettings, gt_size: int):
        self.settings = settings
        self.gt_size = gt_size

    @contextmanager
    def ready(self, number: int) -> Iterator[None]:
        """One thread, as in a worker."""
        threads = cv2.getNumThreads(), torch.get_num_threads()
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(threads[0])
            torch.set_num_threads(threads[1])

    def __call__(self, crops: Crops, clock: StageClock | Untimed) -> tuple[Tensor, Tensor]:
        size, made = self.gt_size // SCALE, []
        for gt, seed in zip(crops.arrays, crops.seeds, strict=True):
            with clock.stage(USM):
                sharp = host.usm_sharpen_host(gt)
            with clock.stage(DRAW):
                parameters = draw_parameters(self.settings, seed)
            with clock.on(self.seams), clock.stage(REST):
                lq = host.degrade_host(sharp, parameters, SCALE)
            with clock.stage(REST):
                top, left = draw_lq_corner(seed, *lq.shape[:2], size)
                made.append((to_tensor(lq[top:top + size, left:left + size]),
                             to_tensor(gt[top * SCALE:(top + size) * SCALE, left * SCALE:(left + size) * SCALE])))
        return tuple(torch.stack(part) for part in zip(*made, strict=True))


def make_chain(name: str, gt_size: int, device: torch.device, seed: int) -> Chain:
    """One of NAMES, with Real-ESRGAN's settings."""
    settings = DegradationSettings(mode='batch' if name == BATCH else 'per_image')
    if name in (BASICSR, GROUPED):
        return Theirs(settings, gt_size, device, name == GROUPED, seed)
    return Worker(settings, gt_size) if name == WORKER else Ours(settings, gt_size)


class Timed:
    """A chain with a stopwatch.

    Args:
        chain: What is timed.
        crops: Gives the crops of a number, from 0; the same for everyone.
        device: That it runs on.
        repeats: Batches that one call goes through: what costs little is looked at more often.
    """

    def __init__(self, chain: Chain, crops: Callable[[int], Crops], device: torch.device, repeats: int = 1):
        self.chain = chain
        self.crops = crops
        self.device = device
        self.repeats = repeats

    def wait(self) -> None:
        """Until the device has done everything."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)

    def whole(self, number: int, clock: Callable[[], float] = time.perf_counter) -> float:
        """Seconds of a batch, nothing wrapped; a mean where there are repeats."""
        seconds = 0.0
        for repeat in range(self.repeats):
            place = number * self.repeats + repeat
            crops = self.crops(place)
            with self.chain.ready(place):
                self.wait()
                start = clock()
                self.chain(crops, Untimed())
                self.wait()
                seconds += clock() - start
        return seconds / self.repeats

    def stages(self, number: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
        """Seconds of a batch by stage; on a GPU each stage waits for the device."""
        stages = StageClock(self.wait, clock)
        for repeat in range(self.repeats):
            place = number * self.repeats + repeat
            crops = self.crops(place)
            with self.chain.ready(place):
                self.chain(crops, stages)
        return {name: seconds / self.repeats for name, seconds in stages.seconds.items()}


def waits(chain: Chain, crops: Crops) -> str:
    """Whether a chain waits for the GPU, by torch's sync debug mode: 'no', or 'yes: ' and what it said."""
    torch.cuda.synchronize()
    mode = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode('error')
    try:
        chain(crops, Untimed())
    except RuntimeError as error:
        return f'yes: {next(iter(str(error).splitlines()), "")}'
    finally:
        torch.cuda.set_sync_debug_mode(mode)
    return 'no'
