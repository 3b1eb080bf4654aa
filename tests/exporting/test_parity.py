"""The parity gate, by hand."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from effsr.benchmarks.interleave import Spread
from effsr.exporting.parity import LIMITS, Limits, Parity, compare, judge


@dataclass
class Nearest:
    """An engine that repeats pixels, and adds something."""

    more: float = 0.0
    name: str = 'nearest'
    scale: int = 2
    multiple: int = 2
    halo: int = 0
    fixed_batch: None = None

    def __call__(self, tiles):
        assert not tiles.shape[2] % 2
        assert not tiles.shape[3] % 2
        return F.interpolate(tiles, scale_factor=2, mode='nearest') + self.more


def test_differences_and_psnr_by_hand(monkeypatch):
    monkeypatch.setattr('effsr.exporting.parity.AT_LEAST', 0.0)
    picture = torch.full((1, 3, 5, 7), 0.5)
    truth = np.full((10, 14, 3), 128, np.uint8)
    found = compare(Nearest(), Nearest(10 / 255), [picture], [(picture, truth)])
    assert found.largest == pytest.approx(10 / 255, abs=1e-6)
    assert found.mean == pytest.approx(10 / 255, abs=1e-6)
    assert (found.pictures, found.pairs, found.size) == (1, 1, (5, 7))
    assert found.psnr[0] == float('inf')
    # Grey 138 beside 128 is 10 * 219 / 255 of luma.
    assert found.psnr[1] == pytest.approx(20 * np.log10(255 / (10 * 219 / 255)), abs=1e-6)
    assert found.speed.median > 0


def test_nan_is_never_lost(monkeypatch):
    monkeypatch.setattr('effsr.exporting.parity.AT_LEAST', 0.0)
    picture = torch.full((1, 3, 4, 4), 0.5)
    found = compare(Nearest(), Nearest(), [picture, torch.full((1, 3, 4, 4), torch.nan), picture], [])
    assert 'nan' in judge(found, LIMITS['fp32'])


def parity(largest=0.0, mean=0.0, psnr=None):
    return Parity(1, largest, mean, 0, psnr, Spread(1, 1, 1), (1, 1))


@pytest.mark.parametrize(('found', 'limits', 'words'), [
    (parity(), LIMITS['fp32'], ''), (parity(1e-3), LIMITS['fp32'], 'largest difference'),
    (parity(0.5), LIMITS['int8'], ''), (parity(0.5, 0.1), LIMITS['int8'], 'mean difference'),
    (parity(psnr=(float('inf'), float('inf'))), LIMITS['fp32'], ''),
    (parity(psnr=(30, 29.6)), LIMITS['int8'], ''), (parity(psnr=(30, 29.4)), LIMITS['int8'], '0.600 dB'),
    (parity(float('nan')), LIMITS['fp32'], 'nan'), (parity(psnr=(30, float('nan'))), Limits(1, None, 9), 'nan')])
def test_judgement(found, limits, words):
    assert (words in judge(found, limits)) if words else judge(found, limits) == ''
