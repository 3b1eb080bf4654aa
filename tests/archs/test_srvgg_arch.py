"""SRVGGNetCompact: size, public names, agreement with BasicSR's, start of training."""
import effsr  # noqa: F401  installs the bridge and registers

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch.nn import functional as F

from effsr.archs.srvgg_arch import SRVGGNetCompact


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_parameters():
    assert sum(parameter.numel() for parameter in SRVGGNetCompact().parameters()) == 621_424


@pytest.mark.parametrize('upscale', [1, 2, 3, 4])
def test_shapes(upscale):
    net = SRVGGNetCompact(num_feat=8, num_conv=2, upscale=upscale)
    assert net(torch.rand(2, 3, 7, 10)).shape == (2, 3, 7 * upscale, 10 * upscale)


@pytest.mark.parametrize('act_type', ['relu', 'prelu', 'leakyrelu'])
@pytest.mark.parametrize('upscale', [2, 4])
def test_same_weights_give_what_basicsr_gives(act_type, upscale):
    settings = {'num_feat': 12, 'num_conv': 3, 'upscale': upscale, 'act_type': act_type}
    twin = ARCH_REGISTRY.get('SRVGGNetCompact_basicsr')(**settings)
    net = SRVGGNetCompact(**settings)
    net.load_state_dict(twin.state_dict())
    x = torch.rand(2, 3, 9, 11)
    torch.testing.assert_close(net(x), twin(x))


def test_public_names():
    names = SRVGGNetCompact(num_conv=2).state_dict().keys()
    expected = [f'body.{i}.{kind}' for i in range(0, 7, 2) for kind in ('weight', 'bias')]
    assert set(names) == {*expected, 'body.1.weight', 'body.3.weight', 'body.5.weight'}


def test_without_weights_in_the_last_layer_it_is_the_nearest_neighbour():
    net, x = SRVGGNetCompact(num_feat=4, num_conv=1, upscale=3), torch.rand(1, 3, 4, 5)
    torch.nn.init.zeros_(net.body[-1].weight)
    torch.testing.assert_close(net(x), x.repeat_interleave(3, 2).repeat_interleave(3, 3))


@pytest.mark.parametrize('act_type', ['relu', 'prelu', 'leakyrelu'])
def test_initialisation_carries_the_picture_through_and_starts_near_the_base(act_type):
    net, x = SRVGGNetCompact(num_feat=32, act_type=act_type), torch.rand(1, 3, 24, 24)
    with torch.no_grad():
        residual = net(x) - F.interpolate(x, scale_factor=4, mode='nearest')
    assert 1e-3 < residual.std() < 0.3


def test_one_channel_in():
    assert SRVGGNetCompact(num_in_ch=1, num_feat=4, num_conv=1, upscale=2)(torch.rand(1, 1, 4, 4)).shape == (1, 3, 8, 8)


def test_errors():
    with pytest.raises(ValueError, match="'gelu'; accepted: 'relu', 'prelu', 'leakyrelu'"):
        SRVGGNetCompact(act_type='gelu')
    with pytest.raises(ValueError, match='cannot be added'):
        SRVGGNetCompact(num_in_ch=4)
    with pytest.raises(ValueError, match='at least'):
        SRVGGNetCompact(num_feat=0)


def test_registered_under_its_name():
    assert ARCH_REGISTRY.get('SRVGGNetCompact') is SRVGGNetCompact
