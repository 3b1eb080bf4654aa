"""A run's first samples in TensorBoard: once, whatever happens to the run, and without a trace in the training."""
import effsr

# isort: split
import shutil
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import effsr.train
from effsr import loop
from effsr.runtime.checkpoint import load_file
from effsr.sheets.first_samples import TAG

LOGGED = {'logger': {'use_tb_logger': True, 'save_checkpoint_freq': 3}}


@pytest.fixture
def run(tmp_path, monkeypatch, write_options):
    monkeypatch.chdir(tmp_path)

    def start(changes, *flags, gan=False):
        return effsr.train.main(['-opt', write_options(tmp_path, changes, gan), *flags])
    return start


def shown():
    """Iterations at which the sheet was logged, over all files of the log."""
    events = EventAccumulator('tb_logger/tiny', size_guidance={'images': 0})
    events.Reload()
    return [image.step for image in events.Images(TAG)] if TAG in events.Tags()['images'] else []


def weights():
    return load_file('experiments/tiny/models/net_g_latest.pth')['params']


def test_once_at_the_start_and_the_training_is_the_same_with_and_without(run, capsys):
    assert run(LOGGED) == 0
    assert shown() == [0]
    with_sheet = weights()
    shutil.rmtree('experiments')
    assert run({'logger': {'save_checkpoint_freq': 3}}) == 0
    assert all(torch.equal(value, with_sheet[key]) for key, value in weights().items())


def test_not_again_when_the_run_goes_on(run):
    assert run(LOGGED, '--force_yml', 'train:total_iter=3') == 0
    assert run(LOGGED, '--auto_resume') == 0
    assert shown() == [0]
    resumed = weights()
    shutil.rmtree('experiments')
    shutil.rmtree('tb_logger')
    assert run(LOGGED) == 0
    assert all(torch.equal(value, resumed[key]) for key, value in weights().items())


def test_a_sheet_that_cannot_be_made_does_not_end_the_run(run, monkeypatch, capsys):
    def fails(options, dataset):
        raise ValueError('datasets.train: broken')

    monkeypatch.setattr(loop, 'board_sheet', fails)
    assert run(LOGGED) == 0
    assert 'TensorBoard shows no first samples: datasets.train: broken' in capsys.readouterr().out
    assert shown() == [] and Path('experiments/tiny/models/net_g_latest.pth').exists()
