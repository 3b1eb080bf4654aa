"""Runs with augmentation: killed and resumed they are those that were not, with any number of workers."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import signal
from pathlib import Path

import pytest
import torch
from faults import train

from effsr.runtime.checkpoint import load_file

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks its runs')

TOTAL = 7
AUGMENT = {'mixup': 0.25, 'cutmix': 0.2, 'cutblur': 0.3, 'resizemix': 0.2, 'rgb_permutation': 0.5}


class KilledAfter:
    """Installed like faults: the process is killed when so many iterations are over."""

    def __init__(self, iterations):
        self.left = iterations

    def install(self):
        from effsr.loop import Loop
        end = Loop.end_iteration

        def counted(loop):
            end(loop)
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)

        Loop.end_iteration = counted


@pytest.fixture
def run(tmp_path, monkeypatch, write_options):
    """run(name, *flags): the exit status of a training with a pool and two epochs."""
    monkeypatch.chdir(tmp_path)

    def start(name, *flags, **more):
        options = write_options(tmp_path, {
            'queue_size': 12, 'gt_usm': True, 'train': {'total_iter': TOTAL, 'augment': AUGMENT},
            'logger': {'save_checkpoint_freq': 3}, 'val': ..., 'datasets': {'val': ...}})
        return train(options, *flags, '--force_yml', f'name={name}', *more.pop('force', ()), **more)
    return start


def final(name):
    """Weights, averages and what decides the pairs to come."""
    states = Path('experiments') / name / 'training_states'
    state = load_file(states / f'{TOTAL}.state')
    return {'net': load_file(Path('experiments') / name / f'models/net_g_{TOTAL}.pth'),
            'pairs': state['pairs'], 'optimizers': state['optimizers'],
            'pool': load_file(states / f'{TOTAL}_rank0.pool')}


def flat(value, where=''):
    """(place, value) of all that something is made of."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else None
    if items is None:
        return [(where, value.numpy().tobytes() if isinstance(value, torch.Tensor) else value)]
    return [found for key, item in items for found in flat(item, f'{where}/{key}')]


def test_killed_and_resumed_or_read_by_workers_it_is_the_same(run):
    assert run('whole') == 0, Path('output.txt').read_text()[-3000:]
    expected = flat(final('whole'))
    assert run('killed', faults=KilledAfter(5)) == -signal.SIGKILL
    assert run('killed', '--auto_resume') == 0, Path('output.txt').read_text()[-3000:]
    assert flat(final('killed')) == expected
    assert run('workers', force=['datasets:train:num_worker_per_gpu=2']) == 0
    assert flat(final('workers')) == expected
    assert run('plain', force=['train:augment=~']) == 0
    assert flat(final('plain')['net']) != flat(final('whole')['net'])
    assert flat(final('plain')['pool']) == flat(final('whole')['pool'])  # which holds what is not augmented


@pytest.mark.parametrize('changes', ['where=workers', 'mode=batch'])
def test_either_way_of_degradation_trains(run, changes):
    flags = [f'degradation:{changes}', 'train:total_iter=2']
    assert run('some', force=flags) == 0, Path('output.txt').read_text()[-3000:]
