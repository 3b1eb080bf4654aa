"""A step is taken or not, bit for bit, whether the host knows or the device alone."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import copy

import pytest
import torch
from torch import distributed as dist
from torch import nn

from effsr.models.step.guard import Buffers, agree, all_finite, guarded_step

OPTIMIZERS = {
    'Adam': {}, 'Adam fused': {'fused': True, 'amsgrad': True}, 'AdamW': {'weight_decay': 0.1},
    'AdamW fused': {'fused': True}, 'SGD': {'momentum': 0.9, 'dampening': 0.3, 'weight_decay': 0.1},
    'SGD fused': {'momentum': 0.9, 'dampening': 0.3, 'nesterov': False, 'fused': True},
    'SGD plain': {}, 'SGD plain fused': {'fused': True}, 'Adagrad': {}, 'Adagrad fused': {'fused': True},
    'NAdam': {}, 'RMSprop': {'momentum': 0.5, 'centered': True}, 'RAdam': {}, 'Rprop': {}, 'Adadelta': {},
    'Adamax': {}, 'ASGD': {}, 'Adafactor': {}}
YES, NO = torch.tensor(True), torch.tensor(False)


def make(name):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    return net, getattr(torch.optim, name.split()[0])(net.parameters(), lr=0.01, **OPTIMIZERS[name])


def gradients(net, seed, broken=None):
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    if broken is not None:
        net[0].weight.grad[0, 0] = broken
        net[1].bias.grad.fill_(broken)


def everything(net, optimizer):
    """Copies of all tensors of weights and state."""
    state = {(index, key): value for index, values in optimizer.state_dict()['state'].items()
             for key, value in values.items()}
    return copy.deepcopy({**net.state_dict(), **state})


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.is_tensor(value) == torch.is_tensor(other[key])
        assert torch.equal(value, other[key]) if torch.is_tensor(value) else value == other[key], key


@pytest.mark.parametrize('broken', [float('nan'), float('inf')])
@pytest.mark.parametrize('steps_before', [0, 1, 3])
@pytest.mark.parametrize('host_knows', [True, False, None])
@pytest.mark.parametrize('name', OPTIMIZERS)
def test_a_bad_step_changes_nothing_and_later_steps_are_those_without_it(name, host_knows, steps_before, broken):
    net, optimizer = make(name)
    plain_net, plain = make(name)
    for seed in range(steps_before):
        for one, its in ((net, optimizer), (plain_net, plain)):
            gradients(one, seed)
            its.step()
    before = everything(net, optimizer)
    gradients(net, 50, broken)
    guarded_step(optimizer, all_finite(p.grad for p in net.parameters()), host_knows)
    assert_same(everything(net, optimizer), before)
    for seed in (60, 61):
        gradients(net, seed)
        guarded_step(optimizer, YES, host_knows)
        gradients(plain_net, seed)
        plain.step()
    after = everything(net, optimizer)
    assert_same(after, everything(plain_net, plain))
    assert all(value.isfinite().all() for value in after.values() if torch.is_tensor(value))


@pytest.mark.parametrize('name', ['AdamWScheduleFree', 'SGDScheduleFree', 'RAdamScheduleFree'])
@pytest.mark.parametrize('host_knows', [True, False])
def test_schedule_free(name, host_knows):
    """Their counters are on the host; they go on where it does not know."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    optimizer = getattr(pytest.importorskip('schedulefree'), name)(net.parameters(), lr=0.01)
    optimizer.train()
    for seed in (0, 1):
        gradients(net, seed)
        guarded_step(optimizer, YES, host_knows)
    before, counter = everything(net, optimizer), optimizer.param_groups[0]['k']
    gradients(net, 2, float('nan'))
    guarded_step(optimizer, NO, host_knows)
    assert_same(everything(net, optimizer), before)
    assert optimizer.param_groups[0]['k'] == counter + (not host_knows)


@pytest.mark.parametrize('name', ['Adam', 'AdamW fused', 'SGD fused', 'RMSprop'])
def test_only_weights_with_a_gradient_take_part(name):
    net, optimizer = make(name)
    plain_net, plain = make(name)
    for one, its, guard in ((net, optimizer, True), (plain_net, plain, False)):
        gradients(one, 1)
        its.step()
        gradients(one, 2)
        one[1].weight.grad = None
        guarded_step(its, YES, False) if guard else its.step()
    assert_same(everything(net, optimizer), everything(plain_net, plain))


def test_after_the_first_step_the_flag_is_never_read(monkeypatch):
    """Reading a flag of an accelerator makes the host wait; a meta tensor cannot be read at all."""
    for name in ('Adam fused', 'SGD fused', 'NAdam', 'SGD plain'):
        net, optimizer = make(name)
        gradients(net, 0)
        optimizer.step()
        gradients(net, 1)

        def refuse(self):
            raise AssertionError('the host read a flag')
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, '__bool__', refuse)
            guarded_step(optimizer, torch.tensor(False), host_knows=False)
        assert not list(filter(lambda key: 'found' in key, vars(optimizer)))


def test_all_finite():
    good, nan, inf = torch.zeros(3, 2), torch.tensor([0.0, float('nan')]), torch.tensor(float('-inf'))
    assert all_finite([good, torch.tensor(1)]).dtype == torch.bool and all_finite([good]).shape == ()
    assert all_finite([good, good[0]]) and all_finite([])
    assert not all_finite([good, nan]) and not all_finite(iter([inf])) and not all_finite([nan.bfloat16()])


def test_without_processes_the_flag_is_agreed_on():
    assert agree(YES) and not agree(NO)


def test_one_process_that_objects_is_enough(tmp_path):
    """A group of one; of two in the tests of several processes."""
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        assert agree(YES).dtype == torch.bool and agree(YES) and not agree(NO)
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize('host_knows', [True, False, None])
def test_buffers_of_a_bad_pass_go(host_knows):
    net = nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4))
    net(torch.rand(2, 3, 5, 5))
    before = copy.deepcopy(dict(net.named_buffers()))
    saved = Buffers(net)
    net(torch.full((2, 3, 5, 5), float('nan')))
    assert not net[1].running_mean.isfinite().all()
    saved.restore_unless(NO, host_knows)
    assert_same(dict(net.named_buffers()), before)
    saved = Buffers(net)
    net(torch.rand(2, 3, 5, 5))
    now = copy.deepcopy(dict(net.named_buffers()))
    saved.restore_unless(YES, host_knows)
    assert_same(dict(net.named_buffers()), now)
    assert int(now['1.num_batches_tracked']) == 2
