import json
import math
import re
from dataclasses import replace

import pytest
from report_example import NAMES, ODD, costs, example

from effsr.reports.content import as_script, decibels
from effsr.reports.page import NO_COSTS, write_report


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


@pytest.fixture(scope='module')
def evaluation(tmp_path_factory):
    return example(tmp_path_factory.mktemp('pictures'))


@pytest.fixture(scope='module')
def html(evaluation, tmp_path_factory):
    page = write_report(evaluation, costs(), tmp_path_factory.mktemp('report') / 'made')
    assert page.name == 'index.html'
    return page.read_text(encoding='utf-8')


def test_the_page_is_whole_and_asks_for_nothing(html):
    assert html.startswith('<!doctype html>') and html.rstrip().endswith('</html>')
    assert not re.search(r'(?:src|href)="(?!#|data:,")', html) and '@import' not in html and 'http://' not in html
    assert "default-src 'none'" in html
    for left in ('<!-- title -->', '<!-- tables -->', '<!-- pictures -->', '/* script */'):
        assert left not in html


def test_costs_say_what_they_were_measured_on(evaluation, tmp_path):
    page = write_report(evaluation, costs(), tmp_path, measured='one picture of <256> x 256').read_text('utf-8')
    line = page.index('one picture of &lt;256&gt; x 256')
    assert page.index('aria-label="Costs"') < line < page.index('id="pictures"')


def test_odd_names_stay_names(html):
    assert ODD not in html
    assert html.count('</script>') == html.count('<script')
    assert data_of(html)['names'][2] == ODD


def test_the_data_hold_all_pictures_and_values(html, evaluation):
    data = data_of(html)
    assert data['names'] == list(NAMES) and data['baseline'] == 0
    drawn, real = data['sets']
    assert [len(drawn['pictures']), len(real['pictures'])] == [3, 1]
    assert real['pictures'][0]['pictures'][4] is None  # no truth
    assert not any(crops for pair in real['crops'] for crops in pair['better'])
    first = drawn['pictures'][0]
    assert (first['width'], first['height']) == (128, 96)
    assert first['values'][1] == [evaluation.values['Drawn']['small']['psnr_rgb'][0], None, 3.5]
    assert len(re.findall('id="picture-', html)) == 3 * 5 + 4
    assert all(crop[4] > crop[5] for crop in drawn['crops'][0]['better'][0])


def test_a_page_that_is_full_says_so(evaluation, tmp_path):
    html = write_report(evaluation, None, tmp_path, most=1).read_text(encoding='utf-8')
    assert '1 picture of 4 can be looked at here' in html and NO_COSTS in html
    assert [len(one['pictures']) for one in data_of(html)['sets']] == [1, 0]


def test_one_who_failed_on_a_picture_is_told(evaluation, tmp_path):
    files = {name: {picture: dict(by) for picture, by in pictures.items()}
             for name, pictures in evaluation.pictures.items()}
    del files['Drawn']['picture 1']['small']
    lacking = replace(evaluation, pictures=files)
    data = data_of(write_report(lacking, None, tmp_path).read_text(encoding='utf-8'))
    assert data['sets'][0]['pictures'][1]['pictures'][1] is None
    del files['Drawn']['picture 2']
    data = data_of(write_report(lacking, None, tmp_path).read_text(encoding='utf-8'))
    assert [one['name'] for one in data['sets'][0]['pictures']] == ['picture 0', 'picture 1']


def test_a_picture_that_is_gone_is_named(evaluation, tmp_path):
    gone = tmp_path / 'gone.png'
    files = {**evaluation.pictures, 'Drawn': {'picture 0': {'bicubic': gone}}}
    with pytest.raises(ValueError, match=r'gone\.png'):
        write_report(replace(evaluation, pictures=files), None, tmp_path)
    assert not (tmp_path / 'index.html').exists()


def test_a_folder_that_is_a_file_is_named(evaluation, tmp_path):
    (tmp_path / 'taken').write_text('')
    with pytest.raises(ValueError, match='taken'):
        write_report(evaluation, None, tmp_path / 'taken')


def test_equal_pictures_have_no_finite_ratio(evaluation, tmp_path):
    values = {'bicubic': {'psnr_rgb': (math.inf, math.nan, 1.0)}}
    same = replace(evaluation, values={**evaluation.values, 'Drawn': values})
    data = data_of(write_report(same, None, tmp_path).read_text(encoding='utf-8'))
    assert [picture['values'][0][0] for picture in data['sets'][0]['pictures']] == ['Infinity', None, 1.0]
    assert decibels(0) == math.inf and decibels(255**2) == 0


def test_the_script_cannot_be_left():
    assert as_script({'a': '</script><!--\u2028'}) == r'{"a":"\u003c/script>\u003c!--\u2028"}'
