"""What is drawn: from the seed alone, as often and as large as the settings say."""
from collections import Counter

import numpy as np
import pytest

from effsr.augmentation import Augmentation, AugmentSettings, describe, draw_augmentation, partner_of
from effsr.augmentation.draw import ORDERS, RGB

COUNT = 4000


def drawn(**settings):
    return [draw_augmentation(AugmentSettings(**settings), seed) for seed in range(COUNT)]


def test_nothing_by_default():
    assert all(one.is_nothing and not one.takes_partner for one in drawn()[:100])
    assert not AugmentSettings().active and not AugmentSettings().needs_partner


def test_as_often_as_the_settings_say():
    found = drawn(mixup=0.1, cutmix=0.2, cutblur=0.3, resizemix=0.15, rgb_permutation=0.5)
    kinds = Counter(one.mix for one in found)
    for kind, share in {'mixup': 0.1, 'cutmix': 0.2, 'cutblur': 0.3, 'resizemix': 0.15, 'none': 0.25}.items():
        assert kinds[kind] / COUNT == pytest.approx(share, abs=0.03), kind
    orders = Counter(one.order for one in found)
    assert set(orders) == set(ORDERS) and len(ORDERS) == 6
    assert 1 - orders[RGB] / COUNT == pytest.approx(0.5 * 5 / 6, abs=0.03)
    together = sum(one.order != RGB and one.mix != 'none' for one in found)
    assert together / COUNT == pytest.approx(0.75 * 0.5 * 5 / 6, abs=0.03)  # independent of each other


def test_amounts_follow_their_laws():
    """Moments by formula: Var Beta(a, a) = 1 / (4 (2a + 1)); the square of CutMix's side is 1 - Beta(1, 1), uniform."""
    shares = np.array([one.amount for one in drawn(mixup=1)])
    assert shares.mean() == pytest.approx(0.5, abs=0.02) and shares.var() == pytest.approx(1 / 13.6, abs=0.005)
    areas = np.array([one.amount for one in drawn(cutmix=1)]) ** 2
    assert np.quantile(areas, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.03)
    sides = np.array([one.amount for one in drawn(cutblur=1)])
    assert sides.mean() == pytest.approx(0.7, abs=0.002) and sides.std() == pytest.approx(0.01, abs=0.001)
    small = np.array([one.amount for one in drawn(resizemix=1)])
    assert 0.1 <= small.min() < 0.12 and 0.78 < small.max() <= 0.8 and small.mean() == pytest.approx(0.45, abs=0.02)
    own = np.array([one.amount for one in drawn(mixup=1, mixup_alpha=0.2)])
    assert own.var() == pytest.approx(1 / 5.6, abs=0.01)


def test_the_same_seed_the_same_draw_whatever_else_is_on():
    alone, beside = drawn(mixup=0.3), drawn(mixup=0.3, cutblur=0.4, rgb_permutation=1, resizemix_range=(0.5, 0.6))
    for one, other in zip(alone, beside, strict=True):
        if one.mix == 'mixup':
            assert one._replace(order=other.order) == other
    assert drawn(mixup=0.3) == alone


def test_partners_are_the_others_evenly():
    found = Counter(partner_of(one, 2, 5) for one in drawn(mixup=1))
    assert set(found) == {0, 1, 3, 4} and min(found.values()) > 0.2 * COUNT
    last = Augmentation('mixup', 0.5, 0.999999, 0.0, 0.0, True, RGB)
    assert partner_of(last, 2, 5) == 1 and partner_of(last._replace(partner=0.0), 4, 5) == 0
    assert partner_of(last, 0, 1) == 0


@pytest.mark.parametrize(('changes', 'words'), [
    ({}, ''), ({'mix': 'mixup', 'amount': 0.7}, 'mixup: 30% of b.png'),
    ({'mix': 'cutmix', 'amount': 0.4}, 'cutmix: 40% of the side from b.png'),
    ({'mix': 'cutblur', 'amount': 0.7, 'inside': False}, 'cutblur: lq is gt outside of 70% of the side'),
    ({'mix': 'resizemix', 'amount': 0.25, 'order': (2, 1, 0)}, 'resizemix: b.png at 25%, channels BGR')])
def test_words(changes, words):
    assert describe(Augmentation('none', 0.0, 0.0, 0.0, 0.0, True, RGB)._replace(**changes), 'b.png') == words


@pytest.mark.parametrize(('changes', 'message'), [
    ({'mixup': 1.5}, 'mixup is 1.5; accepted: 0 to 1'), ({'rgb_permutation': -0.1}, 'rgb_permutation is -0.1'),
    ({'mixup': 0.6, 'cutblur': 0.7}, 'mixup, cutmix, cutblur, resizemix add up to 1.3; accepted: 1 in all'),
    ({'resizemix_range': (0.8, 0.1)}, r'resizemix_range is \[0.8, 0.1\]; accepted: \[low, high\] with 0 < low'),
    ({'mixup_alpha': 0}, 'mixup_alpha is 0.0; accepted: 0.01 to 100'), ({'cutblur_side': 1}, 'accepted: 0.05 to 0.95'),
    ({'blend': 0.1}, 'blend')])
def test_settings_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        AugmentSettings(**changes)


def test_probabilities_may_add_up_to_one():
    assert AugmentSettings(mixup=0.1, cutmix=0.2, cutblur=0.7).active
    assert AugmentSettings(cutblur=1, rgb_permutation=1).needs_partner is False
