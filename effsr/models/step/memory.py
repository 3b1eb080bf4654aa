"""Out of memory: what was being done, at which size, and which options to change by how much."""
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from effsr.models.step.recomputing import can_be_recomputed

OUT_OF_MEMORY = (getattr(torch, 'OutOfMemoryError', torch.cuda.OutOfMemoryError), MemoryError)
# What other errors say of it: torch's allocator on the CPU, CUDA outside torch's allocator, cuBLAS.
SAID = ('DefaultCPUAllocator', 'CUDA error: out of memory', 'CUBLAS_STATUS_ALLOC_FAILED')
GIB = 2**30


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on the device or on the host."""
    return isinstance(error, OUT_OF_MEMORY) or (isinstance(error, RuntimeError) and
                                                any(words in str(error) for words in SAID))


def free_and_total(device: torch.device) -> tuple[int, int] | None:
    """Bytes that are free and that there are, of the GPU or of the machine; None where the system does not tell."""
    try:
        if device.type == 'cuda':
            return torch.cuda.mem_get_info(device)
        page = os.sysconf('SC_PAGE_SIZE')
        return os.sysconf('SC_AVPHYS_PAGES') * page, os.sysconf('SC_PHYS_PAGES') * page
    except (RuntimeError, AttributeError, ValueError, OSError):
        return None


def out_of_memory_line(model: Any, batch: Mapping[str, Any] | None) -> str:
    """One line about the step that ran out of memory.

    Args:
        model: RealESRNetModel or RealESRGANModel: `doing` says what it was at.
        batch: What was being fed; None within a step.
    """
    memory = free_and_total(model.device)
    where = 'the GPU' if model.device.type == 'cuda' else 'this machine'
    free = '' if memory is None else f'; {memory[0] / GIB:.1f} of {memory[1] / GIB:.1f} GiB of {where} are free'
    changes = ', or '.join(remedies(model, batch is not None))
    return (f'out of memory in {model.doing}, iteration {model.current_iter}: {_sizes(model, batch)}{free}; set '
            f'{changes}')


def _sizes(model: Any, batch: Mapping[str, Any] | None) -> str:
    lq, gt = (model.lq, model.gt) if batch is None else (batch.get('lq'), batch.get('gt'))
    shown = [f'{name} of {image.shape[-1]}x{image.shape[-2]}' for name, image in (('lq', lq), ('gt', gt))
             if isinstance(image, Tensor)]
    count = next((len(image) for image in (gt, lq) if isinstance(image, Tensor)), 0)
    parts = model.options.train.accumulate if model.options.train is not None else 1
    return f'a batch of {count}' + (f' in {parts} parts' if parts > 1 and batch is None else '') + \
        (f', {", ".join(shown)}' if shown else '')


def remedies(model: Any, while_feeding: bool) -> list[str]:
    """Changes of options that need less memory, each by itself, those that change least in the result first."""
    options, found = model.options, []
    train, settings = options.train, options.datasets.get('train')
    size = settings.batch_size_per_gpu if settings is not None else len(model.lq) if model.lq is not None else 1
    if not while_feeding and train is not None:
        found += _lighter_steps(model, size)
    if while_feeding and options.queue_size > 2 * size:
        found.append(f'queue_size: {options.queue_size} -> {options.queue_size // 2}')
    if size > 1:
        found.append(f'datasets: train: batch_size_per_gpu: {size} -> {size // 2}')
    if options.gt_size is not None and options.gt_size > 8 * options.scale:
        smaller = options.gt_size * 3 // 4 // (8 * options.scale) * 8 * options.scale
        found.append(f'gt_size: {options.gt_size} -> {smaller or 8 * options.scale}')
    return found or ['a smaller network_g']


def _lighter_steps(model: Any, size: int) -> list[str]:
    train, found = model.options.train, []
    if train.accumulate < size:
        parts = min(2 * train.accumulate, size)
        found.append(f'train: accumulate: {train.accumulate} -> {parts} (the result stays)')
    if not train.gradient_checkpointing and can_be_recomputed(model.get_bare_model(model.net_g)):
        found.append('train: gradient_checkpointing: true (the result stays)')
    if train.precision == 'fp32':
        found.append('train: precision: fp32 -> bf16')
    return found
