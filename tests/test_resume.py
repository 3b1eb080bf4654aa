"""A run that is killed and resumed is the run that was not: at every step of writing a checkpoint, at any moment."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import itertools
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from faults import Faults, train

from effsr.runtime.checkpoint import load_file

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks its runs')

SAVED_AT = (4, 8)
TOTAL = 11
MOMENTS = 3
SOAK = os.environ.get('EFFSR_SOAK') == '1'  # make soak: all of the matrix


def changes(workers=0, **more):
    """Two epochs and a half with a pool, a schedule, validations beside and between the checkpoints, TensorBoard."""
    return {'queue_size': 12, 'datasets': {'train': {'num_worker_per_gpu': workers, 'batch_size_per_gpu': 6}},
            'train': {'total_iter': TOTAL, 'scheduler': {'type': 'MultiStepLR', 'milestones': [3, 9]}},
            'val': {'val_freq': 4}, 'logger': {'save_checkpoint_freq': 4, 'use_tb_logger': True}, **more}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def final(name):
    """All that a run ends with: networks, averages, states of optimizers and schedules, random state, pool, scores."""
    root = Path('experiments') / name
    found = {path.name: load_file(path) for path in sorted((root / 'models').glob(f'net_*_{TOTAL}.pth'))}
    state = load_file(root / f'training_states/{TOTAL}.state')
    found |= {key: state[key] for key in ('optimizers', 'schedulers', 'step', 'rng', 'pairs', 'best', 'validated')}
    found |= {'pool': load_file(root / f'training_states/{TOTAL}_rank0.pool'),
              'rows': (root / 'metrics.jsonl').read_text().splitlines()}
    return found


def assert_same(one, two, where=''):
    """Bit for bit, whatever it is made of."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert list(one) == list(two), where
        for key in one:
            assert_same(one[key], two[key], f'{where}/{key}')
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), where
        for number, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_same(a, b, f'{where}/{number}')
    else:
        assert one == two, where


