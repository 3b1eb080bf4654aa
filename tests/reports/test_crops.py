import numpy as np
import pytest
from report_example import NAMES, ODD, drawn, results_of

from effsr.reports.crops import CropSearch, largest, window_errors, window_side


def test_window_errors_are_means_over_each_window():
    rng = np.random.default_rng(0)
    result, gt = rng.integers(0, 256, (2, 21, 30, 3), dtype=np.uint8)
    errors = window_errors(result, gt, 8)
    assert errors.shape == (7, 12)
    part = (slice(3 * 2, 3 * 2 + 8), slice(5 * 2, 5 * 2 + 8))
    assert errors[3, 5] == pytest.approx(np.mean((result[part].astype(float) - gt[part]) ** 2))


def test_pictures_without_room_are_refused():
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match='no smaller than a window'):
        window_errors(picture, picture, 9)
    with pytest.raises(ValueError, match='of one shape'):
        window_errors(picture, picture[:4], 2)


def test_windows_of_small_pictures_are_smaller():
    assert [window_side(*size) for size in ((500, 300), (96, 128), (5, 9), (1, 1))] == [64, 48, 2, 1]


def test_the_largest_do_not_overlap():
    values = np.zeros((20, 20))
    values[4, 4], values[5, 5], values[4, 8], values[12, 12] = 9, 8, 7, 1
    assert largest(values, side=16, count=9) == [(4, 4), (4, 8), (12, 12)]
    assert largest(np.zeros((3, 3)), 4, 2) == []


def test_the_search_finds_where_each_is_worse():
    search = CropSearch(NAMES)
    for number in range(3):
        gt = drawn(number)
        search.add(f'{number}', results_of(gt, number), gt)
    better, worse = search.found()['bicubic', 'small']
    assert better and worse
    assert all(crop.left + crop.side / 2 <= 80 and crop.first < crop.second for crop in better)  # the left half
    assert all(crop.left >= 48 and crop.first > crop.second for crop in worse)
    odd_worse = search.found()['bicubic', ODD][0]
    assert {(crop.left + crop.side > 96, crop.top + crop.side > 64) for crop in odd_worse} == {(True, True)}


def test_one_that_lacks_a_picture_is_left_out_there():
    gt = drawn(0)
    results = results_of(gt, 0)
    del results['small']
    search = CropSearch(NAMES)
    search.add('a', results, gt)
    assert search.found()['bicubic', 'small'] == ([], [])
    assert any(search.found()['bicubic', ODD])
