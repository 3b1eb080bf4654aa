"""Process groups: what the launchers say, and two processes that are one with twice the batch."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from effsr.runtime import distributed
from effsr.runtime.checkpoint import load_file

ROOT = Path(__file__).parents[2]
CPU = torch.device('cpu')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SLURM_PROCID', 'TORCHELASTIC_RUN_ID', 'MASTER_ADDR',
                 'MASTER_PORT'):
        monkeypatch.delenv(name, raising=False)


def test_without_a_launcher_there_is_one_process():
    assert distributed.init_distributed('none', {}, False) == (0, 1)
    values = torch.tensor([1.0, 2.0])
    assert distributed.average(values) is values
    assert distributed.share('x') == 'x'
    distributed.wait_for_all()
    distributed.leave_distributed()


@pytest.mark.parametrize(('launcher', 'params', 'env', 'match'), [
    ('pytorch', {}, {}, 'RANK is not set; start with torchrun'),
    ('pytorch', {'backend': 'smoke'}, {'RANK': '0'}, "dist_params.backend: 'smoke' is not known; accepted: nccl, gloo"),
    ('slurm', {}, {}, 'SLURM_PROCID is not set; start with srun'),
    ('slurm', {}, {'SLURM_PROCID': '0'}, 'SLURM_NTASKS is not set'),
    ('slurm', {}, {'SLURM_PROCID': '0', 'SLURM_NTASKS': '1', 'SLURM_NODELIST': 'a', 'PATH': ''}, 'scontrol'),
    ('none', {}, {'WORLD_SIZE': '2', 'TORCHELASTIC_RUN_ID': 'x'}, 'add --launcher pytorch'),
])
def test_launcher_errors(launcher, params, env, match, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=match):
        distributed.init_distributed(launcher, params, False)


def test_a_group_of_one(monkeypatch):
    for name, value in {'RANK': 0, 'WORLD_SIZE': 1, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': free_port()}.items():
        monkeypatch.setenv(name, str(value))
    try:
        assert distributed.init_distributed('pytorch', {'backend': 'gloo'}, False) == (0, 1)
        net = distributed.wrap(nn.Linear(2, 2), CPU, True, 0)
        assert isinstance(net, nn.parallel.DistributedDataParallel)
        assert distributed.share([1, 'a']) == [1, 'a']
        assert distributed.average(torch.tensor([3.0])).tolist() == [3.0]
        distributed.wait_for_all()
    finally:
        distributed.leave_distributed()
    assert not torch.distributed.is_initialized()


def test_wrap_without_processes():
    net = nn.Linear(2, 2)
    assert distributed.wrap(net, CPU, False, 0) is net
    assert distributed.wrap(net, CPU, False, 1) is net


def launch(work, options, processes):
    launcher = [] if processes == 1 else ['-m', 'torch.distributed.run', f'--nproc_per_node={processes}',
                                          '--master_addr=127.0.0.1', f'--master_port={free_port()}']
    flags = [] if processes == 1 else ['--launcher', 'pytorch']
    return subprocess.run([sys.executable, *launcher, str(ROOT / 'effsr/train.py'), '-opt', options, *flags], cwd=work,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True, timeout=200)


@pytest.mark.slow
@pytest.mark.parametrize(('gan', 'parts'), [(False, 1), (True, 1), (False, 2), (True, 2)])
def test_two_processes_are_one_with_twice_the_batch(tmp_path, write_options, gan, parts):
    """In parts, too: the two split their batches, the single one does not; norms are clipped."""
    outputs = {}
    # Adam divides by the gradient's own size, so that of a gradient near zero the last bits count.
    optimizer = {'type': 'Adam', 'lr': 1e-3} if gan else {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9}
    for processes in (1, 2):
        step = {'accumulate': parts if processes == 2 else 1, 'clip_grad_norm': 0.03}
        changes = {'name': f'run{processes}', 'val': {'val_freq': 3}, 'datasets': {'train': {
            'batch_size_per_gpu': 8 // processes}}, 'train': {'total_iter': 4, 'optim_g': optimizer, **step}}
        done = launch(tmp_path, write_options(tmp_path, changes, gan), processes)
        assert done.returncode == 0, done.stderr
        outputs[processes] = [line.split('lr')[1] for line in done.stdout.splitlines() if ' it/s ' in line]
    assert len(outputs[1]) == 4 and outputs[1] == outputs[2]  # the losses, to four digits
    for net, entry in (('g', 'params'), ('g', 'params_ema'), *([('d', 'params')] if gan else [])):
        one, two = (load_file(tmp_path / f'experiments/run{n}/models/net_{net}_latest.pth')[entry] for n in (1, 2))
        for name, value in one.items():
            torch.testing.assert_close(value, two[name], rtol=0, atol=1e-5 if gan else 1e-6)


@pytest.mark.slow
def test_a_seed_that_was_not_given_is_the_same_everywhere_and_samples_are_written_once(tmp_path, write_options):
    options = write_options(tmp_path, {'manual_seed': ..., 'sample_data': 'sample', 'train': {'total_iter': 2},
                                       'datasets': {'train': {'dataroot_gt': 'sample/train', 'batch_size_per_gpu': 1},
                                                    'val': ...}, 'val': ...})
    (tmp_path / 'show_seed.py').write_text(
        'from effsr.data import loaders\n'
        'original = loaders.TrainSampler\n'
        'def noted(*args):\n'
        '    open(f"seed_{args[5]}_{args[4]}", "w").close()\n'
        '    return original(*args)\n'
        'loaders.TrainSampler = noted\n')
    text = (tmp_path / options).read_text()
    (tmp_path / options).write_text(text + 'import: [show_seed]\n')
    done = launch(tmp_path, options, 2)
    assert done.returncode == 0, done.stderr
    seeds = sorted(path.name.split('_')[1:] for path in tmp_path.glob('seed_*'))
    assert [rank for rank, _ in seeds] == ['0', '1'] and seeds[0][1] == seeds[1][1]


@pytest.mark.slow
def test_replaced_samples_and_validations_of_two_processes_are_those_of_one(tmp_path, write_options):
    write_options(tmp_path)  # makes links to pictures that others use
    for part in ('train', 'val'):
        shutil.copytree((tmp_path / part).resolve(), tmp_path / f'own_{part}')
    for number in (3, 7, 11):
        (tmp_path / f'own_train/{number:02}.png').write_bytes(b'x')
    (tmp_path / 'own_val/02.png').write_bytes(b'x')
    skip = {'on_error': 'skip'}
    outputs = {}
    for processes in (1, 2):
        changes = {'name': f'run{processes}', 'val': {'val_freq': 3}, 'logger': {'use_tb_logger': True}, 'datasets': {
            'train': {'dataroot_gt': 'own_train', 'batch_size_per_gpu': 8 // processes, 'num_worker_per_gpu': 1,
                      **skip},
            'val': {'dataroot_gt': 'own_val', **skip}},
            'train': {'optim_g': {'type': 'SGD', 'lr': 0.0}}}  # weights that do not differ in their last bits
        done = launch(tmp_path, write_options(tmp_path, changes), processes)
        assert done.returncode == 0, done.stderr
        outputs[processes] = [line for line in done.stdout.splitlines()
                              if line.startswith('epoch ') or 'left out' in line]
    assert outputs[1] == outputs[2]
    assert [line.split(' replaced')[0] for line in outputs[1]] == [
        'held_out: 1 of 3 pictures left out: 02.png (not an image that can be read)', 'epoch 0: 2 samples',
        'held_out: 1 of 3 pictures left out: 02.png (not an image that can be read)', 'epoch 1: 3 samples']
    rows = [(tmp_path / f'experiments/run{n}/metrics.jsonl').read_bytes() for n in (1, 2)]
    assert rows[0] == rows[1] and rows[0].count(b'\n') == 2
