"""`effsr/train.py --check`: everything a training does at first, done once, timed and told; nothing is left behind."""
import datetime
import itertools
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from basicsr.models.base_model import BaseModel
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from effsr.data.image_io import to_uint8
from effsr.data.loaders import Loaders, Prefetcher
from effsr.doubts import Measured, cpu_count, find_doubts
from effsr.metrics import compute_metrics
from effsr.models.validation import bicubic
from effsr.options import Options
from effsr.places import compare_places, describe_places
from effsr.runtime.memory_use import peak_memory

SAMPLES = 8  # images decoded of each dataset
TIMED_STEPS = 3
TIMED_SECONDS = 20.0
COST_SIDE = 256  # pixels of the square lq for which costs of network_g are told, as tables of the literature have it


class Steps(NamedTuple):
    """What timed training steps took, in seconds for each, and the losses of the last."""

    first: float
    step: float
    waiting: float
    losses: dict[str, float]


def rehearse(options: Options, model: BaseModel, loaders: Loaders) -> None:
    """Decode samples, train and validate once at full size, print what it costs and what is doubtful.

    Args:
        options: The run's options.
        model: Built, with its weights; its weights change.
        loaders: Of training and validation.

    Raises:
        ValueError: What a training would stop at.
    """
    for loader in (loaders.train, *loaders.val):
        decode_samples(loader)
    print(f'{options.name}: {options.model_type}, x{options.scale}, on {model.device}')
    print_networks(options, model)
    steps = time_steps(model, loaders.train)
    validation = sum(time_validation(model, loader) * len(loader) for loader in loaders.val)
    print_times(options, steps, validation)
    print_places(options, loaders.train, steps, model.device)
    memory = peak_memory(model.device)
    if memory is not None:
        print(f'memory       {memory / 2**30:.2f} GiB at the peak '
              f'({"of the GPU" if model.device.type == "cuda" else "of this process"})')
    measured = Measured(steps.step, steps.waiting, checkpoint_bytes(model), shutil.disk_usage(Path.cwd()).free)
    doubts = find_doubts(options, loaders, measured)
    for doubt in doubts:
        print(f'doubtful     {doubt}')
    print(f'ready        {len(doubts)} doubts; start with the same command without --check')


@contextmanager
def nothing_left_behind(options: Options) -> Iterator[None]:
    """Take away what a check must write to read it: sample photographs, where they were not there before."""
    samples = Path(options.sample_data) if options.sample_data is not None else None
    made = [folder for folder in (samples, *samples.parents) if not folder.exists()] if samples is not None else []
    try:
        yield
    finally:
        if samples is not None and samples in made:
            shutil.rmtree(samples, ignore_errors=True)
        for folder in made[1:]:
            with suppress(OSError):
                folder.rmdir()


