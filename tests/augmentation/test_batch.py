"""A batch: each sample by its seed, partners as they came, nothing else touched."""
import random

import numpy as np
import pytest
import torch

from effsr.augmentation import AugmentSettings, augment_batch, augment_images, draw_augmentation, partner_of
from effsr.augmentation.mixing import box_inside, cutblur, mixup, permute_rgb

ALL = AugmentSettings(mixup=0.2, cutmix=0.2, cutblur=0.2, resizemix=0.2, rgb_permutation=0.3)
COUNT = 24
SEEDS = list(range(100, 100 + COUNT))


def batch(count=COUNT, side=8, scale=4):
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(count, 3, side, side, generator=generator),
            torch.rand(count, 3, side * scale, side * scale, generator=generator))


def test_shapes_range_and_what_is_given_stays():
    lq, gt = batch()
    before = lq.clone(), gt.clone()
    new_lq, new_gt = augment_batch(lq, gt, ALL, SEEDS)
    assert new_lq.shape == lq.shape and new_gt.shape == gt.shape and new_lq.dtype == torch.float32
    assert torch.equal(lq, before[0]) and torch.equal(gt, before[1])
    for image in (new_lq, new_gt):
        assert image.min() >= 0 and image.max() <= 1
    kinds = {draw_augmentation(ALL, seed).mix for seed in SEEDS}
    assert kinds == {'mixup', 'cutmix', 'cutblur', 'resizemix', 'none'}


def test_off_is_the_same_tensor():
    lq, gt = batch()
    result = augment_batch(lq, gt, AugmentSettings(), SEEDS)
    assert result[0] is lq and result[1] is gt


def test_each_sample_is_what_was_drawn_for_it():
    lq, gt = batch()
    settings = AugmentSettings(mixup=0.5, cutblur=0.5, rgb_permutation=0.5)
    new_lq, new_gt = augment_batch(lq, gt, settings, SEEDS)
    for place, seed in enumerate(SEEDS):
        one = draw_augmentation(settings, seed)
        expected = lq[place], gt[place]
        if one.mix == 'mixup':
            other = partner_of(one, place, len(SEEDS))
            assert other != place
            expected = mixup(expected, (lq[other], gt[other]), one.amount)
        else:
            expected = cutblur(expected, box_inside(8, 8, one.amount, one.top, one.left), one.inside)
        expected = permute_rgb(expected, one.order)
        assert torch.equal(new_lq[place], expected[0]) and torch.equal(new_gt[place], expected[1])


def test_lq_stays_gt_made_small_where_it_was():
    """Where pairs are plain means over squares, mixup, cutmix and permutation keep them so."""
    gt = batch()[1]
    lq = torch.nn.functional.avg_pool2d(gt, 4)
    for changes in ({'mixup': 1}, {'cutmix': 1}, {'rgb_permutation': 1}):
        new_lq, new_gt = augment_batch(lq, gt, AugmentSettings(**changes), SEEDS)
        torch.testing.assert_close(new_lq, torch.nn.functional.avg_pool2d(new_gt, 4))
        assert not torch.equal(new_lq, lq)


def test_nothing_of_the_global_random_state():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first = augment_batch(*batch(), ALL, SEEDS)
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert all(torch.equal(a, b) for a, b in zip(first, augment_batch(*batch(), ALL, SEEDS), strict=True))
    assert not torch.equal(first[0], augment_batch(*batch(), ALL, [seed + 50 for seed in SEEDS])[0])


def test_a_further_target_is_mixed_as_gt_is():
    lq, gt = batch()
    new_lq, new_gt, new_sharp = augment_images((lq, gt, gt), ALL, SEEDS, clean=2)
    assert torch.equal(new_gt, new_sharp) and torch.equal(new_lq, augment_batch(lq, gt, ALL, SEEDS)[0])


def test_alone_in_a_batch():
    lq, gt = batch(1)
    for settings in (AugmentSettings(mixup=1), AugmentSettings(cutmix=1)):
        for new, old in zip(augment_batch(lq, gt, settings, [3]), (lq, gt), strict=True):
            torch.testing.assert_close(new, old)
    assert augment_batch(lq, gt, AugmentSettings(resizemix=1), [3])[0].shape == lq.shape


@pytest.mark.parametrize(('lq', 'gt', 'seeds', 'message'), [
    ((2, 3, 4, 4), (2, 3, 16, 16), [1], '1 seeds for a batch of 2; accepted: one for each sample'),
    ((2, 3, 4, 4), (2, 3, 16, 12), [1, 2], r'gt is \(2, 3, 16, 12\), lq \(2, 3, 4, 4\); accepted: a gt whose sides'),
    ((2, 3, 4, 4), (2, 3, 18, 18), [1, 2], 'accepted: a gt whose sides are those of lq times a whole number'),
    ((3, 4, 4), (3, 16, 16), [1, 2, 3], r'lq is \(3, 4, 4\); accepted: \(B, 3, h, w\)'),
    ((2, 1, 4, 4), (2, 1, 16, 16), [1, 2], r'lq is \(2, 1, 4, 4\)')])
def test_what_is_refused(lq, gt, seeds, message):
    with pytest.raises(ValueError, match=message):
        augment_batch(torch.zeros(lq), torch.zeros(gt), ALL, seeds)
