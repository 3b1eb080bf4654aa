"""The efficient network's parts and whole: shapes, gates, size, cost, initialisation."""
import effsr  # noqa: F401  installs the bridge and registers

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch.utils.flop_counter import FlopCounterMode

from effsr.archs.efficientsr_arch import ECALite, EfficientSRNet, ERBlock


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def parameters(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_erblock_keeps_its_shape_and_has_a_residual():
    x = torch.randn(1, 32, 64, 64)
    out = ERBlock(32)(x)
    assert out.shape == x.shape
    assert (out - x).abs().mean() > 1e-4


def test_erblock_is_its_layers_in_order():
    block, x = ERBlock(8), torch.randn(2, 8, 9, 7)
    branch = block.pointwise(torch.relu(block.depthwise(x)))
    gate = torch.sigmoid(block.attention.conv(branch.mean((2, 3), keepdim=True)))
    torch.testing.assert_close(block(x), x + branch * gate)


def test_gates_lie_between_0_and_1_and_differ_between_channels():
    gates = ECALite(32).gate(torch.randn(2, 32, 16, 16).abs())
    assert gates.shape == (2, 32, 1, 1)
    assert gates.min() > 0 and gates.max() < 1
    assert gates[0].flatten().unique().numel() == 32


def test_gate_by_hand():
    attention = ECALite(2)
    with torch.no_grad():
        attention.conv.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, -1.0]])[..., None, None])
        attention.conv.bias.copy_(torch.tensor([0.5, 0.0]))
    x = torch.stack([torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 5.0]])])[None]
    expected = torch.sigmoid(torch.tensor([1.0 * 1 + 2.0 * 3 + 0.5, -3.0]))[None, :, None, None]
    torch.testing.assert_close(attention.gate(x), expected)
    torch.testing.assert_close(attention(x), x * expected)


@pytest.mark.parametrize('upscale', [2, 3, 4])
def test_output_is_upscale_times_the_input_and_finite(upscale):
    out = EfficientSRNet(upscale=upscale).eval()(torch.rand(2, 3, 17, 24))
    assert out.shape == (2, 3, 17 * upscale, 24 * upscale)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize('value', [0.0, 1.0, 100.0])
def test_no_nan_or_inf_on_flat_pictures(value):
    assert torch.isfinite(EfficientSRNet()(torch.full((1, 3, 8, 8), value))).all()


@pytest.mark.parametrize('upscale', [2, 3, 4])
def test_training_starts_near_the_nearest_neighbour_picture(upscale):
    x = torch.rand(1, 3, 24, 24)
    nearest = x.repeat_interleave(upscale, 2).repeat_interleave(upscale, 3)
    with torch.no_grad():
        error = (EfficientSRNet(upscale=upscale)(x) - nearest).square().mean().sqrt()
    assert 1e-3 < error < 0.2


def test_grey_in_starts_as_grey_out():
    out = EfficientSRNet(num_in_ch=1, upscale=2)(torch.full((1, 1, 16, 16), 0.5))
    assert (out[..., 8:-8, 8:-8] - 0.5).abs().max() < 0.2


def test_every_parameter_gets_a_finite_gradient():
    net = EfficientSRNet()
    net(torch.rand(1, 3, 12, 12)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(('upscale', 'expected'), [(2, 67_459), (3, 113_699), (4, 104_451)])
def test_parameters(upscale, expected):
    assert parameters(EfficientSRNet(upscale=upscale)) == expected
    assert expected < 2_000_000


def test_macs_at_256_by_256():
    with FlopCounterMode(display=False) as counter, torch.device('meta'):
        EfficientSRNet()(torch.zeros(1, 3, 256, 256))
    assert counter.get_total_flops() / 2 == pytest.approx(14.3e9, rel=5e-3)


@pytest.mark.parametrize('upscale', [0, 1, 5, 8, 2.5, '4', None])
def test_unknown_upscale_is_refused(upscale):
    with pytest.raises(ValueError, match='accepted: 2, 3, 4'):
        EfficientSRNet(upscale=upscale)


@pytest.mark.parametrize('key', ['num_in_ch', 'num_out_ch', 'num_feat', 'num_block'])
def test_numbers_below_1_are_refused(key):
    with pytest.raises(ValueError, match='at least 1'):
        EfficientSRNet(**{key: 0})


def test_other_channels_and_sizes():
    net = EfficientSRNet(num_in_ch=1, num_out_ch=2, num_feat=8, num_block=1, upscale=2)
    assert net(torch.rand(1, 1, 5, 6)).shape == (1, 2, 10, 12)


def test_registered_under_its_name():
    assert ARCH_REGISTRY.get('EfficientSRNet') is EfficientSRNet
