"""Intervals of differences."""
import numpy as np
import pytest

from effsr.evaluation.bootstrap import paired_difference


def test_a_plain_difference():
    one = paired_difference([2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0])
    assert (one.mean, one.low, one.high, one.pictures, one.significant) == (1.0, 1.0, 1.0, 4, True)


def test_none():
    assert paired_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).significant is False
    assert paired_difference([1.0, 3.0, 2.0, 2.0], [2.0, 2.0, 1.0, 3.0]).significant is False


def test_the_interval_is_that_of_the_mean():
    """For many pictures the bootstrap agrees with the normal interval, mean +- 1.96 s / sqrt(n)."""
    each = np.random.default_rng(1).normal(0.3, 1.0, 400)
    one = paired_difference(each + 5, np.full(400, 5.0))
    half = 1.96 * each.std() / 20
    assert one.mean == pytest.approx(each.mean()) and one.significant
    assert (one.low, one.high) == pytest.approx((each.mean() - half, each.mean() + half), abs=0.01)
    assert one == paired_difference(each + 5, np.full(400, 5.0))


def test_all_draws_of_three():
    """Of 27 equally likely draws of (0, 0, 1) one in 27, above 2.5 percent, has mean 1, and 8 have mean 0."""
    one = paired_difference([0.0, 0.0, 1.0], [0.0, 0.0, 0.0])
    assert (one.low, one.high, one.significant) == (0.0, 1.0, False)


@pytest.mark.parametrize('count', [1, 2])
def test_too_few_for_an_interval(count):
    one = paired_difference([2.0] * count, [1.0] * count)
    assert (one.mean, one.low, one.high, one.significant) == (1.0, 1.0, 1.0, None)


def test_refused():
    with pytest.raises(ValueError, match='1 values and 2 of the baseline'):
        paired_difference([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match='not finite'):
        paired_difference([np.inf, 1.0], [1.0, 2.0])
