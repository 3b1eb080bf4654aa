"""Order, seeds and shares of the samples of a training."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from effsr.data.sampler import SampleIndex, SeededDataset, TrainSampler, iteration_of, sample_seed, seed_of


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return [(int(index), index.seed) for index in sampler]


def run_of(sampler):
    return [sample for epoch in range(sampler.epochs) for sample in epoch_of(sampler, epoch)]


def test_sample_seed():
    seeds = {sample_seed(*key) for key in np.ndindex(3, 10, 100)}
    assert len(seeds) == 3000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62  # the whole range is used
    words = np.random.SeedSequence([0, 1, 2]).generate_state(2, np.uint32).astype(object)
    assert sample_seed(0, 1, 2) == (words[0] * 2**32 + words[1]) // 2


def test_sample_index():
    index = SampleIndex(2, 2**62 + 1, 7)
    assert (iteration_of(index), iteration_of(2), iteration_of(SampleIndex(2, 5))) == (7, 0, 0)
    assert 'abc'[index] == 'c'
    assert index == 2
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        copy = pickle.loads(pickle.dumps(index, protocol))
        assert (copy, copy.seed, copy.iteration, type(copy)) == (2, 2**62 + 1, 7, SampleIndex)
    assert seed_of(index) == 2**62 + 1
    assert seed_of(2) == sample_seed(0, 0, 2)
    assert seed_of(-1) != seed_of(1)


def test_an_epoch_is_a_permutation_and_each_differs():
    sampler = TrainSampler(12, 4, 1000)
    epochs = [epoch_of(sampler, epoch) for epoch in (0, 1, 2, 0)]
    assert all(sorted(index for index, _ in epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] == epochs[3]
    assert len({tuple(index for index, _ in epoch) for epoch in epochs}) == 3
    assert len({seed for epoch in epochs[:3] for _, seed in epoch}) == 36


def test_enlarged():
    sampler = TrainSampler(3, 4, 1000, enlarge_ratio=4)
    samples = epoch_of(sampler, 0)
    assert sorted(index for index, _ in samples) == sorted([0, 1, 2] * 4)
    assert len({seed for _, seed in samples}) == 12


def test_manual_seed():
    assert epoch_of(TrainSampler(30, 2, 99, manual_seed=1), 0) != epoch_of(TrainSampler(30, 2, 99, manual_seed=2), 0)


@pytest.mark.parametrize('world_size', [2, 3])
def test_processes_together_are_one_with_the_whole_batch(world_size):
    ranks = [TrainSampler(31, 2, 17, 2, 5, rank, world_size) for rank in range(world_size)]
    single = run_of(TrainSampler(31, 2 * world_size, 17, 2, 5))
    shares = [run_of(sampler) for sampler in ranks]
    assert [sample for step in zip(*shares, strict=True) for sample in step] == single


@pytest.mark.parametrize(('length', 'batch', 'total', 'epochs'), [
    (30, 8, 300, 100), (30, 8, 301, 101), (8, 8, 3, 3), (100, 8, 5, 1), (17, 4, 9, 3)])
def test_total_iter_is_reached_exactly(length, batch, total, epochs):
    sampler = TrainSampler(length, batch, total)
    assert sampler.epochs == epochs
    assert sampler.batches_per_epoch == length // batch
    lengths = []
    for epoch in range(sampler.epochs):
        sampler.set_epoch(epoch)
        lengths.append(len(sampler))
        assert len(list(sampler)) == len(sampler)
    assert sum(lengths) == total * batch
    assert 0 not in lengths
    sampler.set_epoch(sampler.epochs)
    assert len(sampler) == 0
    assert list(sampler) == []


@pytest.mark.parametrize('done', [0, 1, 3, 4, 16, 17])
@pytest.mark.parametrize('rank', [0, 1])
def test_resuming_gives_the_rest(done, rank):
    def sampler():
        return TrainSampler(23, 3, 17, 1, 0, rank, 2)
    resumed = sampler()
    resumed.resume_after(done)
    assert run_of(resumed) == run_of(sampler())[3 * done:]
    resumed.set_epoch(1)
    assert len(resumed) == len(list(resumed))


def test_too_few_images():
    with pytest.raises(ValueError, match='5 images .5 x dataset_enlarge_ratio 1. are fewer than a batch of 8; lower '
                                         'batch_size_per_gpu, add images, or set dataset_enlarge_ratio to 2 or more'):
        TrainSampler(5, 8, 10)
    assert TrainSampler(5, 8, 10, enlarge_ratio=2).batches_per_epoch == 1
    with pytest.raises(ValueError, match='a batch of 16'):
        TrainSampler(15, 8, 10, world_size=2)
    with pytest.raises(ValueError, match='no images'):
        TrainSampler(0, 8, 10)


class Dice(Dataset):
    """Draws from every global generator, as BasicSR's datasets do."""

    def __init__(self):
        self.opt = {'name': 'dice'}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        assert type(index) is int
        return index, random.random(), np.random.rand(), torch.rand(()).item()


def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_seeded_dataset():
    dataset = SeededDataset(Dice())
    before = states()
    first = dataset[SampleIndex(1, 7)]
    assert states() == before
    random.random(), np.random.rand(), torch.rand(())
    assert dataset[SampleIndex(1, 7)] == first
    assert dataset[SampleIndex(1, 8)][1:] != first[1:]
    assert dataset[1] == dataset[1] != dataset[2]
    assert (len(dataset), dataset.opt) == (4, {'name': 'dice'})
    assert first[1] == random.Random(7).random()


def test_seeded_dataset_leaves_global_state_when_reading_fails():
    class Failing(Dice):
        def __getitem__(self, index):
            random.random()
            raise OSError('gone')
    before = states()
    with pytest.raises(OSError, match='gone'):
        SeededDataset(Failing())[0]
    assert states() == before


def test_seeded_dataset_of_a_class_without_opt():
    assert SeededDataset([1, 2], {'name': 'x'}).opt == {'name': 'x'}


def test_through_a_loader():
    sampler = TrainSampler(4, 2, 4)
    values = []
    for _ in range(2):
        for epoch in range(2):
            sampler.set_epoch(epoch)
            values.append([batch[1].tolist() for batch in DataLoader(SeededDataset(Dice()), 2, sampler=sampler)])
    assert values[:2] == values[2:]
    assert values[0] != values[1]


def test_a_pass_under_way_keeps_its_epoch():
    def passes(between):
        sampler = TrainSampler(8, 2, 100, manual_seed=3)
        indices = iter(sampler)
        first = next(indices)
        between(sampler)
        return [(int(index), index.seed, index.iteration) for index in (first, *indices)]

    assert passes(lambda sampler: sampler.set_epoch(5)) == passes(lambda sampler: None)
