"""Epoch after epoch, for loops that are not BasicSR's: each pass over the sampler is the next one."""
from collections.abc import Iterator

from torch.utils.data import Sampler

from effsr.data.sampler import SampleIndex, TrainSampler


class EpochSampler(Sampler):
    """Passes over a TrainSampler without end, one epoch each.

    Args:
        sampler: With as many iterations as may come.
    """

    def __init__(self, sampler: TrainSampler):
        self.sampler = sampler
        self.epoch = 0  # that the next pass goes through; set it to go on where an earlier run stopped

    def __len__(self) -> int:
        return self.sampler.batches_per_epoch * self.sampler.batch_size

    def __iter__(self) -> Iterator[SampleIndex]:
        self.sampler.set_epoch(self.epoch)
        self.epoch += 1
        return iter(self.sampler)
