"""Local features, and the index of their keys."""
import numpy as np
import planted
import pytest

from effsr.curation.features import CELLS, COUNT, TABLE_BITS, TABLES, directions, find_features, keys, place
from effsr.curation.key_index import CROWD, KeyIndex


def gray(seed, height=240, width=240):
    return planted.picture(seed, height, width)[..., 1]


def test_shapes_and_a_blank_picture():
    found = find_features(gray(1))
    assert found.points.shape[1:] == (2,) and found.descriptors.shape == (len(found.points), 128)
    assert found.descriptors.dtype == np.uint8 and 50 < len(found.points) <= COUNT
    own = keys(found.descriptors)
    assert own.shape == (len(found.points), TABLES) and own.min() >= 0 and own.max() < 2**TABLE_BITS
    blank = find_features(np.full((90, 80), 99, np.uint8))
    assert len(blank.points) == 0 and keys(blank.descriptors).shape == (0, TABLES)
    assert place(blank, found) == (None, 0)


def test_features_are_spread_over_the_picture():
    """One corner has all the contrast; a crop of the rest must have features, too."""
    whole = gray(5, 900, 900)
    one = 128 + (whole.astype(np.float32) - 128) * 0.7
    one[:300, :300] = whole[:300, :300]
    points = find_features(one.round().astype(np.uint8)).points
    cells = np.floor(points / (900 / CELLS)).astype(int)
    assert len(points) == COUNT and len(np.unique(cells, axis=0)) == CELLS**2
    assert ((points < 300).all(axis=1)).mean() < 0.3


def test_mirrored_features_are_those_of_the_mirrored_picture():
    one = gray(2)
    mirrored, there = find_features(one).mirrored(240), find_features(np.ascontiguousarray(one[:, ::-1]))
    cosines = directions(mirrored.descriptors) @ directions(there.descriptors).T
    assert np.median(cosines.max(axis=1)) > 0.999
    nearest = there.points[cosines.argmax(axis=1)]
    assert np.median(np.abs(nearest - mirrored.points)) < 0.1


@pytest.mark.parametrize('change, expected', [
    (lambda rgb: rgb, [[1, 0, 0], [0, 1, 0]]),
    (lambda rgb: rgb[40:200, 30:190], [[1, 0, 30], [0, 1, 40]]),
    (np.rot90, [[0, -1, 240], [1, 0, 0]]),
    (lambda rgb: planted.scaled(rgb, 0.5), [[2, 0, 0], [0, 2, 0]]),
])
def test_a_changed_picture_is_placed_on_the_first(change, expected):
    whole = gray(3)
    matrix, places = place(find_features(np.ascontiguousarray(change(whole))), find_features(whole))
    assert places > 15 and matrix == pytest.approx(np.array(expected), abs=0.5)
    assert place(find_features(gray(4)), find_features(whole))[1] < 6


def test_votes_by_hand():
    index = KeyIndex([np.array([[1, 7], [2, 7]]), np.array([[1, 8]]), np.zeros((0, 2), int)])
    # Key 1 of the first table is of one feature of each picture, 7 of the second of two of the first's.
    assert index.votes(np.array([[1, 7]])).tolist() == [0.5 + 1.0, 0.5, 0.0]
    assert index.votes(np.array([[9, 9]])).tolist() == [0, 0, 0]


def test_a_crowd_says_nothing():
    index = KeyIndex([np.zeros((CROWD, 1), int), np.zeros((1, 1), int)])
    assert index.votes(np.array([[0]])).tolist() == [0, 0]
