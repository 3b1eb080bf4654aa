"""Loaders of a run: datasets from the registry, the sampler, and the iterator that BasicSR's loop calls."""
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader

from effsr.data.building import build_dataset, first_sample
from effsr.data.sampler import TrainSampler
from effsr.options import OptionError, Options

logger = logging.getLogger('basicsr')


class Loaders(NamedTuple):
    """What a training run reads."""

    train: DataLoader
    sampler: TrainSampler
    val: list[DataLoader]


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
    dataset = build_dataset(options, 'train')
    runtime = options.runtime
    try:
        sampler = TrainSampler(len(dataset), batch_size, options.train.total_iter, settings.dataset_enlarge_ratio,
                               options.manual_seed, runtime.rank, runtime.world_size)
    except ValueError as error:
        raise OptionError(f'datasets.train.batch_size_per_gpu: {error}') from error
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
    for key, settings in options.datasets.items():
        if settings.phase == phase:
            dataset = build_dataset(options, key)
            first_sample(dataset, key)
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
