"""Colours under clear pixels."""
import numpy as np
import pytest

from effsr.inference.clear import fill_clear


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_nearest_seen_colour(dtype):
    top = np.iinfo(dtype).max
    pixels = np.zeros((1, 7, 2), dtype)
    pixels[0, :, 0] = [9, 1, 9, 9, 9, 2, 9]
    pixels[0, [1, 5], 1] = top
    pixels[0, 4] = (3, top // 2)
    assert fill_clear(pixels)[0, :, 0].tolist() == [1, 1, 1, 3, 3, 2, 2]
    assert (fill_clear(pixels)[..., 1] == pixels[..., 1]).all() and pixels[0, 0, 0] == 9


def test_against_distances_worked_out():
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(0, 256, (20, 30, 4), np.uint8)
    pixels[..., 3] = np.where(drawn.random((20, 30)) < 0.1, 255, 0)
    seen = np.argwhere(pixels[..., 3])
    filled = fill_clear(pixels)
    off = 0
    for row, column in np.ndindex(20, 30):
        distance = np.hypot(*(seen - (row, column)).T)
        near = {tuple(pixels[tuple(place)][:3]) for place in seen[distance <= distance.min() + 0.3]}
        off += tuple(filled[row, column, :3]) not in near
    assert off == 0


def test_nothing_to_do():
    for pixels in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8), np.full((4, 4, 2), 255, np.uint8)):
        assert fill_clear(pixels) is pixels
