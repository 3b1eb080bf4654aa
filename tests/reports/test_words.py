import math

import pytest
from report_example import LPIPS, PSNR

from effsr.reports.words import change_words, count_words, metric_heading, milliseconds_words, significant, value_words


@pytest.mark.parametrize(('value', 'words'), [
    (28.4321, '28.43'), (None, '–'), (math.nan, '–'), (math.inf, '∞'), (-0.001, '0.00'), (-1.5, '−1.50')])
def test_values(value, words):
    assert value_words(value, PSNR) == words


def test_changes_have_a_sign():
    assert [change_words(value, LPIPS) for value in (0.01234, -0.01236, 0.0)] == ['+0.0123', '−0.0124', '+0.0000']


@pytest.mark.parametrize(('value', 'words'), [
    (None, '–'), (0, '0'), (999, '999'), (621_235, '621 k'), (999_700, '1.00 M'), (1.175e12, '1.18 T'),
    (14.3e9, '14.3 G')])
def test_counts(value, words):
    assert count_words(value) == words


def test_three_digits_that_mean_something():
    assert [significant(value) for value in (0.1052, 14.29, 1175.2)] == ['0.105', '14.3', '1175']
    assert milliseconds_words(0.01234) == '12.3'


def test_a_heading_tells_unit_and_direction():
    assert 'dB' in metric_heading(PSNR) and 'higher is better' in metric_heading(PSNR)
    assert 'lower is better' in metric_heading(LPIPS)
