"""Which of several to keep."""
from pathlib import Path

import numpy as np

from effsr.curation.keepers import choose_keepers
from effsr.curation.near import Near
from effsr.curation.sketch import Sketch


def sketch(side, size=100):
    return Sketch(Path('x'), (side, side), size, b'', np.zeros((64, 64)), np.ones(255), None, None)


def near(one, two, first=1.0, second=1.0):
    return Near(one, two, 'part', (first, second), None, 0.9)


def left_out(sides, pairs, count=None, least=0.5, sizes=None):
    sketches = [sketch(side, size) for side, size in zip(sides, sizes or [100] * len(sides), strict=True)]
    return {n: entry.by for n, entry in choose_keepers(sketches, count or len(sides), pairs, least).items()}


def test_the_largest_is_kept_then_the_most_bytes_then_the_first():
    assert left_out([10, 20], [near(0, 1)]) == {0: 1}
    assert left_out([20, 20], [near(0, 1)], sizes=[100, 200]) == {0: 1}
    assert left_out([20, 20], [near(0, 1)]) == {1: 0}


def test_a_chain_keeps_both_ends():
    """1 shows 0 and shows 2; 0 and 2 show nothing of each other."""
    assert left_out([10, 9, 10], [near(0, 1), near(1, 2)]) == {1: 0}
    assert left_out([9, 10, 9], [near(0, 1), near(1, 2)]) == {0: 1, 2: 1}


def test_the_share_is_that_of_the_one_left_out():
    """The small one is a quarter of the large one's area, and wholly in it."""
    assert left_out([20, 10], [near(0, 1, 0.25, 1.0)]) == {1: 0}
    assert left_out([20, 10], [near(0, 1, 0.1, 0.4)]) == {}
    assert left_out([20, 10], [near(0, 1, 0.1, 0.4)], least=0.4) == {1: 0}


def test_any_part_of_a_held_out_picture_counts_and_that_one_is_never_left_out():
    assert left_out([20, 10], [near(0, 1, 0.01, 0.05)], count=1) == {0: 1}
    # Both show the held-out one; neither stands for the other.
    assert left_out([20, 20, 5], [near(0, 1), near(0, 2), near(1, 2)], count=2) == {0: 2, 1: 2}
