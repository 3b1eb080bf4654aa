"""Loaders of a run: datasets from the registry, the sampler, and the iterator that BasicSR's loop calls."""
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import cv2
import torch
from torch.utils.data import DataLoader

from effsr.data.building import build_dataset
from effsr.data.replaced import Replaced
from effsr.data.sampler import TrainSampler
from effsr.data.tolerant import Marked, TolerantDataset, collate
from effsr.data.worker_signals import outlive_signals
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
    dataset = TolerantDataset(build_dataset(options, 'train'), 'train')
    runtime = options.runtime
    try:
        sampler = TrainSampler(len(dataset), batch_size, options.train.total_iter, settings.dataset_enlarge_ratio,
                               options.manual_seed, runtime.rank, runtime.world_size,
                               getattr(dataset.dataset, 'shares', None), options.train.epochs or 1)
    except ValueError as error:
        raise OptionError(f'datasets.train.batch_size_per_gpu: {error}') from error
    loader = DataLoader(dataset, batch_size=batch_size, sampler=sampler, drop_last=True,
                        num_workers=settings.num_worker_per_gpu, pin_memory=settings.pin_memory and options.num_gpu > 0,
                        persistent_workers=settings.persistent_workers and settings.num_worker_per_gpu > 0,
                        generator=torch.Generator().manual_seed(options.manual_seed), collate_fn=collate,
                        worker_init_fn=start_worker)
    logger.info('Training set %s: %d images, %d iterations an epoch, %d in all', settings.name, len(dataset),
                sampler.batches_per_epoch, sampler.total_iter)
    return loader, sampler


def build_test_loaders(options: Options, phase: str) -> list[DataLoader]:
    """Build the loaders of every `val` or `test` set, one image at a time, in the order of the option file."""
    loaders = []
    for key, settings in options.datasets.items():
        if settings.phase == phase:
            dataset = TolerantDataset(build_dataset(options, key), key)
            loaders.append(DataLoader(dataset, batch_size=1, shuffle=False, num_workers=0, collate_fn=collate))
            logger.info('%s set %s: %d images', phase.capitalize(), settings.name, len(dataset))
    return loaders


def start_worker(worker: int) -> None:
    """Set up a process that reads images; for worker_init_fn."""
    outlive_signals(worker)
    # There are as many readers as are to work at a time, each on one core; torch sees to that for itself.
    cv2.setNumThreads(0)


def alone(value: Any) -> list[Any]:
    """What :func:`effsr.runtime.distributed.gather` gives to a single process."""
    return [value]


class Prefetcher:
    """The iterator interface of BasicSR's loop: reset() at the start of an epoch, next() until None.

    BasicSR's own starts the loader's workers once before the epoch is set; this one waits for reset(). At the end of
    an epoch it tells how many samples were replaced; the batches it hands out know nothing of that.

    Args:
        loader: Gives the batches.
        gather: Gives the values of all processes, which come to the end of an epoch together.
    """

    def __init__(self, loader: DataLoader, gather: Callable[[Any], list[Any]] = alone):
        self.loader = loader
        self.iterator: Iterator[Mapping[str, Any]] = iter(())
        self.under_way = False
        dataset = getattr(loader, 'dataset', None)
        self.replaced = Replaced(dataset.key, gather) if getattr(dataset, 'on_error', 'fail') == 'skip' else None

    def reset(self) -> None:
        self.iterator = iter(self.loader)
        self.under_way = True

    def next(self) -> Mapping[str, Any] | None:
        try:
            batch = next(self.iterator, None)
        except BaseException:
            self.close()
            raise
        if isinstance(batch, Marked):
            self.replaced.note(batch)
            return dict(batch)
        if batch is None and self.under_way:
            self.under_way = False
            if self.replaced is not None:
                self.replaced.tell(self.loader.sampler.epoch)
        return batch

    def close(self) -> None:
        """End the reading processes now: left to the garbage collection, they may take 5 seconds each."""
        end = getattr(self.iterator, '_shutdown_workers', None)  # torch has no public way
        if end is not None:
            end()
        self.iterator = iter(())
