"""A run that is killed and resumed is the run that was not: at every step of writing a checkpoint, at any moment."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import itertools
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from faults import Faults, train

from effsr.runtime.checkpoint import load_file
from effsr.runtime.sidecar import read_sidecar

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks its runs')

TOTAL = 11
SAVED_AT = (4, 8, TOTAL)
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
    models, states = root / 'models', root / 'training_states'
    found = {path.name: load_file(path) for path in sorted(models.glob(f'net_*_{TOTAL}.pth'))}
    for network in ('g', 'd'):
        for path in models.glob(f'net_{network}_{TOTAL}.pth'):
            assert path.read_bytes() == (models / f'net_{network}_latest.pth').read_bytes()
    assert read_sidecar(models / 'net_g_latest.pth') == read_sidecar(models / f'net_g_{TOTAL}.pth')
    assert (states / 'latest.state').read_bytes() == (states / f'{TOTAL}.state').read_bytes()
    assert not [*root.rglob('*.tmp')] and [path.name for path in states.glob('*.pool')] == [f'{TOTAL}_rank0.pool']
    state = load_file(states / f'{TOTAL}.state')
    found['metrics'] = read_sidecar(models / 'net_g_latest.pth')['metrics']
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
    """Resume; the run must come through."""
    status = train(options, '--auto_resume', '--force_yml', f'name={name}')
    assert status == 0, Path('output.txt').read_text()[-3000:]


def whole_run(work, write_options, gan, workers=0):
    options = write_options(work, changes(workers), gan)
    assert train(options, '--force_yml', 'name=whole') == 0, Path('output.txt').read_text()[-3000:]
    return options


def forget(name):
    for top in ('experiments', 'tb_logger'):
        shutil.rmtree(Path(top) / name, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize(('gan', 'at'), [(False, 8), (True, 8), (False, TOTAL), (True, TOTAL)])
def test_killed_at_each_step_of_writing_a_checkpoint(work, write_options, gan, at):
    options = whole_run(work, write_options, gan)
    expected, shown = final('whole'), scalars('whole')
    record = Path('steps.txt')
    assert train(options, '--force_yml', 'name=counted', faults=Faults(at, record=record)) == 0
    steps = record.read_text().splitlines()
    for needed in ('half a file', f'replace .{at}.state', f'replace .net_g_{at}.pth', f'replace .{at}_rank0.pool',
                   'net_g_latest', 'latest.state', f'unlink {4 if at == 8 else 8}_rank0.pool', 'after it',
                   *(['net_d_latest'] if gan else [])):
        assert any(needed in step for step in steps), f'{needed} is no step of {steps}'
    # Both stages write in the same way; one checkpoint at every step is enough where time matters.
    chosen = range(1, len(steps) + 1, 1 if SOAK or (gan and at == 8) else 5)
    for number in chosen:
        forget('killed')
        assert train(options, '--force_yml', 'name=killed', faults=Faults(at, number)) == -signal.SIGKILL
        latest = load_file('experiments/killed/training_states/latest.state')['iter']
        assert latest in SAVED_AT, steps[number - 1]  # not one half written
        assert load_file('experiments/killed/models/net_g_latest.pth').keys() == {'params', 'params_ema'}
        resumed(options, 'killed')
        assert_same(final('killed'), expected, f'killed before step {number}, {steps[number - 1]}')
        assert shown == scalars('killed')
    assert not list(Path('experiments/killed').rglob('*.tmp'))


@pytest.mark.slow
def test_killed_while_resuming(work, write_options):
    """What lies past the iteration to resume from is put aside, purged and rewound; any of it may be cut short."""
    options = whole_run(work, write_options, False)
    expected, shown = final('whole'), scalars('whole')
    record = Path('steps.txt')

    def damaged(name):
        forget(name)
        for top in ('experiments', 'tb_logger'):
            shutil.copytree(Path(top) / 'whole', Path(top) / name)
        states = Path('experiments') / name / 'training_states'
        (states / f'{TOTAL}.state').write_bytes(b'')
        (states / '8.state').rename(states / '8_kept')  # its pool is gone, so that 4 with one stands for it
        shutil.copy(pool, states / '4_rank0.pool')

    assert train(options, '--force_yml', 'name=early', 'train:total_iter=4', 'train:scheduler:milestones=[3]') == 0
    pool = next(Path('experiments/early/training_states').glob('4_rank0.pool'))
    damaged('counted')
    flags = ['--auto_resume', '--force_yml']
    assert train(options, *flags, 'name=counted', faults=Faults(None, record=record)) == 0
    steps = record.read_text().splitlines()
    assert any('latest' in step for step in steps) and any('metrics.jsonl' in step for step in steps)
    for number in range(1, len(steps) + 1, 1 if SOAK else 4):
        damaged('killed')
        assert train(options, *flags, 'name=killed', faults=Faults(None, number)) == -signal.SIGKILL
        resumed(options, 'killed')
        assert_same(final('killed'), expected, f'killed before step {number}, {steps[number - 1]}')
        assert shown == scalars('killed')


class BrokenAt:
    """Installed like faults: gt is NaN at an iteration, as long as the learning rate is the full one."""

    def __init__(self, iteration, kill_after=None):
        self.iteration, self.kill_after, self.count = iteration, kill_after, 0

    def install(self):
        from effsr.loop import Loop
        from effsr.models.realesrnet_model import RealESRNetModel
        step, end = RealESRNetModel.optimize_parameters, Loop.end_iteration

        def broken(model, iteration):
            if iteration == self.iteration and model.learning_rate.factor == 1:
                model.gt = model.gt_usm = model.gt * float('nan')
            step(model, iteration)

        def counted(loop):
            self.count += 1
            end(loop)
            if self.count == self.kill_after:
                os.kill(os.getpid(), signal.SIGKILL)

        RealESRNetModel.optimize_parameters, Loop.end_iteration = broken, counted


@pytest.mark.slow
@pytest.mark.parametrize('policy', ['skip', 'rollback'])
def test_killed_around_a_step_that_breaks(work, write_options, policy):
    options = write_options(work, changes())
    flags = ['--force_yml', f'train:nonfinite:policy={policy}']
    assert train(options, *flags, 'name=whole', faults=BrokenAt(6)) == 0, Path('output.txt').read_text()[-3000:]
    expected = final('whole')
    assert expected['step']['watch']['rollbacks' if policy == 'rollback' else 'skipped'] == 1
    for kill_after in (5, 6, 7, 9):
        name = f'name=killed{kill_after}'
        assert train(options, *flags, name, faults=BrokenAt(6, kill_after)) == -signal.SIGKILL
        assert train(options, '--auto_resume', *flags, name, faults=BrokenAt(6)) == 0
        assert_same(final(name.removeprefix('name=')), expected, f'killed after {kill_after} iterations')


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
