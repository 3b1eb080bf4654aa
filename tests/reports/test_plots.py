import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from report_example import ODD, costs, example

from effsr.reports.costs import cost_table, plot_figures
from effsr.reports.labels import Box, place_labels, shortened
from effsr.reports.plots import AREA, Labels, Level, Point, scatter

WORDS = Labels('quality against cost', 'cost', 'quality', str, str)


@pytest.mark.parametrize('seed', range(5))
def test_names_of_close_points_do_not_touch(seed):
    rng = np.random.default_rng(seed)
    points = [tuple(point) for point in rng.normal((200, 150), (25, 12), (8, 2))]
    boxes = place_labels(points, [f'model number {number}' for number in range(8)], AREA)
    dots = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.overlap(dot) == 0 for box in boxes for dot in dots)
    assert all(box.outside(AREA) == pytest.approx(0) for box in boxes)


def test_a_name_at_the_right_edge_stands_to_the_left():
    box, = place_labels([(AREA.right - 5, 100)], ['wide enough'], AREA)
    assert box.right < AREA.right - 5


def test_long_names_keep_both_ends_and_stay_apart():
    long = 'a' * 40 + 'z_3000'
    assert shortened(['short', long]) == {'short': 'short', long: 'aaaaaaaaaaaaa…aaaaaaz_3000'}
    runs = [f'SRVGGNetCompact-{count} net_g_100000' for count in (16, 32)]
    short = list(shortened(runs).values())
    assert short[0] != short[1] and max(map(len, short)) <= 26
    alike = ['x' * 30 + middle + 'x' * 30 for middle in 'ab']
    assert list(shortened(alike)) == list(shortened(alike).values()) == alike


def test_a_plot_is_sound_and_tells_everybody():
    points = [Point(ODD, 1e6, 30.0), Point('b', 2e8, 31.0, 1e8, 3e8)]
    root = ET.fromstring(scatter(points, [Level('bicubic', 28.0)], WORDS))
    classes = [element.get('class') for element in root.iter()]
    assert classes.count('point') == 2 and classes.count('level') == 1 and classes.count('range') == 1
    text = ' '.join(root.itertext())
    assert shortened([ODD])[ODD] in text and 'bicubic' in text and 'logarithmic' in text


def test_no_point_is_refused():
    with pytest.raises(ValueError, match='no point to draw'):
        scatter([], [], WORDS)


def test_plots_of_every_set_and_metric_that_has_figures(tmp_path):
    evaluation = example(tmp_path)
    figures = plot_figures(evaluation, costs())
    assert [(name, metric) for name, metric, _ in figures] == [
        ('Drawn', 'psnr_rgb'), ('Drawn', 'niqe'), (evaluation.sets[1].name, 'niqe')]
    for _, _, html in figures:
        assert html.count('<svg') == 3 and html.count('class="point') == 6


def test_the_cost_table_says_what_is_not_known(tmp_path):
    html = cost_table(example(tmp_path), costs())
    assert '40.6 G' in html and '81.2 G' in html and '1.18 T' in html and '900' in html and '>300<' in html
    assert html.count('<tr>') == 3 and '>–<' in html