def decode_samples(loader: DataLoader) -> None:
    """Read up to SAMPLES samples, spread over a dataset."""
    count = len(loader.dataset)
    for index in sorted({number * count // SAMPLES for number in range(min(SAMPLES, count))} | {count - 1}):
        loader.dataset[index]


def count_macs(net: nn.Module, side: int) -> int:
    """Multiply-accumulates of a network for one RGB image of side x side, counted without computing anything.

    Convolutions and matrix products are counted, element-wise work is not; one multiply-accumulate is two FLOPs.
    """
    counted = deepcopy(net).to('meta').eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        counted(torch.zeros(1, 3, side, side, device='meta'))
    return counter.get_total_flops() // 2


def print_networks(options: Options, model: Any) -> None:
    """One line for each network: parameters and cost."""
    networks = [('network_g', options.network_g, model.net_g, COST_SIDE)]
    if getattr(model, 'net_d', None) is not None:
        # Some discriminators take crops of one size alone.
        networks.append(('network_d', options.network_d, model.net_d, crop_side(options)))
    for label, component, net, side in networks:
        bare = model.get_bare_model(net)
        parameters = sum(parameter.numel() for parameter in bare.parameters())
        macs = count_macs(bare, side)
        print(f'{label:<12} {component.type}, {parameters:,} parameters, {macs / 1e9:.2f} GMACs '
              f'({2 * macs / 1e9:.2f} GFLOPs) for 3x{side}x{side}')


def crop_side(options: Options) -> int:
    """Side of the crops of gt in pixels; COST_SIDE where the options do not say it."""
    own = (options.datasets['train'].model_extra or {}).get('gt_size') if 'train' in options.datasets else None
    return next((side for side in (options.gt_size, own) if isinstance(side, int)), COST_SIDE)


def time_steps(model: Any, loader: DataLoader) -> Steps:
    """Train on the run's own batches: one step to warm up, then up to TIMED_STEPS, or until TIMED_SECONDS are over."""
    prefetcher = Prefetcher(loader)
    prefetcher.reset()
    times: list[tuple[float, float]] = []
    for number in itertools.count(1):
        start = time.perf_counter()
        batch = prefetcher.next()
        if batch is None:
            break
        arrived = time.perf_counter()
        model.feed_data(batch)
        model.optimize_parameters(number)
        losses = model.get_current_log()  # waits for the device
        times.append((arrived - start, time.perf_counter() - start))
        if len(times) > TIMED_STEPS or sum(total for _, total in times) > TIMED_SECONDS:
            break
    later = times[1:] or times
    step = sum(total for _, total in later) / len(later)
    return Steps(times[0][1], step, sum(waited for waited, _ in later) / len(later), losses)


def time_validation(model: Any, loader: DataLoader) -> float:
    """Seconds for the first image of a validation set: result, bicubic, metrics."""
    validator = getattr(model, 'validator', None)
    if validator is None:
        return 0.0
    start = time.perf_counter()
    sample = next(sample for sample in loader if sample)  # empty: left out by on_error: skip
    model.feed_data({key: value for key, value in sample.items() if key == 'lq'})
    model.test()
    if 'gt' in sample and validator.metrics:
        gt = to_uint8(sample['gt'])
        compute_metrics(validator.metrics, to_uint8(model.output), gt)
        compute_metrics(validator.metrics, bicubic(sample['lq'], validator.scale), gt)
    return time.perf_counter() - start


def print_times(options: Options, steps: Steps, validation: float) -> None:
    """Seconds an iteration, the share spent waiting for data, and how long the whole run will take."""
    total_iter = options.train.total_iter
    validations = -(-total_iter // options.val.val_freq) if options.val is not None else 0
    seconds = total_iter * steps.step + validations * validation
    print(f'iteration    {steps.step:.3f} s ({1 / steps.step:.2f} a second; the first {steps.first:.3f} s), '
          f'{100 * steps.waiting / steps.step:.0f}% of it waiting for data')
    if validation:
        print(f'validation   about {validation:.1f} s, {validations} times')
    print(f'whole run    about {datetime.timedelta(seconds=round(seconds))} for {total_iter:,} iterations')
    print('losses       ' + '  '.join(f'{name} {value:.4f}' for name, value in steps.losses.items()))


def print_places(options: Options, loader: DataLoader, steps: Steps, device: torch.device) -> None:
    """What degradation costs in the training step and in a worker, where the training set can do both."""
    places = compare_places(options, loader.dataset, device)
    if places is not None:
        step = (steps.step - steps.waiting) * 1000 / loader.batch_size
        print(f'degradation  {describe_places(options, places, step, device, cpu_count())}')


def checkpoint_bytes(model: Any) -> int:
    """About what one checkpoint takes: weights, average, discriminator, and Adam's two moments of what is trained."""
    nets = [(net, factor) for net, factor in ((model.net_g, 3), (getattr(model, 'net_d', None), 3),
                                              (getattr(model, 'net_g_ema', None), 1)) if net is not None]
    return sum(factor * 4 * sum(parameter.numel() for parameter in net.parameters()) for net, factor in nets)

