"""Two processes that are killed and resumed, or asked to stop, are as exact as one."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from effsr.runtime.checkpoint import load_file

ROOT = Path(__file__).parents[1]
CHANGES = {'queue_size': 12, 'datasets': {'train': {'batch_size_per_gpu': 4, 'num_worker_per_gpu': 1}},
           'train': {'total_iter': 8}, 'val': {'val_freq': 3}, 'logger': {'save_checkpoint_freq': 3}}
# Dies on the named process at the end of an iteration; named under import: in the option file.
KILLER = """
import os, signal
from effsr import loop
original = loop.Loop.end_iteration
def end_iteration(self):
    original(self)
    if os.environ.get('KILL') == f"{os.environ['RANK']}:{self.iteration}":
        os.kill(os.getpid(), signal.SIGKILL)
loop.Loop.end_iteration = end_iteration
"""


def launch(work, options, *flags, kill='', send=None, after=0.0):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--master_addr=127.0.0.1',
               f'--master_port={port}', str(ROOT / 'effsr/train.py'), '-opt', options, '--launcher', 'pytorch', *flags]
    process = subprocess.Popen(command, cwd=work, env={**os.environ, 'OMP_NUM_THREADS': '1', 'KILL': kill}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if send is not None:
        while not (work / after).exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(send)
    text, _ = process.communicate(timeout=240)
    return process.returncode, text


@pytest.fixture
def options(tmp_path, write_options):
    (tmp_path / 'killer.py').write_text(KILLER)
    return write_options(tmp_path, {**CHANGES, 'import': ['killer']}, True)


@pytest.mark.slow
@pytest.mark.parametrize('rank', [0, 1])
def test_one_of_two_is_killed(tmp_path, options, rank):
    status, text = launch(tmp_path, options, '--force_yml', 'name=whole')
    assert status == 0, text
    status, text = launch(tmp_path, options, '--force_yml', 'name=killed', kill=f'{rank}:5')
    assert status != 0
    status, text = launch(tmp_path, options, '--auto_resume', '--force_yml', 'name=killed')
    assert status == 0, text
    assert 'iter: 3' in text
    for name in ('models/net_g_8.pth', 'models/net_d_8.pth', 'training_states/8_rank0.pool',
                 'training_states/8_rank1.pool'):
        one, two = (load_file(tmp_path / 'experiments' / run / name) for run in ('whole', 'killed'))
        assert_same(one, two)


def assert_same(one, two):
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, list):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)
    else:
        assert torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


@pytest.mark.slow
def test_both_save_the_same_iteration_when_asked_to_stop(tmp_path, options):
    flags = ['--force_yml', 'train:total_iter=100000', 'logger:print_freq=100000']
    status, text = launch(tmp_path, options, *flags, send=signal.SIGTERM,
                          after='experiments/tiny_gan/training_states/3.state')
    assert status != 0 and 'saved, go on with --auto_resume' in text, text
    newest = load_file(tmp_path / 'experiments/tiny_gan/training_states/latest.state')
    assert f'SIGTERM at iteration {newest["iter"]}' in text
    assert len(newest['rng']) == len([digest for digest in newest['pools'] if digest]) == 2
