"""BasicSR's own RealESRNetModel and RealESRGANModel with its own dataset, patched only to run on the device.

All patches are in PATCHES, in words, and in :func:`patches`; they are in place only while BasicSR's parts are built or
run. Lines are those of BasicSR 1.4.2.
"""
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

import torch
from basicsr.data import build_dataloader
from basicsr.models import realesrgan_model, realesrnet_model
from basicsr.utils import img_process_util
from basicsr.utils.logger import initialized_logger
from basicsr.utils.registry import DATASET_REGISTRY, MODEL_REGISTRY
from torch import Tensor
from torch.nn import functional as F

from effsr.benchmarks.case import EMA, PAIR_POOL, USM, Case, plain_options
from effsr.benchmarks.contender import Contender
from effsr.benchmarks.patching import Patch, patched, seeded
from effsr.benchmarks.stages import Seam
from effsr.data.sampler import TrainSampler
from effsr.options import as_options, to_plain


class Named(NamedTuple):
    """A patch in words: the code of BasicSR's that it answers, where that stands, and what runs instead."""

    code: str
    lines: str
    instead: str

    def __str__(self) -> str:
        return f'`{self.code}` ({self.lines}): {self.instead}'


PATCHES = (
    Named('cuda()', 'models/realesrnet_model.py:26,27,42,44 models/realesrgan_model.py:27,28,43,45',
          'without CUDA modules and tensors stay on the CPU'),
    Named('img.view(', 'utils/img_process_util.py:25,29',
          "filter2D's input is made contiguous; DiffJPEG's output is channels_last, for which view fails"),
    Named('crop_pad_size = 400', 'data/realesrgan_dataset.py:115', '--crop stands for the constant'),
)
USM_PATCH = Named('img.view(b * c, 1', 'utils/img_process_util.py:25',
                  'in the second contender alone, USM filters with one grouped convolution instead of channels laid '
                  'along the batch; the result is the same, bit for bit')

CROP = 400  # the constant in BasicSR's dataset
FILTER_2D = img_process_util.filter2D
DATASET = DATASET_REGISTRY.get('RealESRGANDataset_basicsr')


def contiguous_filter2d(img: Tensor, kernel: Tensor) -> Tensor:
    """BasicSR's filter2D for any memory format."""
    return FILTER_2D(img.contiguous(), kernel)


def grouped_filter2d(img: Tensor, kernel: Tensor) -> Tensor:
    """BasicSR's filter2D for one kernel (1, k, k), with a group for each channel of each image (B, C, H, W)."""
    size = kernel.size(-1)
    batch, channels, height, width = img.size()
    padded = F.pad(img.contiguous(), (size // 2,) * 4, mode='reflect')
    planes = padded.view(1, batch * channels, *padded.shape[-2:])
    weight = kernel.view(1, 1, size, size).expand(batch * channels, 1, size, size)
    return F.conv2d(planes, weight, groups=batch * channels).view(batch, channels, height, width)


def filter_patches(grouped: bool) -> list[Patch]:
    """filter2D for any memory format; `grouped`: USM as one grouped convolution."""
    found = [Patch(module, 'filter2D', contiguous_filter2d) for module in (realesrnet_model, realesrgan_model)]
    # USMSharp is the only one that looks it up there.
    return [*found, Patch(img_process_util, 'filter2D', grouped_filter2d if grouped else contiguous_filter2d)]


def patches(case: Case, grouped: bool) -> list[Patch]:
    """What stands in BasicSR's place while it runs; see PATCHES.

    Args:
        case: Its device and crop are read.
        grouped: Whether its USM is one grouped convolution.
    """
    found = filter_patches(grouped)
    if case.crop != CROP:
        found.append(Patch(DATASET, '__getitem__', _with_constant(DATASET.__getitem__, CROP, case.crop)))
    if case.device == 'cpu':
        found += [Patch(kind, 'cuda', lambda self: self) for kind in (torch.nn.Module, Tensor)]
    return found


def _with_constant(function: Callable, old: int, new: int) -> FunctionType:
    """A copy of a function in whose code another integer stands."""
    code = function.__code__
    constants = tuple(new if type(value) is int and value == old else value for value in code.co_consts)
    return FunctionType(code.replace(co_consts=constants), function.__globals__, function.__name__,
                        function.__defaults__, function.__closure__)


@contextmanager
def _quiet() -> Iterator[None]:
    """BasicSR sets up a log of its own and writes every layer to it; here only warnings count."""
    logger = logging.getLogger('basicsr')
    level, known = logger.level, 'basicsr' in initialized_logger
    initialized_logger['basicsr'] = True
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
        if not known:
            del initialized_logger['basicsr']


def basicsr_options(case: Case) -> dict[str, Any]:
    """The case in BasicSR's form: degradation keys stand flat, kernels' in the dataset's block too."""
    plain = to_plain(as_options(plain_options(case)))
    plain.update(plain['degradation'])
    block = plain['datasets']['train']
    block.update(plain['degradation'], meta_info=os.devnull)
    return plain


def _order(case: Case) -> list[int]:
    """The photographs that ours takes too, without those that only fill its pool."""
    sampler = TrainSampler(len(case.photographs.paths), case.batch, case.batches, case.enlarge_ratio, case.seed)
    return [int(index) for index in sampler][case.pool - case.batch:]


def build_basicsr(case: Case, grouped: bool = False) -> Contender:
    """BasicSR's model of a case with its loader, its pool full."""
    wanted = patches(case, grouped)
    with _quiet(), seeded(case.seed), patched(*wanted):
        plain = basicsr_options(case)
        block = plain['datasets']['train']
        dataset = DATASET(block)
        dataset.paths = list(case.photographs.paths)  # its own list ends each name at a blank
        loader = build_dataloader(dataset, block, num_gpu=plain['num_gpu'], sampler=_order(case))
        model = MODEL_REGISTRY.get(f'{case.model_type}_basicsr')(plain)
        seams = [Seam(model.usm_sharpener, 'forward', USM), Seam(model, '_dequeue_and_enqueue', PAIR_POOL),
                 Seam(model, 'model_ema', EMA)]
        contender = Contender(model, loader, seams, wanted, case.seed)
        contender.feed(contender.load())
        while model.queue_ptr < model.queue_size:
            model._dequeue_and_enqueue()
    return contender
