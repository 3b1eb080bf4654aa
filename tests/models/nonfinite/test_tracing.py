"""The module where numbers cease to be finite is the one that made them so, forward and backward."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from effsr.archs.discriminator_arch import UNetDiscriminatorSN
from effsr.models.nonfinite.tracing import Trace, is_finite, tensors_in, with_tensors


class Logarithm(nn.Module):
    """-inf at 0."""

    def forward(self, x):
        return x.log()


class Root(nn.Module):
    """Finite at 0, its gradient is not."""

    def forward(self, x):
        return x.sqrt()


class Writes(nn.Module):
    """Overwrites what it is given."""

    def forward(self, x):
        return x.mul_(float('inf'))


class Zero(nn.Module):
    """Zeros that hang on what it is given."""

    def forward(self, x):
        return x * 0


class Skips(nn.Module):
    """Two modules with the same input, of which the second breaks backward."""

    def __init__(self):
        super().__init__()
        self.good, self.bad = nn.Linear(3, 3), nn.Sequential(Zero(), Root())

    def forward(self, x):
        return self.good(x) + x + self.bad(x)


class Between(nn.Module):
    """Breaks in its own forward, between two modules."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.second(F.relu(self.first(x), inplace=True) / 0)


def traced(net, x=None, backward=True):
    torch.manual_seed(0)
    with Trace(net) as trace:
        output = net(torch.rand(2, 3) if x is None else x)
        trace.forward_ends()
        if backward:
            output.sum().backward()
    return trace


def chain(*modules):
    return nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU(inplace=True), *modules), nn.Linear(3, 3))


def test_nothing_to_find():
    trace = traced(chain(nn.Linear(3, 3)), torch.rand(2, 3, requires_grad=True))
    assert trace.first_forward is None and trace.first_backward is None and trace.gradient_arrives_finite


@pytest.mark.parametrize('breaks', [Writes, nn.Sequential])
def test_the_innermost_module_that_makes_it(breaks):
    net = chain(Zero(), breaks() if breaks is Writes else nn.Sequential(Logarithm(), nn.Tanh()))
    assert traced(net, backward=False).first_forward == ('1.2' if breaks is Writes else '1.2.0')


def test_weights_that_are_not_finite():
    net = chain(nn.Linear(3, 3))
    with torch.no_grad():
        net[1][1].bias[1] = float('nan')
    assert traced(net).first_forward == '1.1'


def test_an_operation_between_modules_is_its_owners():
    assert traced(nn.Sequential(nn.Linear(3, 3), Between()), backward=False).first_forward == '1'


def test_what_comes_in_broken_is_nobodys_fault():
    assert traced(chain(), torch.full((2, 3), float('nan')), backward=False).first_forward is None


def test_backward_the_innermost_module():
    net = chain(Zero(), Root())
    trace = traced(net)
    assert trace.first_forward is None and trace.first_backward == '1.2' and trace.gradient_arrives_finite
    inner = nn.Sequential(nn.Linear(3, 3), Zero(), nn.Sequential(nn.Sequential(Root(), nn.Linear(3, 3))))
    assert traced(inner).first_backward == '2.0.0'


def test_backward_not_its_neighbour_with_the_same_input():
    assert traced(nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True), Skips())).first_backward == '2.bad.1'


def test_backward_an_operation_between_modules_is_its_owners():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            return self.second((self.first(x) * 0).sqrt())
    assert traced(nn.Sequential(nn.Linear(3, 3), Net())).first_backward == '1'


class Outer(nn.Module):
    """Breaks backward in its own forward, after the modules in it; what is fed to them needs no gradient."""

    def __init__(self, *modules):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), *modules)

    def forward(self, x):
        y = self.inner(x)
        return y + (y * 0).sqrt()


def test_backward_an_operation_after_modules_without_a_gradient_of_the_input():
    trace = traced(Outer(nn.Linear(3, 3)))
    assert trace.first_backward == '' and trace.gradient_arrives_finite and not trace.weight_gradients_finite
    assert traced(nn.Sequential(Outer(nn.Linear(3, 3)), nn.Linear(3, 3))).first_backward == '0'
    assert traced(nn.Sequential(nn.Sequential(Outer()), nn.Linear(3, 3))).first_backward == '0.0'


