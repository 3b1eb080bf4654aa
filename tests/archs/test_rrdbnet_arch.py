"""RRDBNet: BasicSR's parameters and values, with a residual scale of one's own."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY

from effsr.archs.rrdbnet_arch import ResidualDenseBlock, RRDBNet
from effsr.models.step.recomputing import recompute_body

SMALL = {'num_feat': 8, 'num_block': 2, 'num_grow_ch': 4}


def test_size_of_the_paper():
    net = RRDBNet()
    assert sum(parameter.numel() for parameter in net.parameters()) == 16_697_987
    assert len(net.body) == 23 and net.body[0].residual_scale == net.body[0].rdb1.residual_scale == 0.2


@pytest.mark.parametrize('scale', [1, 2, 4])
def test_same_names_values_and_output_as_basicsrs(scale):
    nets = []
    for name in ('RRDBNet', 'RRDBNet_basicsr'):
        torch.manual_seed(0)
        nets.append(ARCH_REGISTRY.get(name)(num_in_ch=3, num_out_ch=3, scale=scale, **SMALL))
    ours, theirs = (net.state_dict() for net in nets)
    assert type(nets[0]) is RRDBNet and list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    lq = torch.rand(2, 3, 8, 12)
    results = [net(lq) for net in nets]
    assert results[0].shape == (2, 3, 8 * scale, 12 * scale)
    assert torch.equal(*results)
    for result in results:
        result.square().mean().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(*(net.parameters() for net in nets), strict=True))


def test_residual_scale_by_hand():
    block = ResidualDenseBlock(2, 1, residual_scale=0.5)
    with torch.no_grad():
        for conv in (block.conv1, block.conv2, block.conv3, block.conv4, block.conv5):
            conv.weight.zero_()
            conv.bias.zero_()
        block.conv1.bias.fill_(-1.0)  # -0.2 after the leaky ReLU
        block.conv5.weight[1, 2, 1, 1] = 3.0  # reads it
    x = torch.rand(1, 2, 3, 3)
    expected = x + torch.tensor([0.0, 0.5 * 3.0 * -0.2])[None, :, None, None]
    torch.testing.assert_close(block(x), expected)


def test_another_residual_scale_is_another_network():
    nets = [RRDBNet(**SMALL, residual_scale=scale) for scale in (0.2, 0.5)]
    nets[1].load_state_dict(nets[0].state_dict())
    lq = torch.rand(1, 3, 8, 8)
    assert not torch.allclose(nets[0](lq), nets[1](lq), atol=1e-6)


def test_its_body_can_be_recomputed():
    torch.manual_seed(0)
    plain, saving = RRDBNet(**SMALL), RRDBNet(**SMALL)
    saving.load_state_dict(plain.state_dict())
    recompute_body(saving, 'network_g')
    assert list(saving.state_dict()) == list(plain.state_dict())
    lq = torch.rand(1, 3, 8, 8)
    for net in (plain, saving):
        net(lq).square().mean().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(plain.parameters(), saving.parameters(), strict=True))


@pytest.mark.parametrize(('arguments', 'match'), [
    ({'scale': 3}, 'scale is 3; accepted: 1, 2, 4'),
    ({'residual_scale': 0.0}, 'residual_scale is 0.0; accepted: above 0, up to 1'),
    ({'residual_scale': 1.5}, 'residual_scale is 1.5'),
    ({'num_block': 0}, 'must be at least 1; got 3, 3, 64, 0, 32'),
])
def test_wrong_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        RRDBNet(**arguments)


@pytest.mark.parametrize(('scale', 'fold'), [(2, 2), (1, 4)])
def test_sides_that_cannot_be_folded_are_named(scale, fold):
    with pytest.raises(ValueError, match=rf'the input is 8 x 7 .* for x{scale} both must be divisible by {fold}'):
        RRDBNet(**SMALL, scale=scale)(torch.rand(1, 3, 8, 7))
