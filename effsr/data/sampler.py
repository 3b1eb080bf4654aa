"""Which image comes next, and the one seed that all randomness of that sample is drawn from."""
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from effsr.data.shares import Share, epoch_indices


def sample_seed(manual_seed: int, epoch: int, position: int) -> int:
    """The seed of one sample, in [0, 2**63): neighbours in any argument get unrelated seeds.

    It depends on the global position, not on the rank or the worker, so that one process or eight draw the same; and
    not on the image's index alone, which repeats under dataset_enlarge_ratio.
    """
    words = np.random.SeedSequence([manual_seed, epoch, position]).generate_state(2, np.uint32)
    return (int(words[0]) << 32 | int(words[1])) >> 1


class SampleIndex(int):
    """Index of an image, with the seed of this sample and the iteration of the training that it is for (from 1).

    Any dataset can use it as a plain int.
    """

    seed: int
    iteration: int

    def __new__(cls, index: int, seed: int, iteration: int = 0) -> 'SampleIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        self.iteration = iteration
        return self

    def __getnewargs__(self) -> tuple[int, int, int]:
        return int(self), self.seed, self.iteration


def seed_of(index: int) -> int:
    """The seed that comes with an index; for a plain int, one made from the index alone."""
    return index.seed if isinstance(index, SampleIndex) else sample_seed(0, 0, int(index) % 2**32)


def iteration_of(index: int) -> int:
    """The iteration that comes with an index; 0 for a plain int."""
    return index.iteration if isinstance(index, SampleIndex) else 0


class TrainSampler(Sampler):
    """Shuffled positions of an enlarged dataset, shared out to processes, incomplete last batch left out.

    Position p goes to process p mod world_size, so that the batches of all processes together are the batch of a
    single process with world_size times the batch size.

    Args:
        length: Number of images.
        batch_size: Images in a batch of one process.
        total_iter: Iterations of the whole run; the last epoch ends there. None: as many as `passes` epochs have.
        enlarge_ratio: How often an epoch goes through the images.
        manual_seed: Seed of the order and of every sample's seed.
        rank, world_size: This process, and how many there are.
        shares: Of images of several folders that are to come in given shares; None: every image equally often.
        passes: Epochs of the whole run, where total_iter is None.

    Raises:
        ValueError: The dataset has fewer images than a batch needs.
    """

    def __init__(self, length: int, batch_size: int, total_iter: int | None, enlarge_ratio: int = 1,
                 manual_seed: int = 0, rank: int = 0, world_size: int = 1, shares: Sequence[Share] | None = None,
                 passes: int = 1):
        if length == 0:
            raise ValueError('the training set has no images; give a folder that holds some')
        self.length = length
        self.enlarged = length * enlarge_ratio
        self.batch_size = batch_size
        self.manual_seed = manual_seed
        self.shares = shares
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.done_iter = 0
        self.batches_per_epoch = self.enlarged // (batch_size * world_size)
        if self.batches_per_epoch == 0:
            need = batch_size * world_size
            raise ValueError(f'{self.enlarged} images ({length} x dataset_enlarge_ratio {enlarge_ratio}) are fewer '
                             f'than a batch of {need}; lower batch_size_per_gpu, add images, or set '
                             f'dataset_enlarge_ratio to {-(-need // length)} or more')
        self.total_iter = passes * self.batches_per_epoch if total_iter is None else total_iter

    @property
    def epochs(self) -> int:
        """Epochs that hold total_iter iterations."""
        return -(-self.total_iter // self.batches_per_epoch)

    def describe(self) -> dict[str, Any]:
        """What the samples of an iteration follow from; two samplers that agree in it give the same."""
        found = {'images': self.length, 'positions': self.enlarged, 'batch': self.batch_size * self.world_size,
                 'manual_seed': self.manual_seed}
        return found if self.shares is None else {**found, 'shares': [list(share) for share in self.shares]}

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration over the sampler goes through."""
        self.epoch = epoch

    def resume_after(self, done_iter: int) -> None:
        """Leave out the samples of the first `done_iter` iterations of the run."""
        self.done_iter = done_iter

    def _batches(self) -> tuple[int, int]:
        before = self.epoch * self.batches_per_epoch
        first = min(max(self.done_iter - before, 0), self.batches_per_epoch)
        last = min(max(self.total_iter - before, 0), self.batches_per_epoch)
        return first, max(first, last)

    def __len__(self) -> int:
        first, last = self._batches()
        return (last - first) * self.batch_size

    def __iter__(self) -> Iterator[SampleIndex]:
        epoch = self.epoch  # a loop may set the next one while this goes on
        images = np.random.default_rng([self.manual_seed, epoch]).permutation(self.enlarged)
        if self.shares is None:
            images %= self.length
        else:
            images = epoch_indices(self.shares, self.enlarged, self.manual_seed, epoch)[images]
        step = self.batch_size * self.world_size
        first, last = self._batches()
        for position in range(first * step + self.rank, last * step, self.world_size):
            seed = sample_seed(self.manual_seed, epoch, position)
            iteration = epoch * self.batches_per_epoch + position // step + 1
            yield SampleIndex(int(images[position]), seed, iteration)


class SeededDataset(Dataset):
    """Gives a dataset that draws from global random state the sample's seed instead, and puts that state back.

    For BasicSR's and users' datasets, which know nothing of SampleIndex: their crops and flips then follow the same
    rule as those of effsr's own datasets.

    Args:
        dataset: Any map-style dataset.
        opt: Its block of the option file, where it keeps none itself.
    """

    def __init__(self, dataset: Dataset, opt: Mapping[str, Any] | None = None):
        self.dataset = dataset
        self.opt = getattr(dataset, 'opt', opt or {})

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        seed = seed_of(index)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return self.dataset[int(index)]
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
