"""Loaders of a run: datasets from the registry, the sampler, and the iterator that BasicSR's loop calls."""
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from basicsr.utils.registry import DATASET_REGISTRY
from torch.utils.data import DataLoader, Dataset

from effsr.data.sampler import SeededDataset, TrainSampler
from effsr.options import DatasetOptions, OptionError, Options, nearest
from effsr.options.dataset_blocks import keys_read

logger = logging.getLogger('basicsr')


class Loaders(NamedTuple):
    """What a training run reads."""

    train: DataLoader
    sampler: TrainSampler
    val: list[DataLoader]


def build_dataset(options: Options, dataset: DatasetOptions) -> Dataset:
    """Build one dataset from the registry.

    Raises:
        OptionError: No class of that name.
        ValueError: What the class finds wrong with its block or its files.
    """
    if dataset.type not in DATASET_REGISTRY and f'{dataset.type}_basicsr' not in DATASET_REGISTRY:
        raise OptionError(f'datasets.{dataset.name}.type: no dataset is called {dataset.type}; '
                          f'{nearest(dataset.type, DATASET_REGISTRY.keys())}')
    cls = DATASET_REGISTRY.get(dataset.type)
    opt: dict[str, Any] = dataset.model_dump()
    if getattr(cls, 'wants_degradation', False):
        own = opt.get('degradation') or {}
        if isinstance(own, Mapping):  # anything else the class refuses
            opt['degradation'] = {**options.degradation.model_dump(), **own}
    if getattr(cls, 'wants_gt_size', False) and opt.get('gt_size') is None:
        opt['gt_size'] = options.gt_size
    if getattr(cls, 'draws_from_seed', False):
        return cls(opt)
    # BasicSR's classes ask whether a key is there; one at None is not, unless they read it without asking.
    read = keys_read(cls)
    needed = read.required_for(dataset.phase) if read is not None else ()
    opt = {key: value for key, value in opt.items() if value is not None or key in needed}
    try:
        return SeededDataset(cls(opt), opt)
    except KeyError as error:
        raise OptionError(f'datasets.{dataset.name}: {dataset.type} asks for {error}, which is missing') from error


def build_train_loader(options: Options, batch_size: int) -> tuple[DataLoader, TrainSampler]:
    """Build the training loader and its sampler.

    Args:
        options: The run's options.
        batch_size: Images in a batch of this process.

    Raises:
        ValueError: No training set, or one with fewer images than a batch.
    """
    if 'train' not in options.datasets or options.train is None:
        raise OptionError('datasets.train and train: missing; a training needs both (to test, use effsr/test.py)')
    settings = options.datasets['train']
    dataset = build_dataset(options, settings)
    runtime = options.runtime
    sampler = TrainSampler(len(dataset), batch_size, options.train.total_iter, settings.dataset_enlarge_ratio,
                           options.manual_seed, runtime.rank, runtime.world_size)
    loader = DataLoader(dataset, batch_size=batch_size, sampler=sampler, drop_last=True,
                        num_workers=settings.num_worker_per_gpu, pin_memory=settings.pin_memory and options.num_gpu > 0,
                        persistent_workers=settings.persistent_workers and settings.num_worker_per_gpu > 0,
                        generator=torch.Generator().manual_seed(options.manual_seed))
    logger.info('Training set %s: %d images, %d iterations an epoch, %d in all', settings.name, len(dataset),
                sampler.batches_per_epoch, options.train.total_iter)
    return loader, sampler


def build_test_loaders(options: Options, phase: str) -> list[DataLoader]:
    """Build the loaders of every `val` or `test` set, one image at a time, in the order of the option file."""
    loaders = []
    for settings in options.datasets.values():
        if settings.phase == phase:
            dataset = build_dataset(options, settings)
            loaders.append(DataLoader(dataset, batch_size=1, shuffle=False, num_workers=0))
            logger.info('%s set %s: %d images', phase.capitalize(), settings.name, len(dataset))
    return loaders


class Prefetcher:
    """The iterator interface of BasicSR's loop: reset() at the start of an epoch, next() until None.

    BasicSR's own starts the loader's workers once before the epoch is set; this one waits for reset().
    """

    def __init__(self, loader: DataLoader):
        self.loader = loader
        self.iterator: Iterator[Mapping[str, Any]] = iter(())

    def reset(self) -> None:
        self.iterator = iter(self.loader)

    def next(self) -> Mapping[str, Any] | None:
        return next(self.iterator, None)