def test_backward_what_breaks_in_a_module_is_not_the_fault_of_those_around_it():
    """Although a broken gradient arrives inside them too."""
    assert traced(nn.Sequential(nn.Sequential(nn.Linear(3, 3), Zero(), Root()))).first_backward == '0.2'


def test_backward_not_what_breaks_later_in_it():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.early, self.late = nn.Sequential(nn.Linear(3, 3), Zero(), Root()), nn.Linear(3, 3)

        def forward(self, x):
            early, late = self.early(x), self.late(x)
            return early + (late * 0).sqrt()
    assert traced(Net()).first_backward == ''


def test_backward_what_comes_by_a_way_that_is_not_watched_is_nobodys_fault():
    class Box:
        def __init__(self, tensor):
            self.tensor = tensor

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))

        def forward(self, x):
            return Box(self.inner(x))
    torch.manual_seed(0)
    with Trace(Net()) as trace:
        (trace.net(torch.rand(2, 3)).tensor * 0).sqrt().sum().backward()
    assert trace.first_backward is None and not trace.weight_gradients_finite


def test_what_it_watches_computes_the_same():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.1, inplace=True), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    x = torch.rand(2, 3, 6, 6)
    plain = net(x)
    plain.square().sum().backward()
    expected = [parameter.grad.clone() for parameter in net.parameters()]
    net.zero_grad()
    with Trace(net) as trace:
        output = net(x)
        trace.forward_ends()
        output.square().sum().backward()
    assert torch.equal(output, plain)
    assert all(torch.equal(parameter.grad, old) for parameter, old in zip(net.parameters(), expected, strict=True))


def test_backward_a_weight_of_the_first_module():
    """Its input needs no gradient; only that of the weight shows what happened."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with torch.no_grad():
        for parameter in net[0].parameters():
            parameter.zero_()
        net[1].weight.fill_(1e30)
    trace = traced(net, torch.full((2, 3), 1e30))
    assert trace.first_forward is None and trace.first_backward == '0'


def test_backward_a_gradient_that_arrives_broken():
    torch.manual_seed(0)
    net = chain()
    with Trace(net) as trace:
        output = net(torch.rand(2, 3))
        trace.forward_ends()
        (output * 0).sqrt().sum().backward()
    assert trace.first_backward is None and not trace.gradient_arrives_finite


def test_operations_in_place_and_spectral_norm():
    net = UNetDiscriminatorSN(3, 2)
    before = {name: value.clone() for name, value in net.state_dict().items() if 'weight_u' not in name}
    trace = traced(net, torch.rand(1, 3, 8, 8))
    assert trace.first_forward is None and trace.first_backward is None
    assert len(before) and not any(module._forward_hooks for module in net.modules())
    with torch.no_grad():
        net.conv4.weight_orig[0, 0, 0, 0] = float('inf')
    assert traced(net, torch.rand(1, 3, 8, 8), backward=False).first_forward == 'conv4'


def test_blocks_computed_again_in_the_backward_pass():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.block = nn.Linear(3, 3), nn.Sequential(Zero(), Root(), nn.Linear(3, 3))

        def forward(self, x):
            return checkpoint(self.block, self.head(x), use_reentrant=False)
    trace = traced(Net())
    assert trace.first_forward is None and trace.first_backward == 'block.1'


def test_hooks_are_gone_afterwards():
    net = chain()
    traced(net)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert not any(parameter._backward_hooks for parameter in net.parameters())


def test_tensors_in_nested_values():
    one, two = torch.zeros(1), torch.tensor([float('nan')])
    assert [len(list(tensors_in(value))) for value in (one, [one, (two,)], {'a': [one]}, 'text')] == [1, 2, 1, 0]
    assert with_tensors(lambda tensor: tensor + 1, ({'a': [one]}, 'text', None)) == ({'a': [one + 1]}, 'text', None)
    assert is_finite({'a': [one], 'b': 3}) and not is_finite((one, [two]))
