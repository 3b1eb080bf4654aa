"""Samples of several folders in given shares: exact, even over the epochs, the same in every run."""
from collections import Counter

import numpy as np
import pytest

from effsr.data.sampler import TrainSampler
from effsr.data.shares import Share, apportion, epoch_indices


@pytest.mark.parametrize(('total', 'weights', 'parts'), [
    (10, [1, 1], [5, 5]), (10, [3, 1], [8, 2]), (7, [1, 1, 1], [3, 2, 2]), (3, [0.2, 0.8], [1, 2]), (1, [1, 9], [0, 1]),
])
def test_parts_by_hand(total, weights, parts):
    assert apportion(total, weights) == parts
    assert sum(apportion(total * 100 + 1, weights)) == total * 100 + 1


def test_shares_hold_and_every_picture_comes_equally_often():
    shares = [Share(4, 3.0), Share(8, 1.0)]
    epochs = [epoch_indices(shares, 12, 7, epoch) for epoch in range(8)]
    assert all((epoch < 4).sum() == 9 and len(epoch) == 12 for epoch in epochs)
    counts = Counter(np.concatenate(epochs).tolist())
    assert {counts[index] for index in range(4)} == {18}  # 8 epochs of 9 samples over 4 pictures
    assert {counts[index] for index in range(4, 12)} == {3}
    assert (epoch_indices(shares, 12, 7, 3) == epochs[3]).all()
    assert (epoch_indices(shares, 12, 8, 3) != epochs[3]).any()


def test_a_sampler_with_shares():
    def drawn(**more):
        sampler = TrainSampler(12, 4, 6, manual_seed=7, shares=[Share(4, 3.0), Share(8, 1.0)], **more)
        indices = []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            indices += list(sampler)
        return indices

    whole = drawn()
    assert Counter(int(index) < 4 for index in whole[:12]) == {True: 9, False: 3}
    assert [int(index) < 4 for index in whole[:12]] != [True] * 9 + [False] * 3  # shuffled
    assert TrainSampler(12, 4, 6, shares=[Share(12, 1.0)]).describe()['shares'] == [[12, 1.0]]
    assert 'shares' not in TrainSampler(12, 4, 6).describe()
    halves = [TrainSampler(12, 2, 6, manual_seed=7, rank=rank, world_size=2, shares=[Share(4, 3.0), Share(8, 1.0)])
              for rank in range(2)]
    both = [index for pair in zip(*halves, strict=True) for index in pair]
    assert [(int(index), index.seed) for index in both] == [(int(index), index.seed) for index in whole[:12]]


def test_a_folder_may_get_nothing_or_many_rounds():
    shares = [Share(2, 1.0), Share(3, 1e6)]
    assert apportion(9, [share.weight for share in shares]) == [0, 9]
    indices = epoch_indices(shares, 9, 0, 1)
    assert Counter(indices.tolist()) == {2: 3, 3: 3, 4: 3}
    assert all(sorted(indices[start:start + 3]) == [2, 3, 4] for start in (0, 3, 6))  # one permutation after the other


def test_draws_of_their_own():
    """numpy makes the same of [7, 4] and of [7, 4, 0, 0]."""
    first = epoch_indices([Share(12, 1.0)], 12, 7, 0)
    assert not any((np.random.default_rng([7, epoch]).permutation(12) == first).all() for epoch in range(20))
