"""Laying one picture on another."""
import numpy as np
import planted
import pytest

from effsr.curation.agreement import agreement, correlation, overlap

SAME = np.array([[1.0, 0, 0], [0, 1, 0]])


def gray(seed, height=160, width=160):
    return planted.picture(seed, height, width)[..., 1]


def test_correlation_by_hand():
    one = gray(1).astype(np.float32)
    assert correlation(one, 0.5 * one + 40) == pytest.approx(1)
    assert correlation(one, 255 - one) == pytest.approx(-1)
    assert abs(correlation(one, gray(2))) < 0.1


def test_what_is_outside_the_mask_counts_for_nothing():
    one = gray(1)
    two = one.copy()
    two[:80] = gray(2)[:80]
    mask = np.zeros(one.shape, bool)
    mask[80:] = True
    assert correlation(one, two, mask) == pytest.approx(1) and correlation(one, two) < 0.7
    assert correlation(one, two, np.zeros(one.shape, bool)) == 0


@pytest.mark.parametrize('one, two, expected', [(100, 101, 1), (100, 110, 0)])
def test_blank_pictures_are_the_same_by_their_brightness(one, two, expected):
    assert correlation(np.full((64, 64), one), np.full((64, 64), two)) == expected


def test_blank_and_not_blank_are_not_the_same():
    assert correlation(np.full((160, 160), 100), gray(1)) == 0


@pytest.mark.parametrize('matrix, expected', [
    (SAME, (1, 1)),
    ([[1, 0, 50], [0, 1, 0]], (0.5, 0.5)),
    ([[0.5, 0, 10], [0, 0.5, 10]], (1, 0.25)),
    ([[2, 0, 0], [0, 2, 0]], (0.25, 1)),
    ([[0, -1, 100], [1, 0, 0]], (1, 1)),
    ([[1, 0, 200], [0, 1, 0]], (0, 0)),
])
def test_overlap_by_hand(matrix, expected):
    assert overlap(np.array(matrix, np.float64), (100, 100), (100, 100)) == pytest.approx(expected)


def test_a_crop_lies_where_it_was_cut():
    whole = gray(3, 200, 220)
    crop = whole[30:130, 60:180]
    assert agreement(crop, whole, np.array([[1.0, 0, 60], [0, 1, 30]])) > 0.99
    assert agreement(whole, crop, np.array([[1.0, 0, -60], [0, 1, -30]])) > 0.99
    assert agreement(crop, whole, np.array([[1.0, 0, 40], [0, 1, 10]])) < 0.5
    assert agreement(crop, whole, np.array([[1.0, 0, 400], [0, 1, 0]])) == 0


def test_scale_and_turn():
    whole = gray(4, 200, 200)
    half = planted.scaled(whole, 0.5)
    assert agreement(half, whole, np.array([[2.0, 0, 0], [0, 2, 0]])) > 0.9
    # rot90 turns counter-clockwise: (x, y) of the turned picture shows (W - y, x) of the whole one.
    assert agreement(np.ascontiguousarray(np.rot90(whole)), whole, np.array([[0.0, -1, 200], [1, 0, 0]])) > 0.99
