"""VGGStyleDiscriminator: BasicSR's parameters and scores, in either layout, with features."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY

from effsr.archs.vgg_discriminator_arch import VGGStyleDiscriminator


@pytest.mark.parametrize('input_size', [128, 256])
def test_same_names_values_and_scores_as_basicsrs(input_size):
    nets = []
    for name in ('VGGStyleDiscriminator', 'VGGStyleDiscriminator_basicsr'):
        torch.manual_seed(0)
        nets.append(ARCH_REGISTRY.get(name)(num_in_ch=3, num_feat=2, input_size=input_size))
    ours, theirs = (net.state_dict() for net in nets)
    assert type(nets[0]) is VGGStyleDiscriminator and list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    image = torch.rand(2, 3, input_size, input_size)
    results = [net(image) for net in nets]
    assert results[0].shape == (2, 1) and torch.equal(*results)
    for result in results:
        result.sum().backward()
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one.grad, other.grad)
    for one, other in zip(*(net.buffers() for net in nets), strict=True):
        assert torch.equal(one, other)


def test_size_of_the_original():
    with torch.device('meta'):
        assert sum(parameter.numel() for parameter in VGGStyleDiscriminator().parameters()) == 14_499_401


def test_channels_last():
    torch.manual_seed(0)
    net, image = VGGStyleDiscriminator(num_feat=2).eval(), torch.rand(2, 3, 128, 128)
    expected = net(image)
    net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(net(image.contiguous(memory_format=torch.channels_last)), expected)


def test_features_are_what_the_activations_take():
    net = VGGStyleDiscriminator(num_feat=2, input_size=256)
    assert net.feature_layers[:3] == ('conv0_0', 'bn0_1', 'bn1_0') and len(net.feature_layers) == 12
    assert all(net.get_submodule(name) for name in net.feature_layers)


@pytest.mark.parametrize(('build', 'match'), [
    (lambda: VGGStyleDiscriminator(input_size=64), 'input_size is 64; accepted: 128, 256'),
    (lambda: VGGStyleDiscriminator(num_feat=0), 'must be at least 1; got 3 and 0'),
    (lambda: VGGStyleDiscriminator(num_feat=2)(torch.rand(1, 3, 128, 64)),
     r'the input is 128 x 64 \(height x width\), input_size is 128'),
])
def test_what_is_refused(build, match):
    with pytest.raises(ValueError, match=match):
        build()
