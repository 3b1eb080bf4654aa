import numpy as np
import pytest
import torch
from scipy import stats

from effsr.degradations.poisson import LEVELS, _masses, alias_table, poisson_deviation


def numbers(level: int, exponent: int, count: int) -> np.ndarray:
    """Counts of one rate."""
    draws = torch.empty(1, count, dtype=torch.int32).random_(generator=torch.Generator().manual_seed(level))
    levels = torch.full((1, count), level, dtype=torch.uint8)
    noise = poisson_deviation(levels, torch.tensor([exponent]), draws, torch.float64)[0]
    counts = (noise + level / 255) * 2**exponent
    assert (counts - counts.round()).abs().max() < 1e-9
    return counts.round().long().numpy()


def test_alias_table_by_hand():
    share, other = alias_table(np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]))
    mass = share / 3
    for row in range(3):
        np.add.at(mass[row], other[row], (1 - share[row]) / 3)
    np.testing.assert_allclose(mass, [[0.5, 0.25, 0.25], [1, 0, 0], [0.2, 0.3, 0.5]], atol=1e-15)


@pytest.mark.parametrize('exponent', range(9))
def test_tables_hold_the_law(exponent):
    """Against scipy's probabilities, for all 256 rates; what lies outside a row is nothing."""
    start, mass = _masses(2**exponent)
    share, other = alias_table(mass)
    held = share / mass.shape[1]
    np.add.at(held, (np.arange(LEVELS)[:, None], other), (1 - share) / mass.shape[1])
    count = start[:, None] + np.arange(mass.shape[1])
    expected = stats.poisson.pmf(count, np.arange(LEVELS)[:, None] / 255 * 2**exponent)
    np.testing.assert_allclose(held, expected, atol=1e-12)
    assert expected.sum(axis=1).min() > 1 - 1e-10


@pytest.mark.parametrize(('level', 'exponent'), [(1, 0), (255, 0), (3, 5), (1, 8), (5, 8), (20, 8), (128, 8), (255, 8)])
def test_numbers_follow_the_law(level, exponent):
    counts = numbers(level, exponent, 200_000)
    rate = level / 255 * 2**exponent
    edges = np.unique(stats.poisson.ppf(np.linspace(0.001, 0.999, 30), rate))
    seen = np.bincount(np.searchsorted(edges, counts), minlength=len(edges) + 1)
    below = np.concatenate([[0], stats.poisson.cdf(edges, rate), [1]])
    assert stats.chisquare(seen, np.diff(below) * len(counts)).pvalue > 1e-4


def test_neighbours_do_not_go_together():
    counts = numbers(100, 8, 200_000)
    assert abs(np.corrcoef(counts[:-1], counts[1:])[0, 1]) < 0.01


def test_each_image_has_its_own_photon_count():
    draws = torch.empty(2, 50_000, dtype=torch.int32).random_(generator=torch.Generator().manual_seed(0))
    noise = poisson_deviation(torch.full((2, 50_000), 255, dtype=torch.uint8), torch.tensor([0, 8]), draws,
                              torch.float32)
    np.testing.assert_allclose(noise.var(1), [1, 1 / 256], rtol=0.05)
