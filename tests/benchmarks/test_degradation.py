"""python effsr/benchmark.py degradation, as its user meets it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
from pathlib import Path

import pytest
import torch

from effsr import benchmark
from effsr.benchmarks import degradation
from effsr.benchmarks.chains import GROUPED, NAMES, OURS, STAGES, WORKER
from effsr.benchmarks.degradation_report import Growth, Result, growth_table, stage_table, summary_table

SIZES = ['--batch', '2', '--crop', '80', '--rounds', '2', '--device', 'cpu']


def test_the_whole_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(degradation, 'GROWTH_BATCHES', (1, 2))
    monkeypatch.setattr(degradation, 'GROWTH_CROPS', (80,))
    monkeypatch.setattr(degradation, 'GROWTH_IMAGES', 2)
    written = [str(tmp_path / name) for name in ('times.json', 'times.md')]
    assert benchmark.main(['degradation', *SIZES, '--json', written[0], '--markdown', written[1]]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == ['measuring a batch of 2 ...', 'measuring batch 1, crop 80 ...',
                                'measuring batch 2, crop 80 ...']
    for words in ('torch ', '1 threads used', 'batch 2', 'crop 80', 'img.view(', 'bit for bit', 'sum of the stages',
                  'Times as fast', 'How the cost grows', 'batch 2, crop 80', *STAGES, *NAMES):
        assert words in out, words
    assert 'waits for the GPU' not in out
    plain = json.loads(Path(written[0]).read_text())['values']
    for name in NAMES:
        measured = plain['contenders'][name]
        assert len(measured['seconds']) == len(measured['stage_seconds']) == 1  # of 2 rounds
    seconds = {name: plain['contenders'][name]['seconds'][0] for name in NAMES}
    assert plain['ratio']['BasicSR / effsr']['median'] == pytest.approx(seconds['BasicSR'] / seconds['effsr'])
    assert [set(one['milliseconds_an_image']) for one in plain['growth']] == [
        set(NAMES) - {'BasicSR'}, set(NAMES) - {'BasicSR', WORKER}]
    text = Path(written[1]).read_text()
    assert '| USM |' in text and '**Times as fast**' in text and text.count('\n- ') == 7


def test_without_growth(capsys):
    assert benchmark.main(['degradation', *SIZES, '--no_growth']) == 0
    assert 'How the cost grows' not in capsys.readouterr().out


@pytest.fixture
def result():
    seconds = dict(zip(NAMES, (1.2, 0.4, 0.1, 0.08, 0.05), strict=True))
    stages = {name: [{stage: value / len(STAGES) for stage in STAGES}] * 2 for name, value in seconds.items()}
    return Result(4, {name: [value, value] for name, value in seconds.items()}, stages,
                  [Growth(1, 200, {GROUPED: 12.34, OURS: 5.0, WORKER: 4.0}),
                   Growth(4, 200, {GROUPED: 10.0, OURS: 5.0})],
                  {OURS: 'no'})


def test_tables_by_hand(result):
    summary = {row[0]: row[1] for row in summary_table(result).rows}
    assert summary['effsr against BasicSR'] == '12.00 (12.00-12.00)'
    assert summary['effsr against USM grouped'] == '4.00 (4.00-4.00)'
    assert summary['cost of effsr (each image its own) over effsr, mode: batch'] == '1.25 (1.25-1.25)'
    assert summary['effsr: the host waits for the GPU'] == 'no'
    rows = {row[0]: row[1:] for row in stage_table(result).rows}
    assert rows['whole, nothing wrapped'] == ('1200.0', '400.0', '100.0', '80.0', '50.0', '12.0', '4.0')
    assert rows['  an image'][:3] == ('300.0', '100.0', '25.0') and rows['sum of the stages'][0] == '1200.0'
    grown = growth_table(result.growth)
    assert grown.head == ('', GROUPED, OURS, WORKER)
    assert grown.rows == (('batch 1, crop 200', '12.3', '5.0', '4.0'), ('batch 4, crop 200', '10.0', '5.0', '-'))


@pytest.mark.parametrize(('flags', 'line'), [
    (['--rounds', '1'], '--rounds 1; accepted: 2 or more'),
    (['--batch', '0'], '--batch 0; accepted: 1 or more'),
    (['--threads', '0'], '--threads 0; accepted: 1 or more'),
    (['--crop', '40'], '--crop 40; accepted: 80 or more'),
    (['--crop', '102'], '--crop 102; accepted: a multiple of 4'),
    (['--seed', '-1'], '--seed -1; accepted: 0 or more'),
    (['--images', 'nowhere'], 'nowhere: no such folder'),
    (['--json', 'nowhere/x.json'], 'there is no folder'),
    (['--markdown', '.'], 'is a folder; give a file'),
])
def test_bad_input_gets_one_line(flags, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    assert benchmark.main(['degradation', *flags]) == 1
    out, err = capsys.readouterr()
    assert out == '' and err.startswith('benchmark degradation: ') and err.count('\n') == 1 and line in err
    assert torch.get_num_threads() == threads and list(tmp_path.iterdir()) == []
