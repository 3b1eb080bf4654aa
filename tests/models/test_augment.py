"""Augmentation of training pairs: last, by each sample's seed, in all three ways that pairs come."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch

from effsr.augmentation import AugmentSettings, augment_batch, augment_images, draw_augmentation
from effsr.models.pairs import PairSource
from effsr.options import validate

CPU = torch.device('cpu')
ALL = {'mixup': 0.2, 'cutmix': 0.2, 'cutblur': 0.3, 'resizemix': 0.2, 'rgb_permutation': 0.5}
SETTINGS = AugmentSettings(**ALL)


@pytest.fixture
def source(plain_options):
    def make(sharpen=False, augment=None, **changes):
        train = {'augment': ALL if augment is None else augment}
        return PairSource(validate(plain_options({'datasets': ..., 'train': train, **changes})), CPU, sharpen)
    return make


def batch(count=8, seed=0):
    gt = torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(seed))
    return {'gt': gt, 'seed': torch.arange(count) + 100 * seed}


def test_pairs_are_those_of_the_degradation_augmented(source):
    plain = source(augment={})(batch())
    pairs = source()(batch())
    lq, gt = augment_batch(plain.lq, plain.gt, SETTINGS, list(range(8)))
    assert torch.equal(pairs.lq, lq) and torch.equal(pairs.gt, gt) and torch.equal(pairs.seeds, plain.seeds)
    assert pairs.gt_usm is pairs.gt and not torch.equal(lq, plain.lq) and not torch.equal(gt, plain.gt)


def test_sharpened_gt_goes_along_and_cutblur_shows_what_was_degraded(source):
    seeds = list(range(100, 108))
    assert 'cutblur' in [draw_augmentation(SETTINGS, seed).mix for seed in seeds]
    plain, pairs = (source(True, augment)(batch(seed=1)) for augment in ({}, None))
    expected = augment_images(plain[:3], SETTINGS, seeds, clean=2)
    assert all(torch.equal(a, b) for a, b in zip(pairs[:3], expected, strict=True))
    given = {**batch(seed=1), 'lq': torch.rand(8, 3, 12, 12)}
    high = {'high_order_degradation': False}
    plain, pairs = (source(True, augment, **high)(given) for augment in ({}, None))
    expected = augment_images(plain[:3], SETTINGS, seeds, clean=1)  # degraded from gt as it is
    assert all(torch.equal(a, b) for a, b in zip(pairs[:3], expected, strict=True))


def test_after_the_pool_which_holds_what_was_not_augmented(source):
    pooled, plain = source(queue_size=16), source(augment={}, queue_size=16)
    for number in range(6):
        pairs, expected = pooled(batch(seed=number)), plain(batch(seed=number))
        lq, _ = augment_batch(expected.lq, expected.gt, SETTINGS, expected.seeds.tolist())
        assert torch.equal(pairs.lq, lq) and torch.equal(pairs.seeds, expected.seeds)
    assert torch.equal(pooled.pool.held(0), plain.pool.held(0))


def test_given_pairs_without_seeds_are_augmented_anew_each_time(source):
    data = {'lq': torch.rand(8, 3, 8, 8), 'gt': torch.rand(8, 3, 16, 16), 'gt_path': list('abcdefgh')}
    maker, again = (source(high_order_degradation=False) for _ in range(2))
    first, second = maker(data), maker(data)
    assert not torch.equal(first.lq, second.lq) and torch.equal(first.seeds, second.seeds)
    again.load_state_dict({'spare_seeds': source().spare_seeds.bit_generator.state})
    assert torch.equal(again(data).lq, first.lq) and torch.equal(again(data).lq, second.lq)


def test_taking_up_the_state_gives_the_same_pairs(source):
    """The pool, its order and seeds that were drawn: all that augmentation follows from."""
    maker, again = source(queue_size=16), source(queue_size=16)
    unseeded = {'gt': batch()['gt']}
    for number in range(5):
        maker(batch(seed=number) if number % 2 else unseeded)
    again.load_state_dict(maker.state_dict())
    again.load_pool_state_dict(maker.pool_state_dict())
    for number in range(5, 9):
        data = batch(seed=number) if number % 2 else unseeded
        assert all(torch.equal(a, b) for a, b in zip(maker(data), again(data), strict=True))


def test_without_a_train_section_nothing_is_augmented(plain_options):
    maker = PairSource(validate(plain_options({'datasets': ..., 'train': ...})), CPU, False)
    assert not maker.augment.active


def test_where_nothing_mixes_a_sample_keeps_its_bits(source):
    """A seed that draws nothing, whatever its neighbours draw."""
    plain, pairs = source(augment={})(batch()), source()(batch())
    still = [seed for seed in range(8) if draw_augmentation(SETTINGS, seed).is_nothing]
    changed = [seed for seed in range(8) if seed not in still]
    assert changed and all(torch.equal(plain.lq[i], pairs.lq[i]) for i in still)
    assert all(not torch.equal(plain.lq[i], pairs.lq[i]) for i in changed)
