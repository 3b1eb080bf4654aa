"""TensorBoard's log, read back from its files; Weights & Biases by a module that stands for it."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from effsr.options import place, settings, to_plain, validate
from effsr.runtime.board import metric_tags, open_board, tag_of, write_drawn, write_settings, write_values


@pytest.fixture
def options(tmp_path, plain_options):
    def make(rank=0, **changes):
        plain = plain_options({'logger': {'use_tb_logger': True}, **changes})
        return place(validate({**plain, 'runtime': {'rank': rank, 'root_path': str(tmp_path)}}), tmp_path, True)
    return make


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={'histograms': 0})
    events.Reload()
    return events


def settings_of(events):
    contents = events.summary_metadata
    return {tag: plugin_data_pb2.HParamsPluginData.FromString(contents[tag].plugin_data.content)
            for tag in contents if tag.startswith('_hparams_')}


def test_what_is_written_comes_back(options, tmp_path):
    run = options()
    board = open_board(run, to_plain(run), settings(run))
    write_values(board, 5, {'l_pix': 0.25, 'grad_norm_g': 2.0, 'loss_scale': 1024.0, 'skipped': 3, 'out_d_real': 1.0},
                 [1e-3, 2e-3])
    write_drawn(board, 5, {'resize1': np.array([0.5, 1.0, 1.0, 1.5]), 'final_sinc': np.zeros(3)})
    board.close()
    assert [path.name for path in (tmp_path / 'tb_logger').iterdir()] == ['tiny']
    assert all(path.is_file() for path in (tmp_path / 'tb_logger/tiny').iterdir())  # one run, no subfolder
    events = read(tmp_path / 'tb_logger/tiny')
    found = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()['scalars']}
    assert found == {'losses/l_pix': [(5, 0.25)], 'gradient_norms/g': [(5, 2.0)], 'loss_scale': [(5, 1024.0)],
                     'skipped': [(5, 3.0)], 'losses/out_d_real': [(5, 1.0)],
                     'learning_rate/group_0': [(5, pytest.approx(1e-3))],
                     'learning_rate/group_1': [(5, pytest.approx(2e-3))]}
    histogram, = events.Histograms('degradation/resize1')
    value = histogram.histogram_value
    assert (histogram.step, value.min, value.max, value.num, value.sum) == (5, 0.5, 1.5, 4, 4.0)
    assert events.Histograms('degradation/final_sinc')[0].histogram_value.num == 3


def test_hparams_are_those_of_the_run_itself(options, tmp_path):
    run = options(degradation={'jpeg_range': [40, 50]})
    open_board(run, to_plain(run), settings(run)).close()
    parts = settings_of(read(tmp_path / 'tb_logger/tiny'))
    start = parts['_hparams_/session_start_info'].session_start_info.hparams
    assert start['train.optim_g.lr'].number_value == 1e-3
    assert start['datasets.train.batch_size_per_gpu'].number_value == 8
    assert start['train.optim_g.type'].string_value == 'Adam'
    assert start['degradation.jpeg_range'].string_value == '[40.0, 50.0]'
    assert start['gt_usm'].bool_value is False
    assert not any(key.startswith(('name', 'logger', 'path')) for key in start)
    experiment = parts['_hparams_/experiment'].experiment
    assert [one.name.tag for one in experiment.metric_infos] == ['metrics/held_out/psnr'] == metric_tags(run)


def test_odd_settings_become_words(tmp_path, options):
    run = options()
    board = open_board(run, to_plain(run))
    write_settings(board, {'a': None, 'b': [1, 2], 'c': 1.5}, [])
    board.close()
    start = settings_of(read(tmp_path / 'tb_logger/tiny'))['_hparams_/session_start_info'].session_start_info.hparams
    assert [start['a'].string_value, start['b'].string_value, start['c'].number_value] == ['None', '[1, 2]', 1.5]


@pytest.mark.parametrize('changes', [{'rank': 1}, {'logger': {'use_tb_logger': False}}, {'name': 'debug_tiny'}])
def test_no_log(options, tmp_path, changes):
    run = options(**changes)
    assert open_board(run, to_plain(run), settings(run)) is None
    assert not (tmp_path / 'tb_logger').exists()


def test_tags():
    assert [tag_of(name) for name in ('l_g_gan', 'grad_norm_d', 'skipped')] == ['losses/l_g_gan', 'gradient_norms/d',
                                                                               'skipped']


@pytest.mark.parametrize(('wandb', 'begun'), [
    ({'project': 'sr', 'resume_id': None}, {'id': 'new', 'resume': 'never'}),
    ({'project': 'sr', 'resume_id': 'old'}, {'id': 'old', 'resume': 'allow'})])
def test_weights_and_biases_begin_before_the_log_they_copy(options, tmp_path, monkeypatch, wandb, begun):
    calls = []

    def init(**given):
        calls.append((given, (tmp_path / 'tb_logger').exists()))

    fake = SimpleNamespace(init=init, util=SimpleNamespace(generate_id=lambda: 'new'))
    monkeypatch.setitem(sys.modules, 'wandb', fake)
    run = options(logger={'use_tb_logger': True, 'wandb': wandb})
    plain = to_plain(run)
    open_board(run, plain).close()
    (given, was_there), = calls
    assert given == {**begun, 'name': 'tiny', 'config': plain, 'project': 'sr', 'sync_tensorboard': True}
    assert not was_there and (tmp_path / 'tb_logger').exists()
