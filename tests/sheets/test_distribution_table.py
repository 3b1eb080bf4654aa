"""The table of what is drawn."""
import csv
import dataclasses
import io

import pytest

from effsr.degradations import DegradationSettings, draw_parameters
from effsr.sheets.distribution import HEAD, as_csv, as_lines, distribution, flat


@pytest.fixture(scope='module')
def drawn():
    return [draw_parameters(DegradationSettings(), seed) for seed in range(2000)]


def test_by_hand():
    one = draw_parameters(DegradationSettings(gaussian_noise_prob=1, second_blur_prob=0), 1)
    all_of_it = [dataclasses.replace(one, first=dataclasses.replace(one.first, jpeg_quality=float(quality)))
                 for quality in range(101)]
    rows = {row.name: row for row in distribution(all_of_it)}
    assert rows['jpeg1_quality'].quantiles == pytest.approx((0, 5, 50, 95, 100))
    assert rows['blur2: none'].share == 1 and not rows['blur2: none'].quantiles
    assert 'noise1_poisson_strength' not in rows and rows['noise1_gaussian_strength'].share == 1


def test_shares_and_quantiles_are_those_of_the_settings(drawn):
    rows = {row.name: row for row in distribution(drawn)}
    assert rows['blur2: none'].share == pytest.approx(0.2, abs=0.03)
    assert rows['blur1: sinc'].share == pytest.approx(0.1, abs=0.03)
    assert rows['noise1_poisson_strength'].share == pytest.approx(0.5, abs=0.04)
    assert rows['jpeg1_quality'].quantiles == pytest.approx((30, 33.25, 62.5, 91.75, 95), abs=2.5)
    kinds = [row.share for row in rows.values() if row.name.startswith('resize1_mode')]
    assert len(kinds) == 3 and sum(kinds) == pytest.approx(1)
    assert list(rows)[0].startswith('blur1') and list(rows)[-1] == 'severity'


def test_only_what_applies(drawn):
    for parameters in drawn[:300]:
        row, kernel = flat(parameters), parameters.first.kernel
        assert ('blur1_rotation' in row) == kernel.kind.endswith('aniso')
        assert ('blur1_beta' in row) == kernel.kind.startswith(('generalized', 'plateau'))
        assert ('blur1_omega' in row) == (kernel.kind == 'sinc')


def test_text_and_csv(drawn):
    rows = distribution(drawn)
    lines = as_lines(rows)
    assert len(lines) == len(rows) + 1 and lines[0].split() == list(HEAD) and max(map(len, lines)) < 100
    read = list(csv.reader(io.StringIO(as_csv(rows))))
    assert tuple(read[0]) == HEAD and len(read) == len(rows) + 1
    number = next(row for row in read if row[0] == 'resize1')
    assert float(number[1]) == 1 and 0.15 <= float(number[2]) <= float(number[3]) <= float(number[6]) <= 1.5
