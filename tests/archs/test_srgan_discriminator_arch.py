"""SRGANDiscriminator: one score for a crop."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
import torch
from torch import nn

from effsr.archs.srgan_discriminator_arch import SRGANDiscriminator


@pytest.mark.parametrize('input_size', [16, 48, 96])
def test_shapes(input_size):
    net = SRGANDiscriminator(num_feat=2, input_size=input_size, num_dense=5)
    assert net(torch.rand(3, 3, input_size, input_size)).shape == (3, 1)


def test_layers_of_the_paper():
    net = SRGANDiscriminator(input_size=96)
    convolutions = [layer for layer in net.body if isinstance(layer, nn.Conv2d)]
    assert [(conv.out_channels, conv.stride[0]) for conv in convolutions] == [
        (64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)]
    assert {conv.kernel_size for conv in convolutions} == {(3, 3)}
    assert [type(layer) for layer in net.body[:2]] == [nn.Conv2d, nn.LeakyReLU]  # the first without BatchNorm
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.body) == 7
    assert [layer.out_features for layer in net.dense if isinstance(layer, nn.Linear)] == [1024, 1]
    assert {layer.negative_slope for layer in net.modules() if isinstance(layer, nn.LeakyReLU)} == {0.2}


@pytest.mark.parametrize(('arguments', 'weights'), [
    ({}, 33_554_432), ({'input_size': 256}, 134_217_728),
    ({'input_size': 256, 'num_feat': 32, 'num_dense': 256}, 16_777_216)])
def test_weights_of_the_dense_layer_are_as_documented(arguments, weights):
    with torch.device('meta'):
        net = SRGANDiscriminator(**arguments)
    full = {'num_feat': 64, 'num_dense': 1024, 'input_size': 128, **arguments}
    assert net.dense[0].weight.numel() == weights == \
        full['num_feat'] * full['num_dense'] * full['input_size']**2 // 32


def test_features_for_feature_matching_are_its_activations():
    net = SRGANDiscriminator(num_feat=2, input_size=16, num_dense=4)
    assert len(net.feature_layers) == 8
    assert all(isinstance(net.get_submodule(layer), nn.LeakyReLU) for layer in net.feature_layers)


def test_it_learns_to_tell_two_kinds_apart():
    torch.manual_seed(0)
    net = SRGANDiscriminator(num_feat=4, input_size=16, num_dense=8)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    real = torch.linspace(0, 1, 16).expand(8, 3, 16, 16) + 0.05 * torch.rand(8, 3, 16, 16)
    fake = torch.rand(8, 3, 16, 16)
    for _ in range(30):
        loss = nn.functional.softplus(-net(real)).mean() + nn.functional.softplus(net(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert net(real).min() > 0 > net(fake).max()


@pytest.mark.parametrize(('arguments', 'match'), [
    ({'input_size': 100}, 'input_size is 100; accepted: what 16 divides, such as 96'),
    ({'input_size': 5}, 'input_size is 5; accepted: what 16 divides, such as 16'),
    ({'num_feat': 0}, 'must be at least 1; got 3, 0, 128, 1024'),
])
def test_wrong_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        SRGANDiscriminator(**arguments)


def test_another_size_of_crops_is_named():
    with pytest.raises(ValueError, match=r'the input is 32 x 16 \(height x width\), input_size is 16'):
        SRGANDiscriminator(num_feat=2, input_size=16)(torch.rand(1, 3, 32, 16))
