from dataclasses import replace
from html import escape

import pytest
from report_example import LPIPS, ODD, PSNR, REASON, example

from effsr.reports.quality import best_names, quality_tables


@pytest.fixture
def evaluation(tmp_path):
    return example(tmp_path)


def test_a_table_for_each_set_with_what_can_be_told(evaluation):
    html = quality_tables(evaluation)
    assert html.count('<table') == 2 and html.count('<tr>') == 2 + 2 * 3
    assert 'no significant difference' in html and 'too few pictures to say' in html
    assert '+0.12 <span class="interval">[−0.20, 0.40]' in html
    assert '3,000' in html and '621 k' in html and '3 pictures, ×4, border 4 px' in html


def test_names_are_escaped(evaluation):
    html = quality_tables(evaluation)
    assert ODD not in html and '<b>' not in html and escape(ODD) in html


def test_empty_cells_lead_to_their_reason(evaluation):
    html = quality_tables(evaluation)
    assert html.count('href="#reason-1"') == 3  # one a contestant
    assert f'<li id="reason-1" value="1">{escape(REASON)}</li>' in html
    assert 'value="2"' not in html  # the columns of a set without truth are left out, not empty


def test_the_best_is_strong_by_what_is_printed(evaluation):
    assert best_names(evaluation, 'Drawn', PSNR) == {ODD}
    assert quality_tables(evaluation).count('<strong') == 3  # PSNR once, NIQE in both sets
    assert best_names(evaluation, 'Drawn', LPIPS) == set()
    means = {'a': {'psnr_rgb': 30.001}, 'b': {'psnr_rgb': 30.004}, 'c': {'psnr_rgb': 29.0}}
    tied = replace(evaluation, whole={'Drawn': means})
    assert best_names(tied, 'Drawn', PSNR) == {'a', 'b'}
    alone = replace(evaluation, whole={'Drawn': {'a': {'psnr_rgb': 30.0}, 'b': {'psnr_rgb': None}}})
    assert best_names(alone, 'Drawn', PSNR) == set()
