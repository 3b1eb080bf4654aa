from collections import Counter

import pytest
import torch

from effsr.degradations import PairPool


def pairs(first: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs numbered from ``first``; the target carries the number plus 1000."""
    number = torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1)
    return number.expand(-1, 3, 2, 2).clone(), (number + 1000).expand(-1, 3, 4, 4).clone()


def numbers(lq: torch.Tensor) -> list[int]:
    return lq[:, 0, 0, 0].int().tolist()


def test_returns_the_batch_itself_until_full_then_old_pairs():
    pool = PairPool(8, seed=0)
    for start in (0, 4):
        lq, gt = pool.exchange(*pairs(start, 4))
        assert numbers(lq) == list(range(start, start + 4))
    assert len(pool) == 8
    lq, gt = pool.exchange(*pairs(8, 4))
    assert lq.shape == (4, 3, 2, 2) and gt.shape == (4, 3, 4, 4)
    assert set(numbers(lq)) <= set(range(8)) and len(set(numbers(lq))) == 4
    assert [n + 1000 for n in numbers(lq)] == numbers(gt)
    assert len(pool) == 8


@pytest.mark.parametrize('batch', [1, 3, 5, 8])
def test_nothing_is_lost_or_doubled_once_full(batch):
    pool = PairPool(8, seed=1)
    put, got, full = Counter(), Counter(), None
    for step in range(40):
        lq, gt = pairs(step * batch, batch)
        before = len(pool)
        out, target = pool.exchange(lq, gt)
        assert numbers(target) == [n + 1000 for n in numbers(out)]
        assert len(set(numbers(out))) == batch
        stored = min(batch, 8 - before)
        assert numbers(out)[:stored] == numbers(lq)[:stored]
        put.update(numbers(lq))
        got.update(numbers(out)[stored:])
    full = numbers(pool.state_dict()['pairs'][0])
    assert put == got + Counter(full)


def test_partial_fill_swaps_the_rest_with_pairs_held_before():
    pool = PairPool(6, seed=0)
    pool.exchange(*pairs(0, 4))
    lq, _ = pool.exchange(*pairs(4, 4))
    assert numbers(lq)[:2] == [4, 5] and set(numbers(lq)[2:]) <= {0, 1, 2, 3}
    held = set(numbers(pool.state_dict()['pairs'][0]))
    assert held == set(range(8)) - set(numbers(lq)[2:])


def test_every_slot_is_equally_likely():
    pool = PairPool(6, seed=3)
    pool.exchange(torch.arange(6.0).view(6, 1))
    drawn = Counter()
    for _ in range(3000):
        # What is taken out goes back into the same slots: the pool keeps its contents.
        before = pool.state_dict()
        out = pool.exchange(torch.zeros(2, 1))[0]
        drawn.update(out.flatten().int().tolist())
        pool.load_state_dict({**before, 'generator': pool.state_dict()['generator']})
    # 6000 draws over 6 slots, standard error about 29.
    assert all(abs(n - 1000) < 120 for n in drawn.values()) and len(drawn) == 6


def test_same_seed_same_exchange_and_state_restores_it():
    pools = [PairPool(8, seed=5) for _ in range(2)]
    for start in range(0, 24, 4):
        outs = [p.exchange(*pairs(start, 4)) for p in pools]
        assert torch.equal(outs[0][0], outs[1][0])
    restored = PairPool(8, seed=99)
    restored.load_state_dict(pools[0].state_dict())
    for start in range(24, 60, 4):
        assert torch.equal(restored.exchange(*pairs(start, 4))[1], pools[1].exchange(*pairs(start, 4))[1])


def test_state_is_a_copy_and_may_be_partly_filled():
    pool = PairPool(8)
    pool.exchange(*pairs(0, 3))
    state = pool.state_dict()
    pool.exchange(*pairs(3, 3))
    assert numbers(state['pairs'][0]) == [0, 1, 2]
    pool.load_state_dict(state)
    assert len(pool) == 3
    empty = PairPool(8)
    empty.load_state_dict(PairPool(8).state_dict())
    assert len(empty) == 0


def test_what_is_handed_in_or_out_does_not_share_memory_with_the_pool():
    pool = PairPool(2)
    batch = pairs(0, 2)
    pool.exchange(*batch)[0].zero_()
    assert numbers(pool.exchange(*pairs(2, 2))[0]) in ([0, 1], [1, 0])


def test_global_random_state_is_not_used():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    pool = PairPool(2)
    for start in (0, 2, 4):
        pool.exchange(*pairs(start, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_three_tensors_stay_together():
    pool = PairPool(3, seed=2)
    for step in range(5):
        x = torch.arange(step * 2, step * 2 + 2.0).view(2, 1)
        a, b, c = pool.exchange(x, x + 10, x + 20)
        assert torch.equal(a + 10, b) and torch.equal(a + 20, c)


def test_size_zero_is_off():
    lq, gt = pairs(0, 4)
    out = PairPool(0).exchange(lq, gt)
    assert out[0] is lq and out[1] is gt


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match='pool size is -1'):
        PairPool(-1)
    with pytest.raises(ValueError, match='batch of 4 pairs for a pool of 3; accepted: a size from 4, or 0'):
        PairPool(3).exchange(*pairs(0, 4))
    with pytest.raises(ValueError, match='batch sizes are'):
        PairPool(4).exchange(torch.zeros(2, 1), torch.zeros(3, 1))
    pool = PairPool(4)
    pool.exchange(*pairs(0, 2))
    with pytest.raises(ValueError, match='accepted: the same shapes'):
        pool.exchange(torch.zeros(2, 3, 9, 9), torch.zeros(2, 3, 4, 4))
    with pytest.raises(ValueError, match='accepted: the same shapes'):
        pool.exchange(torch.zeros(2, 3, 2, 2))
    with pytest.raises(ValueError, match='state of a pool of 4 pairs; accepted: size 5'):
        PairPool(5).load_state_dict(pool.state_dict())


def test_what_is_held_can_be_looked_at():
    pool = PairPool(8)
    pool.exchange(*pairs(0, 3))
    assert numbers(pool.held(0)) == [0, 1, 2] and pool.held(-1).shape == (3, 3, 4, 4)
    with pytest.raises(IndexError):
        pool.held(2)
