"""The first samples of a training as its first steps would see them: gt, lq, and what was drawn for each."""
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from effsr.augmentation import augment_images, describe, draw_augmentation, partner_of
from effsr.data.image_io import to_uint8
from effsr.data.sampler import SampleIndex, TrainSampler
from effsr.data.worker_pairs import sharpened
from effsr.degradations import DegradationParameters, degrade, draw_batch, severity_at, usm_sharpen
from effsr.degradations.crop import draw_lq_corner
from effsr.options import OptionError, Options
from effsr.sheets.contact_sheet import Sheet, contact_sheet, parameter_lines

BOARD_SAMPLES = 8
TAG = 'training set/first samples (gt, degraded)'


class Sample(NamedTuple):
    """gt and lq, uint8 RGB; the parameters, None for a pair that the dataset brought; the name of its file.

    augmented says in words how it was mixed with others of its batch, and is empty where it was not.
    """

    gt: np.ndarray
    lq: np.ndarray
    parameters: DegradationParameters | None
    name: str
    augmented: str = ''


class _Pair(NamedTuple):
    """One sample before it is augmented: lq, gt and what lq was degraded from, (1, 3, H, W) RGB in [0, 1]."""

    lq: Tensor
    gt: Tensor
    clean: Tensor
    parameters: DegradationParameters | None
    name: str
    seed: int


def first_indices(options: Options, images: int, count: int, iteration: int = 0) -> list[SampleIndex]:
    """Index, seed and iteration of the samples after so many iterations, at most `count`: as the sampler gives them.

    Raises:
        ValueError: The dataset has fewer images than a batch needs.
    """
    settings = options.datasets['train']
    train = options.train
    total = max(train.total_iter or 0 if train is not None else 0, iteration + count)
    try:
        sampler = TrainSampler(images, settings.batch_size_per_gpu, total, settings.dataset_enlarge_ratio,
                               options.manual_seed)
    except ValueError as error:
        raise OptionError(f'datasets.train.batch_size_per_gpu: {error}') from error
    sampler.resume_after(iteration)
    found: list[SampleIndex] = []
    epoch = iteration // sampler.batches_per_epoch
    while len(found) < count:
        sampler.set_epoch(epoch)
        found += islice(sampler, count - len(found))
        epoch += 1
    return found


def drawn_for(options: Options, indices: list[SampleIndex]) -> list[DegradationParameters]:
    """Parameters of consecutive samples, batch by batch as a single process would draw them."""
    size = options.datasets['train'].batch_size_per_gpu
    batches = [indices[start:start + size] for start in range(0, len(indices), size)]
    return [parameters for batch in batches
            for parameters in draw_batch(options.degradation, [index.seed for index in batch],
                                         severity_at(options.degradation, batch[0].iteration))]


def make_samples(options: Options, dataset: Dataset, indices: list[SampleIndex]) -> list[Sample]:
    """Read samples of the training set and degrade them on the CPU as a training step does.

    Nothing is drawn from global random state.

    Raises:
        ValueError: A sample cannot be read, or pairs cannot be made of it.
    """
    drawn = drawn_for(options, indices) if options.high_order_degradation else [None] * len(indices)
    pairs = [_make(options, dataset[index], index.seed, parameters)
             for index, parameters in zip(indices, drawn, strict=True)]
    size = options.datasets['train'].batch_size_per_gpu
    return [sample for start in range(0, len(pairs), size) for sample in _finished(options, pairs[start:start + size])]


