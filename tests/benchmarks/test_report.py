"""What the tables say, from numbers chosen by hand."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import pytest

from effsr.benchmarks.case import DATA, USM, Case
from effsr.benchmarks.contender import Whole
from effsr.benchmarks.contenders import BASICSR, GROUPED, NAMES, OURS
from effsr.benchmarks.memory import Memory
from effsr.benchmarks.photographs import Photographs
from effsr.benchmarks.report import Result, as_plain, case_table, summary_table

CASE = Case('RealESRNetModel', 'RRDBNet', Photographs('photos', ('photos/a.png',), 'list.txt', 0))
MIB = 2**20
MEMORY = Memory(300 * MIB, 100 * MIB)


def result(memory=MEMORY):
    whole = {BASICSR: [Whole(1, 7), Whole(1, 8), Whole(1, 9)], GROUPED: [Whole(1, 3)] * 3, OURS: [Whole(1, 2)] * 3}
    stages = {BASICSR: [{DATA: 1, USM: 6}] * 3, GROUPED: [{DATA: 1, USM: 1.5}] * 3, OURS: [{DATA: 1, USM: 0.5}] * 3}
    return Result(CASE, whole, stages, {**dict.fromkeys(NAMES, memory), OURS: memory and Memory(200 * MIB, 100 * MIB)})


def rows(table):
    return {row[0].strip(): row[1:] for row in table.rows}


def test_a_case():
    found = rows(case_table(result()))
    assert list(found) == ['data loading', 'USM', 'sum of the stages', 'whole iteration',
                           'of it the step (data at hand)', 'iterations a second', 'data at hand', 'peak memory, MiB',
                           'above the libraries']
    assert found['USM'] == ('6000.0', '1500.0', '500.0', '12.00', '3.00')
    assert found['sum of the stages'][0] == '7000.0 (7000.0-7000.0)'
    assert found['whole iteration'] == ('9000.0 (8000.0-10000.0)', '4000.0 (4000.0-4000.0)', '3000.0 (3000.0-3000.0)',
                                        '3.00 (2.67-3.33)', '1.33 (1.33-1.33)')
    assert found['iterations a second'] == ('0.111', '0.250', '0.333', '', '')
    assert found['peak memory, MiB'] == ('300', '300', '200', '1.50', '1.50')
    assert found['above the libraries'] == ('200', '200', '100', '2.00', '2.00')


def test_a_stage_that_one_has_not():
    one = result()
    one.stages[OURS][:] = [{DATA: 1}] * 3
    assert rows(case_table(one))['USM'] == ('6000.0', '1500.0', '0.0', '-', '-')


def test_the_summary():
    assert rows(summary_table([result()])) == {
        'RealESRNetModel, RRDBNet': ('3.00 (2.67-3.33)', '1.33 (1.33-1.33)', '4.00 (3.50-4.50)', '1.50 (1.50-1.50)')}


def test_a_system_that_tells_no_memory():
    assert rows(case_table(result(memory=None)))['peak memory, MiB'][0] == 'not told by this system'
    assert as_plain(result(memory=None))['contenders'][OURS]['peak_memory_bytes'] is None


def test_plain_values():
    plain = json.loads(json.dumps(as_plain(result())))
    assert plain['ratio'][BASICSR] == {'median': 3, 'low': pytest.approx(8 / 3), 'high': pytest.approx(10 / 3)}
    assert plain['contenders'][BASICSR]['step_seconds'] == [7, 8, 9]
    assert plain['num_feat_d'] is None
