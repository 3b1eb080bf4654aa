"""Parameters, MACs and activations of networks."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.benchmarks.counting import count
from effsr.benchmarks.named_models import build


@pytest.mark.parametrize(('arch', 'args', 'parameters', 'gmacs', 'activations'), [
    ('EfficientSRNet', {}, 104_451, 14.334, 82.838),
    ('SRVGGNetCompact', {'num_conv': 16}, 621_424, 40.580, 74.449),
    ('RRDBNet', {'num_block': 23}, 16_697_987, 1174.854, 1030.750)])
def test_published_sizes_at_256(arch, args, parameters, gmacs, activations):
    found = count(build(arch, args, 4), (1, 3, 256, 256))
    assert found.parameters == parameters and found.output == (1, 3, 1024, 1024)
    assert found.macs / 1e9 == pytest.approx(gmacs, abs=1e-3) and found.flops == 2 * found.macs
    assert found.activations / 1e6 == pytest.approx(activations, abs=1e-3)


def test_by_hand():
    """A 3x3 convolution from 2 to 5 channels at 4 x 6, and ReLU, in place."""
    net = nn.Sequential(nn.Conv2d(2, 5, 3, 1, 1), nn.ReLU(inplace=True))
    found = count(net, (3, 2, 4, 6))
    pixels = 3 * 4 * 6
    assert (found.parameters, found.macs) == (5 * 2 * 9 + 5, pixels * 5 * 2 * 9)
    assert found.activations == pixels * 5
    assert found.moved == 4 * ((2 * pixels + 95 + 5 * pixels) + 2 * 5 * pixels)
    assert found.intensity == pytest.approx(found.flops / found.moved)
    assert count(net, (3, 2, 4, 6), torch.bfloat16).moved == found.moved / 2


def test_views_move_nothing():
    class Turned(nn.Module):
        def forward(self, x):
            return x.transpose(2, 3).reshape(1, 3, 20, 1)[:, :1]
    assert count(Turned(), (1, 3, 4, 5)).moved == 2 * 4 * 60  # reshape of what was turned copies; the rest does not


def test_a_network_that_needs_a_real_device():
    class Own(nn.Module):
        def forward(self, x):
            return x + torch.ones(1, device='cpu')
    net = nn.Sequential(nn.Conv2d(3, 3, 1), Own())
    assert count(net, (1, 3, 4, 4)).macs == 9 * 16
    assert next(net.parameters()).device.type == 'cpu'


def test_no_picture_comes_out():
    with pytest.raises(ValueError, match=r'gives shape \(1, 48\); accepted: networks that turn a picture'):
        count(nn.Flatten(), (1, 3, 4, 4))