def scalars(name):
    """(tag, step) of all that a run told TensorBoard, without what depends on the clock."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    accumulator = EventAccumulator(str(Path('tb_logger') / name), size_guidance={'scalars': 0},
                                   purge_orphaned_data=False)
    accumulator.Reload()
    return {(tag, event.step, event.value) for tag in accumulator.Tags()['scalars']
            if tag.startswith(('losses/', 'metrics/', 'learning_rate/')) for event in accumulator.Scalars(tag)}


def resumed(options, name):
    """Resume until the run is through; a second process that is killed at once does no harm."""
    status = train(options, '--auto_resume', '--force_yml', f'name={name}')
    assert status == 0, Path('output.txt').read_text()[-3000:]


def whole_run(work, write_options, gan, workers=0):
    options = write_options(work, changes(workers), gan)
    assert train(options, '--force_yml', 'name=whole') == 0, Path('output.txt').read_text()[-3000:]
    return options


def forget(name):
    import shutil
    for top in ('experiments', 'tb_logger'):
        shutil.rmtree(Path(top) / name, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize('gan', [False, True])
def test_killed_at_each_step_of_writing_a_checkpoint(work, write_options, gan):
    options = whole_run(work, write_options, gan)
    expected, shown = final('whole'), scalars('whole')
    record = Path('steps.txt')
    assert train(options, '--force_yml', 'name=counted', faults=Faults(8, record=record)) == 0
    steps = record.read_text().splitlines()
    for needed in ('half a file', 'replace .8.state', 'replace .net_g_8.pth', 'replace .8_rank0.pool', 'net_g_latest',
                   'latest.state', 'unlink 4_rank0.pool', 'after it', *(['net_d_latest'] if gan else [])):
        assert any(needed in step for step in steps), f'{needed} is no step of {steps}'
    # Both stages write in the same way; one of them at every step is enough where time matters.
    chosen = range(1, len(steps) + 1) if gan or SOAK else range(1, len(steps) + 1, 7)
    for number in chosen:
        forget('killed')
        assert train(options, '--force_yml', 'name=killed', faults=Faults(8, number)) == -signal.SIGKILL
        latest = load_file('experiments/killed/training_states/latest.state')['iter']
        assert latest in SAVED_AT, steps[number - 1]
        assert load_file('experiments/killed/models/net_g_latest.pth').keys() == {'params', 'params_ema'}
        resumed(options, 'killed')
        assert_same(final('killed'), expected, f'killed before step {number}, {steps[number - 1]}')
        assert shown == scalars('killed')
    assert not list(Path('experiments/killed').rglob('*.tmp'))


@pytest.mark.slow
@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('workers', [0, 2])
def test_killed_at_any_moment(work, write_options, gan, workers):
    options = whole_run(work, write_options, gan, workers)
    expected = final('whole')
    start = time.perf_counter()
    assert train(options, '--force_yml', 'name=again') == 0
    duration = time.perf_counter() - start
    assert_same(final('again'), expected)
    moments = random.Random(f'{gan}{workers}')
    for number in range(20 if SOAK else MOMENTS):
        name = f'killed{number}'
        statuses = []
        for _ in itertools.count():  # until it is through
            flags = ['--auto_resume'] if statuses else []
            after = moments.uniform(0.2, 1) * duration if len(statuses) < 2 else None
            statuses.append(train(options, *flags, '--force_yml', f'name={name}', kill_after=after))
            if statuses[-1] == 0:
                break
            assert statuses[-1] == -signal.SIGKILL, Path('output.txt').read_text()[-3000:]
        assert_same(final(name), expected, str(statuses))


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize(('signum', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_asked_to_stop_it_saves_and_ends(work, write_options, signum, status, workers):
    options = whole_run(work, write_options, True, workers)
    steps = ['--force_yml', 'name=stopped', 'train:total_iter=10000', 'logger:save_checkpoint_freq=10000']
    assert train(options, *steps, kill_after=2.5, send=signum) == status
    saved, = (path for path in Path('experiments/stopped/training_states').glob('*.state') if path.stem.isdecimal())
    assert load_file(saved)['iter'] == int(saved.stem) > 0
    text = Path('output.txt').read_text()
    assert f'{signal.Signals(signum).name} at iteration {saved.stem}; saved, go on with --auto_resume' in text
    assert 'Traceback' not in text
    # The log goes on where it was left.
    longer = f'train:total_iter={int(saved.stem) + 2}'
    assert train(options, '--auto_resume', '--force_yml', 'name=stopped', longer) == 0


@pytest.mark.slow
def test_what_is_damaged_is_skipped_and_what_is_not_is_not_lost(work, write_options):
    options = whole_run(work, write_options, False)
    states = Path('experiments/whole/training_states')
    expected = final('whole')['net_g_11.pth']
    newest = states / f'{TOTAL}.state'
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed(options, 'whole')
    text = Path('output.txt').read_text()
    assert f'--auto_resume: skipped {TOTAL}.state: ' in text and 'The pair pool begins empty' in text
    assert (states / f'{TOTAL}.state.skipped').exists()
    assert final('whole')['net_g_11.pth'].keys() == expected.keys()
    for path in Path('experiments/whole/models').glob('*_g_*.pth'):
        path.write_bytes(b'')
    before = {path: path.stat().st_mtime_ns for path in Path('experiments').rglob('*')}
    assert train(options, '--auto_resume', '--force_yml', 'name=whole') == 1
    assert 'none of its 3 checkpoints is whole, and nothing was changed' in Path('output.txt').read_text()
    assert before == {path: path.stat().st_mtime_ns for path in Path('experiments').rglob('*')}


def rows(name):
    return [json.loads(line) for line in Path(f'experiments/{name}/metrics.jsonl').read_text().splitlines()]
