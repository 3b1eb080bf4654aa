"""Losses that are sums: two processes are one with twice the batch, in weights, in the log, in the norms."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from effsr.runtime.checkpoint import load_file

ROOT = Path(__file__).parents[3]
SUM = {'type': 'L1Loss', 'reduction': 'sum', 'loss_weight': 1e-3}


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
@pytest.mark.parametrize(('gan', 'parts'), [(False, 1), (False, 2), (True, 1)])
def test_two_processes_that_sum_are_one_with_twice_the_batch(tmp_path, write_options, gan, parts):
    logs = {}
    sgd = {'type': 'SGD', 'lr': 0.01}
    losses = {'pixel_opt': SUM, **({'ldl_opt': SUM, 'optim_d': sgd} if gan else {})}
    for processes in (1, 2):
        changes = {'name': f'run{processes}', 'val': ..., 'datasets': {'val': ..., 'train': {
            'batch_size_per_gpu': 8 // processes}}, 'train': {'total_iter': 3, 'optim_g': sgd, **losses, 'accumulate':
                                                              parts if processes == 2 else 1}}
        done = launch(tmp_path, write_options(tmp_path, changes, gan), processes)
        assert done.returncode == 0, done.stderr
        logs[processes] = [line.split('lr')[1] for line in done.stdout.splitlines() if ' it/s ' in line]
    assert len(logs[1]) == 3 and logs[1] == logs[2]
    one, two = (load_file(tmp_path / f'experiments/run{n}/models/net_g_latest.pth')['params'] for n in (1, 2))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=1e-5 if gan else 1e-6)
