"""Trainings whose length is given in epochs."""
import effsr

# isort: split
from pathlib import Path

import pytest
import torch
import yaml

import effsr.train
from effsr.runtime.checkpoint import load_file

PICTURES, BATCH = 30, 8  # of the tiny runs: 3 iterations an epoch, 6 pictures left out


@pytest.fixture
def run(tmp_path, monkeypatch, write_options):
    """run(name, length, *flags, **changes): train a tiny network; the exit status."""
    monkeypatch.chdir(tmp_path)

    def start(name, length, *flags, **changes):
        train = {'total_iter': ..., **length, **changes.pop('train', {})}
        return effsr.train.main(['-opt', write_options(tmp_path, {'name': name, 'train': train, **changes}), *flags])
    return start


def weights(name):
    return load_file(f'experiments/{name}/models/net_g_latest.pth')['params']


def same(one, two):
    return all(torch.equal(weights(one)[name], value) for name, value in weights(two).items())


@pytest.mark.parametrize(('enlarge', 'iterations'), [(1, 6), (2, 14)])
def test_as_many_iterations_as_the_epochs_have(run, enlarge, iterations, capsys):
    assert PICTURES * enlarge // BATCH * 2 == iterations
    datasets = {'train': {'dataset_enlarge_ratio': enlarge}}
    assert run('epochs', {'epochs': 2}, datasets=datasets) == 0
    out = capsys.readouterr().out
    assert f'train: epochs: 2 makes total_iter {iterations}' in out
    assert f'trained      {iterations} iterations' in out and f'{iterations}/{iterations}' in out
    assert run('iterations', {'total_iter': iterations}, datasets=datasets) == 0
    assert same('epochs', 'iterations')


def test_what_is_written_is_the_run_itself(run):
    cosine = {'train': {'scheduler': {'type': 'CosineAnnealingRestartLR'}}}
    assert run('epochs', {'epochs': 2}, **cosine) == 0
    train = yaml.safe_load(Path('experiments/epochs/options.yml').read_text())['train']
    assert (train['total_iter'], train['epochs'], train['scheduler']['periods']) == (6, None, [6])
    assert effsr.train.main(['-opt', 'experiments/epochs/options.yml', '--force_yml', 'name=again']) == 0
    assert same('epochs', 'again')


def test_resuming_with_more_epochs(run, capsys):
    assert run('cut', {'epochs': 2}) == 0
    assert run('cut', {'epochs': 3}, '--auto_resume') == 0
    assert 'trained      9 iterations' in capsys.readouterr().out
    assert run('whole', {'epochs': 3}) == 0
    assert same('cut', 'whole')
    assert run('cut', {'epochs': 1}, '--auto_resume') == 1
    assert 'past train: total_iter 3; raise' in capsys.readouterr().err


def test_a_rehearsal_knows_the_length(run, capsys):
    assert run('epochs', {'epochs': 2}, '--check') == 0
    assert 'for 6 iterations' in capsys.readouterr().out


def test_a_schedule_that_does_not_last_is_placed_in_its_file(run, capsys):
    short = {'train': {'scheduler': {'type': 'CosineAnnealingRestartLR', 'periods': [3]}}}
    assert run('epochs', {'epochs': 2}, **short) == 1
    err = capsys.readouterr().err
    assert 'options.yml:' in err and 'train.scheduler.periods: CosineAnnealingRestartLR ends after 3 iterations' in err
    assert not Path('experiments').exists()


def test_a_model_by_itself_needs_iterations(plain_options):
    with pytest.raises(ValueError, match='train.epochs: how many iterations 2 epochs have .*; give total_iter'):
        effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'train': {'total_iter': ..., 'epochs': 2}}))
