"""Runs with every adversarial part and a teacher: resumed they are the runs that were not stopped, and so are two
processes."""
import effsr

# isort: split
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import effsr.train
from effsr.runtime.checkpoint import load_file, save_atomic

ROOT = Path(__file__).parents[1]
SGD = {'type': 'SGD', 'lr': 0.01}
PATCHES = {'type': 'PatchDiscriminator', 'num_in_ch': 3, 'num_feat': 4, 'num_layer': 1, 'norm': 'spectral'}
SCALES = {'type': 'MultiScaleDiscriminator', 'num_in_ch': ..., 'num_feat': ..., 'num_scale': 2,
          'discriminator': PATCHES}
TRAIN = {'gan_opt': {'gan_type': 'wgan-gp', 'relativistic': 'standard', 'r1_weight': 2.0, 'r1_every': 2},
         'feature_matching_opt': {'weight': 0.5}, 'color_opt': {'type': 'ColorLoss', 'window': 2},
         'gan_balance': {'window': 4, 'limit': 0.6},
         'distill_opt': {'weights': 'teacher.pth', 'feature_weight': 0.5, 'layers': ['body.2'],
                         'student_layers': ['body.0']}}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(7)
    net = effsr.archs.srvgg_arch.SRVGGNetCompact(num_feat=6, num_conv=3, upscale=2)
    save_atomic({'params': net.state_dict()}, tmp_path / 'teacher.pth')
    return tmp_path


def assert_same(one, two, where=''):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert list(one) == list(two), where
        for key in one:
            assert_same(one[key], two[key], f'{where}/{key}')
    elif isinstance(one, list):
        assert len(one) == len(two), where
        for number, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_same(a, b, f'{where}/{number}')
    else:
        assert one == two, where


@pytest.mark.parametrize('optimizer', ['Adam', 'AdamWScheduleFree'])
def test_resumed_it_is_the_run_that_was_not_stopped(work, write_options, optimizer):
    if optimizer != 'Adam':
        pytest.importorskip('schedulefree')
    train = {**TRAIN, 'total_iter': 7, 'ema_decay': 0.5 if optimizer == 'Adam' else 0,
             'optim_g': {'type': optimizer}, 'optim_d': {'type': optimizer}}
    changes = {'name': 'whole', 'network_d': SCALES, 'train': train, 'queue_size': 16, 'val': {'val_freq': 3},
               'logger': {'save_checkpoint_freq': 3}}
    options = write_options(work, changes, True)
    assert effsr.train.main(['-opt', options]) == 0
    for flags in (['train:total_iter=3'], ['train:total_iter=7']):
        assert effsr.train.main(['-opt', options, '--auto_resume', '--force_yml', 'name=resumed', *flags]) == 0
    roots = [Path('experiments') / name for name in ('whole', 'resumed')]
    for file in ('models/net_g_7.pth', 'models/net_d_7.pth', 'training_states/7.state'):
        one, two = (load_file(root / file) for root in roots)
        if file.endswith('state'):
            keys = ('optimizers', 'schedulers', 'step', 'rng', 'pairs', 'train_params')
            one, two = ({key: state[key] for key in keys} for state in (one, two))
            assert one['step']['balance']['count'] == 3 and len(one['step']['distillation']['adapters']) == 2
        assert_same(one, two, file)


def test_another_set_of_layers_is_refused_on_resume(work, write_options, capsys):
    changes = {'network_d': SCALES, 'train': {**TRAIN, 'total_iter': 2}, 'logger': {'save_checkpoint_freq': 2}}
    options = write_options(work, changes, True)
    assert effsr.train.main(['-opt', options]) == 0
    status = effsr.train.main(['-opt', options, '--auto_resume', '--force_yml', 'train:total_iter=3',
                               'train:distill_opt:feature_weight=0', 'train:distill_opt:layers=[]',
                               'train:distill_opt:student_layers=[]'])
    assert status == 1 and 'weights of network_g (and adapters of distill_opt), here are' in capsys.readouterr().err


def launch(work, options, processes):
    command = [sys.executable]
    if processes > 1:
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        command += ['-m', 'torch.distributed.run', f'--nproc_per_node={processes}', '--master_addr=127.0.0.1',
                    f'--master_port={port}']
    command += [str(ROOT / 'effsr/train.py'), '-opt', options, *(['--launcher', 'pytorch'] if processes > 1 else [])]
    return subprocess.run(command, cwd=work, env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True,
                          timeout=200)


@pytest.mark.slow
@pytest.mark.parametrize('parts', [1, 2])
def test_two_processes_are_one_with_twice_the_batch(work, write_options, parts):
    losses = {}
    for processes in (1, 2):
        train = {**TRAIN, 'total_iter': 4, 'optim_g': SGD, 'optim_d': SGD, 'accumulate': parts if processes > 1 else 1}
        changes = {'name': f'run{processes}', 'val': ..., 'network_d': PATCHES, 'train': train, 'datasets': {
            'val': ..., 'train': {'batch_size_per_gpu': 8 // processes}}}
        done = launch(work, write_options(work, changes, True), processes)
        assert done.returncode == 0, done.stderr
        lines = [line.split(' lr ')[1] for line in done.stdout.splitlines() if ' it/s ' in line]
        losses[processes] = [dict(re.findall(r'([a-z]\w*) (-?\d+\.\d+)(?=\s|$)', line)) for line in lines]
    # The ratio is of each process's own part, and the mean of two ratios is not the ratio of the whole.
    expected = [{name: float(value) for name, value in log.items() if name.startswith(('l_', 'grad_'))}
                for log in losses[1]]
    assert 'l_d_r1' in expected[1] and 'l_g_distill_feat' in expected[0]
    for log, given in zip(expected, losses[2], strict=True):
        assert {name: float(given[name]) for name in log} == pytest.approx(log, rel=1e-5, abs=2e-4)
    for label in 'gd':
        one, two = (load_file(work / f'experiments/run{n}/models/net_{label}_4.pth')['params'] for n in (1, 2))
        for name, value in one.items():
            torch.testing.assert_close(value, two[name], rtol=0, atol=1e-5)
    adapters = [load_file(work / f'experiments/run{n}/training_states/4.state')['step']['distillation'] for n in (1, 2)]
    for one, two in zip(*(state['adapters'] for state in adapters), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-5)
