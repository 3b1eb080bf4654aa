"""Looking for copies among many pictures: nothing is lost between the parts that are compared at a time."""
from pathlib import Path

import numpy as np
import pytest

from effsr.curation.hashing import perceptual_hash, transformed
from effsr.curation.near import find_near
from effsr.curation.sketch import Sketch


def sketch(number, small):
    return Sketch(Path(f'{number}.png'), (64, 64), 100, bytes([number]), small, perceptual_hash(small), None, None)


@pytest.mark.parametrize(('block', 'wide'), [(512, 8192), (3, 2), (2, 5), (1, 1)])
def test_pairs_across_parts(monkeypatch, block, wide):
    monkeypatch.setattr('effsr.curation.near.BLOCK', block)
    monkeypatch.setattr('effsr.curation.near.WIDE', wide)
    rng = np.random.default_rng(0)
    smalls = [rng.integers(0, 256, (64, 64), dtype=np.uint8) for _ in range(9)]
    smalls[4], smalls[8] = transformed(smalls[0], 1), transformed(smalls[3], 6)
    smalls[7] = smalls[6]
    sketches = [sketch(number, small) for number, small in enumerate(smalls)]
    assert [(near.one, near.two) for near in find_near(sketches, 9, 1)] == [(0, 4), (3, 8), (6, 7)]
    # The last three are held out: not compared among each other.
    assert [(near.one, near.two) for near in find_near(sketches, 6, 1)] == [(0, 4), (3, 8)]
