"""Training states: which is the newest whole one, and what is said of the others."""
import logging

import pytest
import torch

from effsr.runtime.checkpoint import CheckpointError, file_digest, save_atomic
from effsr.runtime.state import check_whole, find_resume_state, newest_whole, put_aside, read_state


@pytest.fixture
def run(tmp_path):
    for iteration in (5, 10, 15):
        write(tmp_path, iteration)
    return tmp_path


@pytest.fixture
def told(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    caplog.set_level(logging.INFO, 'basicsr')
    return caplog


def write(folder, iteration, digest=True):
    weights = folder / 'models' / f'net_g_{iteration}.pth'
    save_atomic({'params': {'weight': torch.full((50,), float(iteration))}}, weights)
    state = {'iter': iteration, 'epoch': 0, 'optimizers': [], 'schedulers': []}
    if digest:
        state['files'] = {f'models/{weights.name}': file_digest(weights)}
    save_atomic(state, folder / 'training_states' / f'{iteration}.state')


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xff
    path.write_bytes(data)


def test_the_newest(run):
    assert newest_whole(run / 'training_states') == (run / 'training_states/15.state', [])
    assert newest_whole(run / 'none') == (None, [])


@pytest.mark.parametrize('damage', [
    lambda run: (run / 'training_states/15.state').write_bytes(b''),
    lambda run: cut_off(run / 'training_states/15.state'),
    lambda run: flip(run / 'training_states/15.state', 200),
    lambda run: flip(run / 'models/net_g_15.pth', -300),
    lambda run: (run / 'models/net_g_15.pth').unlink(),
    lambda run: (run / 'models/net_g_15.pth').write_bytes((run / 'models/net_g_10.pth').read_bytes()),
    lambda run: save_atomic([1, 2], run / 'training_states/15.state'),
])
def test_a_damaged_one_is_skipped_and_named(run, told, damage):
    damage(run)
    found = newest_whole(run / 'training_states')
    assert found.path == run / 'training_states/10.state'
    reason, = found.skipped
    assert reason.startswith('15.state: ') and '15' in reason
    assert find_resume_state(str(run / 'training_states'), True, None) == found.path
    assert '--auto_resume: skipped 15.state: ' in told.text


def test_none_is_whole(run):
    for path in (run / 'models').iterdir():
        path.unlink()
    before = sorted(run.rglob('*'))
    with pytest.raises(CheckpointError, match='none of its 3 checkpoints is whole, and nothing was changed') as caught:
        find_resume_state(str(run / 'training_states'), True, None)
    named = [line.partition(':')[0] for line in str(caught.value).splitlines()[1:]]
    assert named == ['15.state', '10.state', '5.state']
    assert sorted(run.rglob('*')) == before


def test_a_state_without_checksums_needs_weights_that_can_be_read(run):
    write(run, 20, digest=False)
    check_whole(run / 'training_states/20.state')
    (run / 'models/net_g_20.pth').write_bytes(b'PK\x03\x04')
    with pytest.raises(CheckpointError, match='net_g_20.pth: truncated'):
        check_whole(run / 'training_states/20.state')


def test_a_named_state_is_checked_too(run):
    state = str(run / 'training_states/5.state')
    assert str(find_resume_state(None, False, state)) == state
    assert find_resume_state(None, False, None) is None
    (run / 'models/net_g_5.pth').unlink()
    with pytest.raises(CheckpointError, match='net_g_5.pth: no such file'):
        find_resume_state(None, False, state)


def test_auto_resume_without_states(run, tmp_path, told):
    empty = str(tmp_path / 'empty')
    assert find_resume_state(empty, True, None) is None
    assert 'starting afresh' in told.text
    state = str(run / 'training_states/5.state')
    assert str(find_resume_state(empty, True, state)) == state
    assert f'going on from {state}' in told.text


def test_what_is_no_state_of_a_number_is_left_alone(run):
    for name in ('latest.state', '20.state.skipped', '.21.state.99.tmp', '20_rank0.pool'):
        (run / 'training_states' / name).touch()
    assert newest_whole(run / 'training_states').path.name == '15.state'


def test_read_state(run):
    path = run / 'training_states/15.state'
    assert read_state(path)['iter'] == read_state(path, 15)['iter'] == 15
    with pytest.raises(CheckpointError, match='is of iteration 15, past train: total_iter 14; raise total_iter'):
        read_state(path, 14)
    with pytest.raises(CheckpointError, match='is no training state; accepted'):
        read_state(run / 'models/net_g_5.pth')


def test_later_ones_are_put_aside(run, told):
    (run / 'training_states/15_rank0.pool').touch()
    put_aside(run / 'training_states', run / 'models', 5)
    assert newest_whole(run / 'training_states').path.name == '5.state'
    assert sorted(path.name for path in (run / 'models').iterdir()) == [
        'net_g_10.pth.skipped', 'net_g_15.pth.skipped', 'net_g_5.pth']
    assert (run / 'training_states/15_rank0.pool.skipped').exists()
    assert '15.state and its weights lie past iteration 5' in told.text
    put_aside(run / 'training_states', run / 'models', 5)


def test_latest_stands_in_where_it_alone_is_left(run):
    states = run / 'training_states'
    (states / '15.state').rename(states / 'latest.state')
    assert newest_whole(states).path.name == '10.state'
    for number in (5, 10):
        (states / f'{number}.state').unlink()
    assert newest_whole(states).path.name == 'latest.state'
    (run / 'models/net_g_15.pth').unlink()
    with pytest.raises(CheckpointError, match='none of its 1 checkpoints is whole'):
        newest_whole(states)
