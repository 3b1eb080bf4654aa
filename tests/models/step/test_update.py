"""An optimizer's step: norm, clipping, and the step that is not taken."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.models.step import guard
from effsr.models.step.guard import Buffers
from effsr.models.step.precision import LossScale, Precision
from effsr.models.step.update import Update, total_norm

CPU = torch.device('cpu')
NAN, INF = float('nan'), float('inf')


def update(clip=None, scaled=False):
    """An update of two weights whose gradient is 3 and 4."""
    precision = Precision('fp32', CPU)
    precision.loss_scale = LossScale(CPU) if scaled else None
    weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    made = Update(torch.optim.SGD(weights, 1.0), 'network_g', precision, clip)
    return made, weights


def step(made, weights, factor=1.0):
    losses = {'l_pix': 3 * weights[0].sum() * factor, 'l_gan': 4 * weights[1].sum()}
    made.begin()
    made.backward(losses)
    return made.apply(losses)


def finite(gradient=True, weights=True, state=True):
    """The flags of a step besides those of its losses."""
    return {'gradient of network_g': gradient, 'weights of network_g': weights, 'state of optim_g': state}


def values(weights):
    return [weight.item() for weight in weights]


@pytest.mark.parametrize('scaled', [False, True])
def test_the_norm_and_the_step(scaled):
    made, weights = update(scaled=scaled)
    assert step(made, weights) and made.ok and made.norm.item() == 5.0
    assert values(weights) == [-3.0, -4.0]
    assert made.flags() == {'l_pix': True, 'l_gan': True, **finite()}
    step(made, weights)  # the gradients of the step before are forgotten
    assert made.norm.item() == 5.0


def test_clipping_shortens_what_is_longer_and_tells_the_length_before():
    made, weights = update(clip=0.5)
    step(made, weights)
    assert made.norm.item() == 5.0
    assert values(weights) == pytest.approx([-0.3, -0.4], abs=1e-6)
    made, weights = update(clip=50.0)
    step(made, weights)
    assert values(weights) == [-3.0, -4.0]


def test_clipping_is_that_of_torch():
    torch.manual_seed(0)
    nets = [nn.Linear(5, 3) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    inputs = torch.rand(4, 5)
    optimizers = [torch.optim.SGD(net.parameters(), 0.1) for net in nets]
    made = Update(optimizers[0], 'network_d', Precision('fp32', CPU), 0.7)
    for _ in range(3):
        losses = [net(inputs).square().sum() for net in nets]
        made.begin()
        made.backward({'l': losses[0]})
        made.apply({'l': losses[0]})
        optimizers[1].zero_grad()
        losses[1].backward()
        norm = torch.nn.utils.clip_grad_norm_(nets[1].parameters(), 0.7)
        optimizers[1].step()
        torch.testing.assert_close(made.norm, norm)
    for ours, theirs in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('factor', [NAN, INF])
def test_a_step_that_is_not_finite_is_not_taken(factor):
    made, weights = update(clip=1.0)
    step(made, weights)
    before = values(weights)
    assert not step(made, weights, factor)
    assert values(weights) == before
    assert made.flags() == {'l_pix': False, 'l_gan': True, **finite(gradient=False)}
    assert step(made, weights) and values(weights) != before


def test_a_gradient_alone_that_is_not_finite():
    made, weights = update()
    made.begin()
    losses = {'l_pix': (weights[0] * 0).sqrt().sum()}  # 0, with a slope of infinity times 0
    made.backward(losses)
    assert not made.apply(losses)
    assert made.flags() == {'l_pix': True, **finite(gradient=False)}


def test_an_overflow_of_scaled_gradients_is_told_only_when_the_scale_has_fallen_below_one():
    made, weights = update(scaled=True)
    for start, told in ((65536.0, False), (2.0, False), (1.0, True)):
        made.precision.load_state_dict({'scale': start, 'good_steps': 5})
        losses = {'l_pix': (weights[0] * 0).sqrt().sum()}
        made.begin()
        made.backward(losses)
        assert not made.apply(losses)
        assert bool(made.flags()['gradient of network_g']) is not told
    # A loss that is not finite is told at any scale.
    made.precision.load_state_dict({'scale': 65536.0, 'good_steps': 5})
    assert not step(made, weights, NAN) and not made.flags()['l_pix']


def test_the_norm_of_many():
    assert total_norm([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]).item() == 5.0
    assert total_norm([]).item() == 0.0
    assert total_norm([torch.tensor([1.0]), torch.tensor([NAN])]).isnan()


@pytest.mark.parametrize('looks', [True, False])
def test_weights_that_an_optimizer_breaks_are_put_back(monkeypatch, looks):
    monkeypatch.setattr(guard, 'host_may_look', lambda flag: looks)
    weights = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))]
    made = Update(torch.optim.Adam(weights, 0.1, eps=0), 'network_g', Precision('fp32', CPU))
    for gradient, taken in (([1.0, 2.0], True), ([1.0, 2.0], True)):
        losses = {'l_pix': (weights[0] * torch.tensor(gradient)).sum() + weights[1].sum()}
        made.begin()
        made.backward(losses)
        assert bool(made.apply(losses)) is taken
    fresh = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))]
    made = Update(torch.optim.Adam(fresh, 0.1, eps=0), 'network_g', Precision('fp32', CPU))
    losses = {'l_pix': (fresh[0] * torch.tensor([1.0, 0.0])).sum() + fresh[1].sum()}  # 0 / 0
    made.begin()
    made.backward(losses)
    assert not made.apply(losses)
    assert made.flags() == {'l_pix': True, **finite(weights=False)}
    assert fresh[0].tolist() == [1.0, 1.0] and fresh[1].tolist() == [1.0]


def test_a_gradient_whose_square_an_optimizer_could_not_remember():
    weight = nn.Parameter(torch.zeros(1))
    made = Update(torch.optim.Adam([weight], 0.1), 'network_g', Precision('fp32', CPU))
    for size, taken in ((1e15, True), (1e25, False), (1.0, True)):
        losses = {'l_pix': (weight * size).sum()}
        made.begin()
        made.backward(losses)
        assert bool(made.apply(losses)) is taken
        assert all(value.isfinite().all() for value in made.optimizer.state[weight].values())


def test_sums_of_squares_that_adagrad_cannot_hold():
    weight = nn.Parameter(torch.ones(1))
    made = Update(torch.optim.Adagrad([weight], 0.1), 'network_d', Precision('fp32', CPU))
    taken = []
    for _ in range(6):
        losses = {'l_d_real': (weight * 1e19).sum()}
        made.begin()
        made.backward(losses)
        taken.append(bool(made.apply(losses)))
        assert made.optimizer.state[weight]['sum'].isfinite()
    assert taken == [True, True, True, False, False, False]
    assert made.flags() == {'l_d_real': True, 'gradient of network_d': True, 'weights of network_d': True,
                            'state of optim_d': False}


@pytest.mark.parametrize('looks', [True, False])
def test_statistics_that_are_infinite_while_loss_and_gradient_are_not(monkeypatch, looks):
    """A variance of numbers beyond 1.8e19."""
    monkeypatch.setattr(guard, 'host_may_look', lambda flag: looks)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    made = Update(torch.optim.Adam(net.parameters(), 1e-3), 'network_g', Precision('fp32', CPU))
    for factor, taken in ((1.0, True), (3e20, False), (1.0, True)):
        before = {name: value.clone() for name, value in net.state_dict().items()}
        buffers = Buffers(net, 'network_g')
        losses = {'l_pix': net(factor * torch.rand(2, 3, 9, 9)).abs().mean()}
        made.begin()
        made.backward(losses)
        assert bool(made.apply(losses, buffers)) is taken
        assert made.flags() == {'l_pix': True, 'statistics of network_g': taken, **finite()}
        changed = [name for name, value in net.state_dict().items() if not torch.equal(value, before[name])]
        assert bool(changed) is taken
