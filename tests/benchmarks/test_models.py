"""`effsr/benchmark.py models` as its user meets it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import pytest

from effsr import benchmark
from effsr.benchmarks import costs, growth
from effsr.benchmarks.backends import Way
from effsr.benchmarks.costs import CostRow, Costs
from effsr.benchmarks.models_report import cost_table, size_table
from effsr.benchmarks.peak import Peak

SMALL = 'SRVGGNetCompact(num_feat=4, num_conv=1)'
OTHER = 'EfficientSRNet(num_feat=4, num_block=1)'


@pytest.fixture(autouse=True)
def no_process(monkeypatch):
    """Another process for each figure takes seconds; test_costs.py has one."""
    for module in (costs, growth):
        monkeypatch.setattr(module, 'peak_memory', lambda *given: 3 * 2**20)


def test_the_whole_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(growth, 'SIDES', (8, 16))
    flags = ['--models', SMALL, OTHER, '--size', '8', '--batch', '1', '2', '--precision', 'fp32', 'bf16', '--rounds',
             '2', '--device', 'cpu', '--threads', '1', '--baseline', OTHER, '--growth']
    assert benchmark.main(['models', *flags, '--json', str(tmp_path / 'm.json'), '--markdown',
                           str(tmp_path / 'm.md')]) == 0
    out = capsys.readouterr().out
    for words in ('GMACs', 'GFLOPs', 'Size, 2 x 3 x 8 x 8', f'times as fast as {OTHER}, fp32, eager', 'balance',
                  f'{SMALL}, bf16, eager', 'How time grows'):
        assert words in out, words
    document = json.loads((tmp_path / 'm.json').read_text())
    assert document['what'] == 'benchmark models' and document['settings']['baseline'] == OTHER
    assert [case['shape'] for case in document['values']['cases']] == [[1, 3, 8, 8], [2, 3, 8, 8]]
    row = document['values']['cases'][0]['rows'][0]
    assert row['flops'] == 2 * row['macs'] and row['peak_memory'] == 3 * 2**20 and row['seconds']['median'] > 0
    assert list(document['values']['growth'][SMALL]['seconds']) == ['8', '16']
    assert len(document['tables']) == 6 and '**Cost, 1 x 3 x 8 x 8' in (tmp_path / 'm.md').read_text()


def test_a_model_that_cannot_be_run_is_told(capsys):
    models = [SMALL, 'RRDBNet(scale=2, num_feat=4, num_block=1, num_grow_ch=4)']
    assert benchmark.main(['models', '--models', *models, '--size', '9', '--rounds', '2', '--device', 'cpu']) == 1
    assert f'{models[1]}, fp32, eager, 1 x 3 x 9 x 9 is left empty: RRDBNet: the input is 9 x 9' in (
        capsys.readouterr().out)


def test_tables_by_hand():
    big, small = ('big', Way()), ('small', Way())
    rows = {big: CostRow(2_000_000, 10**9, 10**6, 10**8, 10**6, (0.2, 0.4), 2**21),
            small: CostRow(500_000, 10**8, 10**5, 10**8, 10**6, (0.1, 0.1))}
    found = Costs((1, 3, 8, 8), rows, {('none', Way()): 'it fails'}, Peak({'fp32': 2e10}, 1e9))
    assert size_table(found).rows == (('big', '2.000', '1.00', '2.00', '1.0'),
                                      ('small', '0.500', '0.10', '0.20', '0.1'))
    assert cost_table(found, big).rows == (
        ('big', '300.0 (200.0-400.0)', '3.33', '2', '33%', '20.0', '33%', '1.00 (1.00-1.00)'),
        ('small', '100.0 (100.0-100.0)', '10', '', '10%', '2.0', '100%', '3.00 (2.00-4.00)'),
        ('none', '', '', '', '', '', '', ''))


@pytest.mark.parametrize(('flags', 'says'), [
    (['--precision', 'fp16', '--device', 'cpu'], '--precision fp16: fp16 is for GPUs'),
    (['--precision', 'int8'], '--precision int8: int8 is for --backend onnxruntime'),
    (['--backend', 'cudagraphs', '--device', 'cpu'], 'CUDA graphs are for GPUs'),
    (['--size', '4'], '--size 4; accepted: 8 or more'), (['--batch', '0'], '--batch 0; accepted: 1 or more'),
    (['--rounds', '1'], '--rounds 1; accepted: 2 or more'), (['--json', 'nowhere/x.json'], 'there is no folder'),
    (['--models', 'SRResNets'], 'nearest: SRResNet'), (['--import', 'nowhere_to_be_found'], 'nowhere_to_be_found'),
    (['--models', SMALL, '--baseline', 'SRVGG'], f'not among the models; accepted: {SMALL}')])
def test_flags_that_are_refused(flags, says, capsys):
    assert benchmark.main(['models', *flags]) == 1
    told = capsys.readouterr().err
    assert says in told and 'Traceback' not in told
