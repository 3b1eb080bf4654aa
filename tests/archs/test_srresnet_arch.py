"""SRResNet: SRGAN's generator."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
import torch
from torch.nn import functional as F

from effsr.archs.srresnet_arch import ResidualBlock, SRResNet


@pytest.mark.parametrize('upscale', [2, 3, 4])
@pytest.mark.parametrize(('num_in_ch', 'num_out_ch'), [(3, 3), (1, 1), (4, 3), (1, 3)])
def test_shapes(upscale, num_in_ch, num_out_ch):
    net = SRResNet(num_in_ch, num_out_ch, num_feat=6, num_block=2, upscale=upscale)
    result = net(torch.rand(2, num_in_ch, 5, 7))
    assert result.shape == (2, num_out_ch, 5 * upscale, 7 * upscale) and result.isfinite().all()


def test_size_of_the_paper():
    """64 features, 16 blocks, x4, counted layer by layer (PReLU with one slope)."""
    conv = 64 * 64 * 9 + 64
    head, tail = 64 * 3 * 81 + 64 + 1, 3 * 64 * 81 + 3
    blocks = 16 * (2 * conv + 2 * 128 + 1)
    stages = 2 * (4 * conv + 1)
    assert sum(p.numel() for p in SRResNet().parameters()) == head + blocks + conv + 128 + stages + tail == 1_549_462


def test_it_begins_near_the_nearest_neighbour():
    torch.manual_seed(0)
    lq = torch.rand(4, 3, 16, 16)
    for upscale in (2, 3, 4):
        net = SRResNet(num_feat=32, num_block=4, upscale=upscale)
        distance = (net(lq) - F.interpolate(lq, scale_factor=upscale)).abs().mean()
        assert distance < 0.06, upscale
        # Of all features each pixel's square begins alike: no checkerboard.
        features = net.upsample(net.head(lq))
        assert torch.equal(features[..., ::upscale, ::upscale], features[..., 1::upscale, 1::upscale])


def test_every_parameter_learns():
    torch.manual_seed(0)
    net = SRResNet(num_feat=8, num_block=2, upscale=2)
    (net(torch.rand(2, 3, 8, 8)) - torch.rand(2, 3, 16, 16)).square().mean().backward()
    still = [name for name, parameter in net.named_parameters() if not parameter.grad.abs().sum() > 0]
    # A bias before batch normalisation is taken out again; its gradient is rounding at most.
    assert all(name.endswith('bias') for name in still)


def test_evaluation_uses_the_running_statistics():
    torch.manual_seed(0)
    net = SRResNet(num_feat=8, num_block=1, upscale=2)
    for _ in range(20):
        net(torch.rand(4, 3, 16, 16))
    net.eval()
    pair = torch.rand(2, 3, 8, 8)
    together = net(pair)
    torch.testing.assert_close(together[:1], net(pair[:1]))  # one picture does not look at the other
    before = {name: value.clone() for name, value in net.named_buffers()}
    net(pair * 100)
    assert all(torch.equal(value, before[name]) for name, value in net.named_buffers())
    assert not torch.allclose(net.train()(pair)[:1], together[:1])


def test_a_block_by_hand():
    block = ResidualBlock(1).eval()
    with torch.no_grad():
        for conv in (block.conv1, block.conv2):
            conv.weight.zero_()[0, 0, 1, 1] = 1.0
            conv.bias.zero_()
        block.act.weight.fill_(0.5)
        block.bn2.running_mean.fill_(1.0)
        for norm in (block.bn1, block.bn2):
            norm.eps = 0.0
        block.bn2.running_var.fill_(4.0)
    x = torch.tensor([[[[-2.0, 3.0]]]])
    torch.testing.assert_close(block(x), x + (torch.tensor([[[[-1.0, 3.0]]]]) - 1.0) / 2.0)


@pytest.mark.parametrize(('arguments', 'match'), [
    ({'upscale': 8}, 'upscale is 8; accepted: 2, 3, 4'),
    ({'upscale': 1}, 'upscale is 1; accepted: 2, 3, 4'),
    ({'num_block': 0}, 'must be at least 1; got 3, 3, 64, 0'),
])
def test_wrong_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        SRResNet(**arguments)
