"""Turns and medians, with a clock that tells what it is told."""
import pytest

from effsr.benchmarks.interleave import Spread, interleave, mean_ratio, ratio, spread


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_contenders_take_turns_and_the_first_round_is_dropped():
    clock, order = FakeClock(), []

    def run(name, seconds):
        def timed(number):
            order.append((name, number))
            start = clock()
            clock.now += seconds * (100 if number == 0 else number)
            return clock() - start
        return timed

    measured = interleave({'a': run('a', 1), 'b': run('b', 2)}, 4)
    assert order == [(name, number) for number in range(4) for name in 'ab']
    assert measured == {'a': [1, 2, 3], 'b': [2, 4, 6]}
    assert spread(measured['a']) == Spread(2, 1, 3)


def test_one_round_would_leave_nothing():
    with pytest.raises(ValueError, match='1 rounds; accepted: 2 or more'):
        interleave({'a': lambda number: number}, 1)


def test_an_outlier_does_not_move_the_median():
    assert spread([3, 1, 1000, 2]) == Spread(2.5, 1, 1000)


def test_a_slow_round_counts_for_both():
    assert ratio([4, 600, 10], [2, 200, 4]) == Spread(2.5, 2, 3)


def test_ratio_of_means_by_hand():
    value = mean_ratio([2, 6], [1, 1])
    assert value == Spread(4, 2, 6)
    assert mean_ratio([4] * 9, [2] * 9) == Spread(2, 2, 2)
    many = mean_ratio([1, 2, 3] * 20, [1] * 60)
    assert many.median == 2 and 1.8 < many.low < 2 < many.high < 2.2
