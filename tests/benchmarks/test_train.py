"""`effsr/benchmark.py train` as its user meets it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from effsr import benchmark
from effsr.benchmarks import memory, train
from effsr.benchmarks.case import STAGES
from effsr.benchmarks.contenders import NAMES

ROOT = Path(__file__).parents[2]
SIZES = ['--batch', '4', '--gt_size', '32', '--crop', '80', '--num_feat_d', '4', '--rounds', '2']
TINY = {'SRVGGNetCompact': {'num_feat': 4, 'num_conv': 1, 'upscale': 4}}


def test_the_whole_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(train, 'NETWORKS', TINY)
    monkeypatch.setattr(train, 'POOL', 9)
    monkeypatch.setattr(memory, 'measure', lambda case, name: memory.Memory(300 * 2**20, 100 * 2**20))
    written = [str(tmp_path / name) for name in ('times.json', 'times.md')]
    assert benchmark.main(['train', '--networks', 'SRVGGNetCompact', *SIZES, '--threads', '1', '--device', 'cpu',
                           '--json', written[0], '--markdown', written[1]]) == 0
    out, err = capsys.readouterr()
    assert 'measuring RealESRGANModel, SRVGGNetCompact' in err
    for words in ('torch ', '1 threads used', 'batch 4', 'pool 8', 'cuda()', 'bit for bit', 'whole iteration',
                  'sum of the stages', 'times as fast as', *STAGES, *NAMES, '300', '200'):
        assert words in out, words
    plain = json.loads(Path(written[0]).read_text())['values']
    assert [(case['model'], case['num_feat_d']) for case in plain['cases']] == [('RealESRNetModel', None),
                                                                              ('RealESRGANModel', 4)]
    for case in plain['cases']:
        for name in NAMES:
            measured = case['contenders'][name]
            assert len(measured['step_seconds']) == len(measured['stage_seconds']) == 1  # of 2 rounds
        theirs, ours = (case['contenders'][name]['iterations_per_second'] for name in ('BasicSR', 'effsr'))  # one round
        assert case['ratio']['BasicSR']['median'] == pytest.approx(ours / theirs)
    text = Path(written[1]).read_text()
    assert '| USM |' in text and '**RealESRNetModel, SRVGGNetCompact**' in text and '- `crop_pad_size = 400`' in text


@pytest.mark.slow
def test_as_a_script_with_processes_for_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, '-W', 'error', ROOT / 'effsr/benchmark.py', 'train', *SIZES, '--networks', 'SRVGGNetCompact',
         '--models', 'RealESRNetModel', '--threads', '1', '--device', 'cpu', '--json', 'times.json'],
        cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == 'measuring RealESRNetModel, SRVGGNetCompact ...\n'
    assert [path.name for path in tmp_path.iterdir()] == ['times.json']
    for measured in json.loads((tmp_path / 'times.json').read_text())['values']['cases'][0]['contenders'].values():
        assert measured['peak_memory_bytes'] is None or \
            measured['peak_memory_bytes'] >= measured['memory_before_bytes'] > 0


@pytest.mark.parametrize(('flags', 'line'), [
    (['--networks', 'Nothing'], '--networks Nothing: not known; accepted: SRVGGNetCompact, RRDBNet'),
    (['--models', 'SRModel'], '--models SRModel: not known; accepted: RealESRNetModel, RealESRGANModel'),
    (['--rounds', '1'], '--rounds 1; accepted: 2 or more'),
    (['--batch', '0'], '--batch 0; accepted: 1 or more'),
    (['--threads', '0'], '--threads 0; accepted: 1 or more'),
    (['--gt_size', '100'], '--gt_size 100; accepted: a multiple of 8'),
    (['--gt_size', '24'], '--gt_size 24; accepted: 32 or more'),
    (['--crop', '40'], '--crop 40; accepted: 80 or more'),
    (['--crop', '102'], '--crop 102; accepted: a multiple of 4'),
    (['--gt_size', '256'], '--gt_size 256 does not fit into --crop 200'),
    (['--images', 'nowhere'], 'nowhere: no such folder'),
    (['--images', '.'], 'no image in this folder'),
    (['--json', 'nowhere/x.json'], 'there is no folder'),
    (['--markdown', '.'], 'is a folder; give a file'),
    (['--crop', '4000'], 'is 4000 x 4000 or larger; lower --crop'),
])
def test_bad_input_gets_one_line(flags, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    assert benchmark.main(['train', *flags]) == 1
    out, err = capsys.readouterr()
    assert out == '' and err.startswith('benchmark train: ') and err.count('\n') == 1 and line in err
    assert torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU here')
def test_a_gpu_that_is_not_there(capsys):
    assert benchmark.main(['train', '--device', 'cuda']) == 1
    assert capsys.readouterr().err == 'benchmark train: device is cuda, but torch finds none; accepted here: ' \
                                      'cpu, auto\n'


def test_help_names_the_subcommand(capsys):
    with pytest.raises(SystemExit) as exit_:
        benchmark.main(['--help'])
    assert exit_.value.code == 0 and 'Training step against' in capsys.readouterr().out


@pytest.mark.parametrize('name', benchmark.SUBCOMMANDS)
def test_help_of_each_subcommand(name, capsys):
    # argparse fills in help texts when it prints them: a stray per cent sign shows only then.
    with pytest.raises(SystemExit) as exit_:
        benchmark.main([name, '--help'])
    assert exit_.value.code == 0 and '--json FILE' in capsys.readouterr().out


def test_defaults_are_accepted():
    parser = benchmark.argparse.ArgumentParser()
    train.add_arguments(parser)
    train.check(parser.parse_args([]))
