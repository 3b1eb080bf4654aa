"""A step is taken or not, bit for bit, whether the host knows or the device alone."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import copy

import pytest
import torch
from torch import distributed as dist
from torch import nn

from effsr.models.step import guard
from effsr.models.step.guard import Buffers, agree, all_finite, guarded_step, stay_finite

OPTIMIZERS = {
    'Adam': {}, 'Adam fused': {'fused': True, 'amsgrad': True}, 'AdamW': {'weight_decay': 0.1},
    'AdamW fused': {'fused': True}, 'SGD': {'momentum': 0.9, 'dampening': 0.3, 'weight_decay': 0.1},
    'SGD fused': {'momentum': 0.9, 'dampening': 0.3, 'nesterov': False, 'fused': True},
    'SGD plain': {}, 'SGD plain fused': {'fused': True}, 'Adagrad': {}, 'Adagrad fused': {'fused': True},
    'NAdam': {}, 'RMSprop': {'momentum': 0.5, 'centered': True}, 'RAdam': {}, 'Rprop': {}, 'Adadelta': {},
    'Adamax': {}, 'ASGD': {}, 'Adafactor': {}}
YES, NO = torch.tensor(True), torch.tensor(False)
CPU = torch.device('cpu')


@pytest.fixture(params=[True, False], ids=['host', 'device'])
def looks(request, monkeypatch):
    """Whether the host reads flags, as on a CPU, or must do without, as on an accelerator."""
    monkeypatch.setattr(guard, 'host_may_look', lambda flag: request.param)
    return request.param


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
@pytest.mark.usefixtures('looks')
@pytest.mark.parametrize('name', OPTIMIZERS)
def test_a_bad_step_changes_nothing_and_later_steps_are_those_without_it(name, steps_before, broken):
    net, optimizer = make(name)
    plain_net, plain = make(name)
    for seed in range(steps_before):
        for one, its in ((net, optimizer), (plain_net, plain)):
            gradients(one, seed)
            its.step()
    before = everything(net, optimizer)
    gradients(net, 50, broken)
    ok = all_finite((p.grad for p in net.parameters()), CPU)
    assert not ok and all(guarded_step(optimizer, ok))
    assert_same(everything(net, optimizer), before)
    for seed in (60, 61):
        gradients(net, seed)
        assert all(guarded_step(optimizer, YES))
        gradients(plain_net, seed)
        plain.step()
    after = everything(net, optimizer)
    assert_same(after, everything(plain_net, plain))
    assert all(value.isfinite().all() for value in after.values() if torch.is_tensor(value))


@pytest.mark.parametrize('name', ['AdamWScheduleFree', 'SGDScheduleFree', 'RAdamScheduleFree'])
def test_schedule_free(name, looks):
    """Their counters are on the host; they go on where it does not know."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    optimizer = getattr(pytest.importorskip('schedulefree'), name)(net.parameters(), lr=0.01)
    optimizer.train()
    for seed in (0, 1):
        gradients(net, seed)
        guarded_step(optimizer, YES)
    before, counter = everything(net, optimizer), optimizer.param_groups[0]['k']
    gradients(net, 2, float('nan'))
    guarded_step(optimizer, NO)
    assert_same(everything(net, optimizer), before)
    assert optimizer.param_groups[0]['k'] == counter + (not looks)


@pytest.mark.parametrize('name', ['Adam', 'AdamW fused', 'SGD fused', 'RMSprop'])
@pytest.mark.usefixtures('looks')
def test_only_weights_with_a_gradient_take_part(name):
    net, optimizer = make(name)
    plain_net, plain = make(name)
    for one, its, guarded in ((net, optimizer, True), (plain_net, plain, False)):
        gradients(one, 1)
        its.step()
        gradients(one, 2)
        one[1].weight.grad = None
        guarded_step(its, YES) if guarded else its.step()
    assert_same(everything(net, optimizer), everything(plain_net, plain))


def broken_by_itself(name, **arguments):
    """A weight and its optimizer, and the gradients under which the optimizer breaks in the last of its steps."""
    weight = nn.Parameter(torch.ones(2))
    if name == 'Adagrad':  # 4 * 1e38 is more than fp32 holds
        return weight, torch.optim.Adagrad([weight], lr=0.1, **arguments), [[1e19, 1.0]] * 4, 'state'
    if name == 'Adam':
        return weight, torch.optim.Adam([weight], lr=0.1, eps=0.0, **arguments), [[1.0, 0.0]], 'weights'
    optimizer = pytest.importorskip('schedulefree').AdamWScheduleFree([weight], lr=0.1, eps=0.0)
    optimizer.train()
    return weight, optimizer, [[1.0, 0.0]], 'both'


