"""Who is compared in the data benchmark: datasets that give crops of 400 pixels as tensors, timed through a loader."""
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from basicsr.data import realesrgan_dataset
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from effsr.benchmarks import picture_sets
from effsr.benchmarks.patching import Patch, patched
from effsr.benchmarks.picture_sets import SIDE, PictureSet
from effsr.data.loaders import start_worker
from effsr.data.realesrgan_dataset import RealESRGANDataset
from effsr.data.sampler import SampleIndex, sample_seed
from effsr.data.tolerant import TolerantDataset
from effsr.degradations import DegradationSettings

SCALE = 4
BASICSR, NO_KERNELS, BASICSR_LMDB = 'BasicSR, folder', 'BasicSR, folder, no kernels', 'BasicSR, LMDB, no kernels'
FOLDER, CACHED, LMDB, SHARDS, PACKED = ('effsr, folder', 'effsr, folder, default cache_mb', 'effsr, LMDB',
                                        'effsr, shards', 'effsr, packed')
NAMES = (BASICSR, NO_KERNELS, BASICSR_LMDB, FOLDER, CACHED, LMDB, SHARDS, PACKED)
KINDS = {FOLDER: 'disk', CACHED: 'disk', LMDB: 'lmdb', SHARDS: 'shards', PACKED: 'packed'}

FIRST_BATCHES = 3  # read to find out how long one takes
LEAST_BATCHES, MOST_BATCHES = 2, 512


class Cost(NamedTuple):
    """Samples that were read, seconds on the clock, and seconds of all processes' CPU."""

    samples: int
    seconds: float
    cpu: float


class WithoutKernels(Dataset):
    """BasicSR's dataset, whose blur kernels are zeros that cost nothing; wherever it is read."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        with patched(Patch(realesrgan_dataset, 'random_mixed_kernels', _no_mixed_kernel),
                     Patch(realesrgan_dataset, 'circular_lowpass_kernel', _no_sinc_kernel)):
            return self.dataset[index]


@lru_cache
def _zeros(side: int) -> np.ndarray:
    return np.zeros((side, side))


def _no_mixed_kernel(kinds: Any, weights: Any, kernel_size: int, *rest: Any, **named: Any) -> np.ndarray:
    return _zeros(kernel_size)


def _no_sinc_kernel(cutoff: float, kernel_size: int, pad_to: int | bool = 0) -> np.ndarray:
    return _zeros(pad_to or kernel_size)


def build_dataset(name: str, pictures: PictureSet) -> Dataset:
    """One of NAMES, opened on the pictures.

    Raises:
        ValueError: A storage cannot be opened.
    """
    shared = {'name': 'pictures', 'phase': 'train', 'scale': SCALE, 'use_hflip': True, 'use_rot': True}
    if name in KINDS:
        cache = {} if name == CACHED else {'cache_mb': 0}
        root = str(pictures.places[KINDS[name]])
        return TolerantDataset(RealESRGANDataset({**shared, **cache, 'type': 'RealESRGANDataset', 'dataroot_gt': root,
                                                  'crop_pad_size': SIDE}), 'train')
    kind, place = ('lmdb', picture_sets.BASICSR_LMDB) if name == BASICSR_LMDB else ('disk', 'disk')
    dataset = realesrgan_dataset.RealESRGANDataset({
        **DegradationSettings().model_dump(), **shared, 'dataroot_gt': str(pictures.places[place]),
        'meta_info': str(pictures.listing), 'io_backend': {'type': kind}})
    return dataset if name == BASICSR else WithoutKernels(dataset)


class Numbered(Sampler):
    """The pictures in a random order, over and over, until `count` are given; another order in each epoch."""

    def __init__(self, pictures: int, count: int, seed: int):
        self.pictures = pictures
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[SampleIndex]:
        rng = np.random.default_rng([self.seed, self.epoch])
        orders = [rng.permutation(self.pictures) for _ in range(-(-self.count // self.pictures))]
        for position, index in enumerate(np.concatenate(orders)[:self.count].tolist()):
            yield SampleIndex(index, sample_seed(self.seed, self.epoch, position))


class Metered(Dataset):
    """Samples, each with its process and the CPU seconds that the process has used so far."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Mapping[str, Any], int, float]:
        return self.dataset[index], os.getpid(), time.process_time()


def collate_metered(samples: Sequence[tuple[Mapping[str, Any], int, float]]) -> tuple[Any, dict[int, float]]:
    """The batch, and for each process the CPU seconds it has used."""
    used: dict[int, float] = {}
    for _, process, seconds in samples:
        used[process] = max(seconds, used.get(process, 0.0))
    return default_collate([sample for sample, _, _ in samples]), used


class Reader:
    """Reads samples through a loader whose workers stay; the first call finds out how many take a given time.

    Args:
        dataset: Gives samples.
        batch: Samples in a batch.
        workers: Processes that read; 0: this one.
        seconds: That a call is to take.
        seed: Of the order and of each sample.
    """

    def __init__(self, dataset: Dataset, batch: int, workers: int, seconds: float, seed: int):
        self.batch = batch
        self.seconds = seconds
        warm_up = max(FIRST_BATCHES * batch, 2 * len(dataset))
        self.sampler = Numbered(len(dataset), -(-warm_up // batch) * batch, seed)
        self.loader = DataLoader(Metered(dataset), batch, sampler=self.sampler, num_workers=workers,
                                 persistent_workers=workers > 0, collate_fn=collate_metered,
                                 worker_init_fn=start_worker if workers else None,
                                 generator=torch.Generator().manual_seed(seed))
        self._used: dict[int, float] = {}
        self._end: Callable[[], None] | None = None

    def __call__(self, number: int) -> Cost:
        """What the samples of a round cost; in round 0 those that were read to warm up."""
        if number:
            return self._read()
        self._read()  # starts the workers, and goes through all pictures
        self.sampler.count = FIRST_BATCHES * self.batch
        cost = self._read()
        batches = int(FIRST_BATCHES * self.seconds / cost.seconds)
        self.sampler.count = self.batch * min(max(batches, LEAST_BATCHES), MOST_BATCHES)
        return cost

    def _read(self) -> Cost:
        own, before = os.getpid(), dict(self._used)
        start, start_cpu = time.perf_counter(), time.process_time()
        iterator = iter(self.loader)
        self._end = getattr(iterator, '_shutdown_workers', None)  # torch has no public way
        samples = 0
        for batch, used in iterator:
            samples += len(batch['gt'])
            self._used |= used
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        self.sampler.epoch += 1
        of_workers = sum(now - before.get(process, now) for process, now in self._used.items() if process != own)
        return Cost(samples, seconds, cpu + of_workers)

    def close(self) -> None:
        """End its workers."""
        if self._end is not None:
            self._end()
