"""UNetDiscriminatorSN: size, public names, agreement with BasicSR's, sizes it refuses."""
import effsr  # noqa: F401  installs the bridge and registers

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY

from effsr.archs.discriminator_arch import UNetDiscriminatorSN


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_parameters():
    assert sum(parameter.numel() for parameter in UNetDiscriminatorSN(3).parameters()) == 4_376_897


def test_one_score_for_each_pixel():
    assert UNetDiscriminatorSN(3, num_feat=4)(torch.rand(2, 3, 16, 24)).shape == (2, 1, 16, 24)


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('skip_connection', [False, True])
def test_same_weights_give_what_basicsr_gives(training, skip_connection):
    twin = ARCH_REGISTRY.get('UNetDiscriminatorSN_basicsr')(3, 8, skip_connection).train(training)
    net = UNetDiscriminatorSN(3, 8, skip_connection).train(training)
    net.load_state_dict(twin.state_dict())
    x = torch.rand(2, 3, 24, 16)
    torch.testing.assert_close(net(x), twin(x))
    torch.testing.assert_close(net.state_dict(), twin.state_dict())


def test_gradients_are_those_of_basicsr():
    twin, net = ARCH_REGISTRY.get('UNetDiscriminatorSN_basicsr')(3, 4), UNetDiscriminatorSN(3, 4)
    net.load_state_dict(twin.state_dict())
    x = torch.rand(1, 3, 16, 16)
    for model in (twin, net):
        model(x).square().sum().backward()
    for (name, ours), theirs in zip(net.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, msg=name)


def test_public_names():
    names = set(UNetDiscriminatorSN(3, 4).state_dict())
    normed = {f'conv{i}.weight_{kind}' for i in range(1, 9) for kind in ('orig', 'u', 'v')}
    assert names == normed | {f'conv{i}.{kind}' for i in (0, 9) for kind in ('weight', 'bias')}


def test_a_fresh_one_is_normed_already_in_eval_mode():
    net = UNetDiscriminatorSN(3, 16).eval()
    with torch.no_grad():
        net(torch.rand(1, 3, 8, 8))
    norms = [torch.linalg.matrix_norm(getattr(net, f'conv{i}').weight.flatten(1), 2).item() for i in range(1, 9)]
    assert norms == pytest.approx([1.0] * 8, rel=0.1)


@pytest.mark.parametrize('skip_connection', [False, True])
@pytest.mark.parametrize('size', [(12, 16), (16, 20), (7, 7)])
def test_sizes_not_divisible_by_8_are_refused(size, skip_connection):
    with pytest.raises(ValueError, match=f'{size[0]} x {size[1]} .*divisible by 8'):
        UNetDiscriminatorSN(3, 4, skip_connection)(torch.rand(1, 3, *size))


def test_numbers_below_1_are_refused():
    with pytest.raises(ValueError, match='at least 1'):
        UNetDiscriminatorSN(3, 0)


def test_registered_under_its_name():
    assert ARCH_REGISTRY.get('UNetDiscriminatorSN') is UNetDiscriminatorSN
