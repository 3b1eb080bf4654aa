"""Optimizers by name, those that cannot be used, and the weights of schedule-free ones."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from effsr.models.step import optimizers
from effsr.models.step.optimizers import averaged, build_optimizer, is_schedule_free
from effsr.options import Component, OptionError, components
from effsr.options.components import SCHEDULE_FREE


def refused(match, call, *args):
    with pytest.raises(OptionError, match=match) as caught:
        call(*args)
    assert '\n' not in str(caught.value)


def test_an_optimizer_by_name_gets_the_trained_parameters_alone():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    net[1].bias.requires_grad_(False)
    optimizer = build_optimizer(Component(type='AdamW', lr=0.5, betas=[0.8, 0.9]), net.parameters(), 'optim_g')
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.defaults['lr'] == 0.5 and tuple(optimizer.defaults['betas']) == (0.8, 0.9)
    assert [tuple(p.shape) for p in optimizer.param_groups[0]['params']] == [(3, 2), (3,), (1, 3)]


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'Adaam'}, r'train\.optim_g\.type: torch\.optim has no optimizer called Adaam'),
    ({'type': 'lr_scheduler'}, 'no optimizer called lr_scheduler'),
    ({'type': 'Optimizer'}, 'no optimizer called Optimizer'),
    ({'type': 'LBFGS'}, r'train\.optim_g\.type: LBFGS computes the losses several times'),
    ({'type': 'SparseAdam'}, r'train\.optim_g\.type: SparseAdam takes sparse gradients'),
    ({'type': 'Adam', 'rate': 1}, r'train\.optim_g: Adam: .*rate'),
    ({'type': 'Adam', 'lr': -1.0}, r'train\.optim_g: Adam: .*-1'),
    ({'type': 'Adam', 'lr': 'fast'}, r'train\.optim_g: Adam: '),
    # What only a step refuses.
    ({'type': 'Adam', 'capturable': True}, r'train\.optim_g: Adam: AssertionError: .*; check its arg.*capturable'),
    ({'type': 'Adam', 'differentiable': True}, r'train\.optim_g: Adam: RuntimeError: .*differentiable'),
])
def test_optimizer_errors(options, match):
    refused(match, build_optimizer, Component(**options), nn.Linear(1, 1).parameters(), 'optim_g')


@pytest.mark.parametrize('name', ['Adam', 'SGD', *SCHEDULE_FREE])
def test_the_step_that_is_tried_leaves_everything_as_it_was(name):
    if name in SCHEDULE_FREE:
        pytest.importorskip('schedulefree')
    net = nn.Linear(2, 3)
    before, state = [parameter.detach().clone() for parameter in net.parameters()], torch.get_rng_state()
    optimizer = build_optimizer(Component(type=name, lr=0.5, weight_decay=0.1), net.parameters(), 'optim_g')
    assert all(torch.equal(*pair) for pair in zip(net.parameters(), before, strict=True))
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(optimizer.state.values()) and torch.equal(torch.get_rng_state(), state)


def losses_of(optimizer, net, count=12):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(8, 2, generator=generator)
    found = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = (net(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


FIRST_ORDER = ['ASGD', 'Adadelta', 'Adafactor', 'Adagrad', 'Adam', 'AdamW', 'Adamax', 'NAdam', 'RAdam', 'RMSprop',
               'Rprop', 'SGD']


@pytest.mark.parametrize('name', FIRST_ORDER)
def test_every_first_order_optimizer_of_torch(name):
    if not isinstance(getattr(torch.optim, name, None), type):
        pytest.skip('not in this version of torch')
    torch.manual_seed(0)
    net = nn.Linear(2, 1)
    optimizer = build_optimizer(Component(type=name, lr=0.01), net.parameters(), 'optim_g')
    losses = losses_of(optimizer, net)
    assert losses[-1] < losses[0]
    assert not optimizer.defaults.get('fused') and not is_schedule_free(optimizer)
    before = [parameter.clone() for parameter in net.parameters()]
    with averaged(optimizer), averaged(None):
        assert all(torch.equal(*pair) for pair in zip(net.parameters(), before, strict=True))


def test_fused_where_the_class_has_it_and_nothing_else_was_said(monkeypatch):
    on_gpu = [SimpleNamespace(device=torch.device('cuda'))]
    assert optimizers._wants_fused(torch.optim.AdamW, Component(type='AdamW'), on_gpu)
    assert not optimizers._wants_fused(torch.optim.AdamW, Component(type='AdamW', foreach=True), on_gpu)
    assert not optimizers._wants_fused(torch.optim.RAdam, Component(type='RAdam'), on_gpu)
    assert not optimizers._wants_fused(torch.optim.Adam, Component(type='Adam'), [torch.zeros(1)])


@pytest.mark.parametrize('name', SCHEDULE_FREE)
def test_schedule_free_weights_for_use_and_of_training(name):
    pytest.importorskip('schedulefree')
    torch.manual_seed(0)
    net = nn.Linear(2, 1)
    optimizer = build_optimizer(Component(type=name, lr=0.05), net.parameters(), 'optim_g')
    losses = losses_of(optimizer, net)
    assert losses[-1] < losses[0] and is_schedule_free(optimizer)
    in_training = [parameter.detach().clone() for parameter in net.parameters()]
    beta = optimizer.param_groups[0].get('betas', (optimizer.param_groups[0].get('momentum'),))[0]
    with averaged(optimizer):
        with averaged(optimizer):  # within another: still those for use
            for parameter, y in zip(net.parameters(), in_training, strict=True):
                # y = (1 - beta) z + beta x (arXiv 2405.15682, equation 3)
                x = (y - (1 - beta) * optimizer.state[parameter]['z']) / beta
                assert not torch.equal(parameter, y)
                torch.testing.assert_close(parameter.detach(), x, rtol=0, atol=1e-5)
        assert not optimizer.param_groups[0]['train_mode']
    assert all(torch.equal(*pair) for pair in zip(net.parameters(), in_training, strict=True))
    losses_of(optimizer, net, 1)  # steps again


def test_schedule_free_weights_come_back_after_an_error():
    pytest.importorskip('schedulefree')
    net = nn.Linear(2, 1)
    optimizer = build_optimizer(Component(type='AdamWScheduleFree', lr=0.05), net.parameters(), 'optim_g')
    losses_of(optimizer, net)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    with pytest.raises(KeyError), averaged(optimizer):
        raise KeyError
    assert all(torch.equal(*pair) for pair in zip(net.parameters(), before, strict=True))


def test_schedule_free_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(components, '_schedule_free', dict)
    refused(r'train\.optim_g\.type: AdamWScheduleFree is of the package schedulefree, .*pip install schedulefree',
            build_optimizer, Component(type='AdamWScheduleFree'), nn.Linear(1, 1).parameters(), 'optim_g')