def make_first_samples(options: Options, dataset: Dataset, count: int, iteration: int = 0) -> list[Sample]:
    """The samples after so many iterations, as :func:`make_samples` gives them; augmented with all of their batch.

    Raises:
        ValueError: See :func:`make_samples` and :func:`first_indices`.
    """
    size = options.datasets['train'].batch_size_per_gpu
    mixed = options.train is not None and options.train.augment.needs_partner
    read = -(-count // size) * size if mixed else count
    return make_samples(options, dataset, first_indices(options, len(dataset), read, iteration))[:count]


@torch.no_grad()
def _finished(options: Options, pairs: list[_Pair]) -> list[Sample]:
    """The samples of a batch, augmented as in the training step."""
    settings = options.train.augment if options.train is not None else None
    if settings is None or not settings.active:
        return [Sample(to_uint8(one.gt), to_uint8(one.lq), one.parameters, one.name) for one in pairs]
    seeds = [one.seed for one in pairs]
    lq, gt, _ = augment_images(tuple(torch.cat(part) for part in zip(*(one[:3] for one in pairs), strict=True)),
                               settings, seeds, clean=2)
    found = []
    for place, one in enumerate(pairs):
        drawn = draw_augmentation(settings, one.seed)
        words = describe(drawn, pairs[partner_of(drawn, place, len(pairs))].name)
        found.append(Sample(to_uint8(gt[place]), to_uint8(lq[place]), one.parameters, one.name, words))
    return found


@torch.no_grad()
def _make(options: Options, sample: Mapping[str, Any], seed: int, parameters: DegradationParameters | None) -> _Pair:
    name = Path(str(sample.get('gt_path', ''))).name
    if 'gt' not in sample:
        raise OptionError(f'datasets.train.type: {options.datasets["train"].type} gives {", ".join(sample)}; a '
                          'training needs gt')
    gt = sample['gt'][None].float()
    seed = int(sample.get('seed', seed))
    if 'lq' in sample:
        clean = sample['gt_usm'][None].float() if 'gt_usm' in sample else gt
        return _Pair(sample['lq'][None].float(), gt, clean, parameters if 'degraded' in sample else None, name, seed)
    if parameters is None:
        raise OptionError(f'datasets.train.type: {options.datasets["train"].type} gives no lq, but '
                          'high_order_degradation is off; use a RealESRGANPairedDataset')
    finite = gt.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0)
    scale = options.scale
    clean = usm_sharpen(finite) if sharpened(options) else finite
    lq = degrade(clean, [parameters], scale)
    if options.gt_size is not None:
        height, width = gt.shape[-2:]
        if min(height, width) < options.gt_size:
            raise OptionError(f'gt_size: {options.gt_size} does not fit into gt of {width}x{height}; lower gt_size or '
                              'raise datasets: train: crop_pad_size')
        size = options.gt_size // scale
        top, left = draw_lq_corner(seed, *lq.shape[-2:], size)
        lq = lq[..., top:top + size, left:left + size]
        gt, clean = (image[..., top * scale:(top + size) * scale, left * scale:(left + size) * scale]
                     for image in (gt, clean))
    return _Pair(lq, gt, clean, parameters, name, seed)


def draw_sheet(samples: list[Sample], title: str) -> np.ndarray:
    """The contact sheet of samples, uint8 (H, W, 3) RGB."""
    return contact_sheet([Sheet(one.gt, one.lq, [one.name or 'unnamed', *(
        ['lq as the dataset gives it'] if one.parameters is None else parameter_lines(one.parameters)),
        *([one.augmented] if one.augmented else [])]) for one in samples], title)


def sheet_title(options: Options, count: int, iteration: int = 0) -> str:
    """What is seen: the run, which samples, what stands where."""
    which = 'first' if not iteration else f'first after iteration {iteration:,}:'
    return (f'{options.name}: the {which} {count} training samples, gt left, lq right (enlarged x{options.scale} '
            'without smoothing)')


def board_sheet(options: Options, dataset: Dataset) -> np.ndarray | None:
    """The first samples of a run for its log; None for a dataset that does not draw from the seeds it is given."""
    inner = getattr(dataset, 'dataset', dataset)  # below what handles unreadable samples
    if not getattr(inner, 'draws_from_seed', False):
        return None
    samples = make_first_samples(options, dataset, BOARD_SAMPLES)
    return draw_sheet(samples, sheet_title(options, len(samples)))