@pytest.mark.usefixtures('looks')
@pytest.mark.parametrize('name', ['Adagrad', 'Adam', 'AdamWScheduleFree'])
def test_what_the_step_itself_breaks_is_put_back_and_told(name):
    """Of sound gradients; and the next sound step is taken."""
    weight, optimizer, gradients_of_steps, what = broken_by_itself(name)
    for number, gradient in enumerate(gradients_of_steps, start=1):
        before = copy.deepcopy((weight.data, dict(optimizer.state[weight])))
        weight.grad = torch.tensor(gradient)
        found = guarded_step(optimizer, YES)
        assert all(found) is (number < len(gradients_of_steps))
    assert [bool(flag) for flag in found] == {'state': [True, False], 'weights': [False, True],
                                              'both': [False, False]}[what]
    assert torch.equal(weight.data, before[0])
    assert_same(dict(optimizer.state[weight]), before[1])
    weight.grad = torch.ones(2)
    assert all(guarded_step(optimizer, YES)) and not torch.equal(weight.data, before[0])


def test_of_a_fused_optimizer_only_the_weights_are_put_back_where_the_host_does_not_look(monkeypatch):
    monkeypatch.setattr(guard, 'host_may_look', lambda flag: False)
    weight, optimizer, (gradient,), _ = broken_by_itself('Adam', fused=True)
    for wanted, told in (([1.0, 1.0], [True, True]), ([0.0, 0.0], [True, True])):
        weight.grad = torch.tensor(wanted)
        assert [bool(flag) for flag in guarded_step(optimizer, YES)] == told
    optimizer.state[weight]['exp_avg_sq'].zero_()
    before = weight.detach().clone()
    weight.grad = torch.tensor(gradient)
    assert [bool(flag) for flag in guarded_step(optimizer, YES)] == [False, True]
    assert torch.equal(weight.data, before)


@pytest.mark.usefixtures('looks')
def test_all_finite():
    good, nan, inf = torch.zeros(3, 2), torch.tensor([0.0, float('nan')]), torch.tensor(float('-inf'))
    assert all_finite([good, torch.tensor(1)], CPU).dtype == torch.bool and all_finite([good], CPU).shape == ()
    assert all_finite([good, good[0], torch.empty(0)], CPU) and all_finite([], CPU)
    assert not all_finite([good, nan], CPU) and not all_finite(iter([inf]), CPU)
    assert not all_finite([good, nan.bfloat16()], CPU) and not all_finite([torch.stack([inf, -inf])], CPU)
    assert all_finite([torch.full((9,), -3e37)], CPU)  # its norm is infinite


def test_what_was_infinite_from_the_start_may_stay():
    good, mask = torch.zeros(2), torch.tensor([0.0, float('-inf')])
    assert stay_finite([good, mask], [good, mask]) and stay_finite([mask], [good])
    assert not stay_finite([good, mask], [mask, mask])


def test_without_processes_the_flag_is_agreed_on():
    assert agree(YES) and not agree(NO)


def test_one_process_that_objects_is_enough(tmp_path):
    """A group of one; of two in the tests of several processes."""
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        assert agree(YES).dtype == torch.bool and agree(YES) and not agree(NO)
    finally:
        dist.destroy_process_group()


@pytest.mark.usefixtures('looks')
def test_buffers_of_a_bad_pass_go():
    net = nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4))
    net(torch.rand(2, 3, 5, 5))
    before = copy.deepcopy(dict(net.named_buffers()))
    saved = Buffers(net, 'network_g')
    assert saved.flags() == {'statistics of network_g': True}
    net(torch.full((2, 3, 5, 5), float('nan')))
    assert not net[1].running_mean.isfinite().all() and saved.flags() == {'statistics of network_g': False}
    saved.restore_unless(NO)
    assert_same(dict(net.named_buffers()), before)
    saved = Buffers(net, 'network_g')
    net(torch.rand(2, 3, 5, 5))
    now = copy.deepcopy(dict(net.named_buffers()))
    saved.restore_unless(YES)
    assert_same(dict(net.named_buffers()), now)
    assert int(now['1.num_batches_tracked']) == 2
    assert Buffers(nn.Linear(2, 2), 'network_g').flags() == {}
