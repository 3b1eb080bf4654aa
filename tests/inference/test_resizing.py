"""Resizing by bands equals resizing the whole."""
import numpy as np
import pytest

from effsr.data.imresize import imresize
from effsr.inference.resizing import ResizedPlane, RowResizer

TARGETS = [(12, 17), (60, 81), (61, 80), (300, 100), (1, 1), (59, 400)]


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('rows', [1, 7, 60])
def test_bands_equal_the_whole(target, rows):
    picture = np.random.default_rng(0).random((60, 81, 3), np.float32)
    resizer = RowResizer((60, 81), target)
    bands = [resizer.push(picture[top:top + rows]) for top in range(0, 60, rows)]
    assert all(band.shape[1:] == (target[1], 3) and band.dtype == np.float32 for band in bands)
    np.testing.assert_allclose(np.concatenate(bands), imresize(picture, size=target), atol=1e-6)


def test_rows_come_as_soon_as_they_can_and_no_more_are_kept():
    resizer, picture = RowResizer((400, 8), (200, 8)), np.ones((400, 8, 1), np.float32)
    ready, kept = [], []
    for top in range(0, 400, 10):
        ready.append(len(resizer.push(picture[top:top + 10])))
        kept.append(len(resizer.kept))
    assert sum(ready) == 200 and min(ready[1:]) >= 4
    assert max(kept) <= 20


@pytest.mark.parametrize('target', TARGETS)
def test_a_plane_by_as_many_rows_as_are_asked_for(target):
    plane = np.random.default_rng(0).integers(0, 65536, (60, 81, 1)).astype(np.uint16)
    resized, rows, left = ResizedPlane(plane, target), [], target[0]
    for count in (1, 3, 50, 1000):
        rows.append(resized.take(min(count, left)))
        left -= len(rows[-1])
    np.testing.assert_allclose(np.concatenate(rows), imresize(plane.astype(np.float32), size=target), atol=0.05)
