"""PatchDiscriminator and MultiScaleDiscriminator: sizes, the patch that a score sees, what they refuse."""
import effsr  # noqa: F401  installs the bridge and registers

# isort: split
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

from effsr.archs.patch_discriminator_arch import NORMS, MultiScaleDiscriminator, PatchDiscriminator, smallest_input


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_parameters():
    """Those of pix2pix's 70 x 70 discriminator, on three channels instead of six: 3 * 64 * 16 fewer weights."""
    assert sum(parameter.numel() for parameter in PatchDiscriminator().parameters()) == 2_768_705 - 3 * 64 * 16


@pytest.mark.parametrize('norm', NORMS)
def test_shapes(norm):
    net = PatchDiscriminator(num_feat=4, norm=norm)
    assert net(torch.rand(2, 3, 64, 48)).shape == (2, 1, 6, 4)
    assert len(net.feature_layers) == 4 and all(net.get_submodule(name) for name in net.feature_layers)


@pytest.mark.parametrize(('num_layer', 'patch'), [(2, 34), (3, 70)])
def test_a_score_sees_its_patch(num_layer, patch):
    net = PatchDiscriminator(1, 2, num_layer, 'none')
    image = torch.rand(1, 1, 160, 160, requires_grad=True)
    scores = net(image)
    gradient, = torch.autograd.grad(scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2], image)
    seen = gradient[0, 0].nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [patch, patch]


@pytest.mark.parametrize('num_layer', [1, 2, 3, 4])
def test_the_smallest_input(num_layer):
    net, side = PatchDiscriminator(3, 2, num_layer, 'none'), smallest_input(num_layer)
    assert net(torch.rand(1, 3, side, side)).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match=f'it needs {side} x {side}'):
        net(torch.rand(1, 3, side, side - 1))


def test_spectral_norms_are_close_from_the_start():
    net = PatchDiscriminator(num_feat=8, norm='spectral').eval()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module(torch.rand(1, module.in_channels, 4, 4))
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.15)


def test_several_scales():
    net = ARCH_REGISTRY.get('MultiScaleDiscriminator')({'type': 'PatchDiscriminator', 'num_feat': 4, 'num_layer': 2}, 3)
    image = torch.rand(2, 3, 64, 64)
    answers = net.eval()(image)
    assert [tuple(answer.shape) for answer in answers] == [(2, 1, 14, 14), (2, 1, 6, 6), (2, 1, 2, 2)]
    torch.testing.assert_close(answers[1], net.scales[1](nn.functional.avg_pool2d(image, 2)))
    assert net.feature_layers[0] == 'scales.0.layers.0' and len(net.feature_layers) == 9


@pytest.mark.parametrize(('build', 'match'), [
    (lambda: PatchDiscriminator(norm='layer'), "norm is 'layer'; accepted: batch, instance, spectral, none"),
    (lambda: PatchDiscriminator(num_feat=0), 'must be at least 1; got 3, 0 and 3'),
    (lambda: MultiScaleDiscriminator({'type': 'PatchDiscriminator'}, 0), 'num_scale is 0'),
    (lambda: MultiScaleDiscriminator('PatchDiscriminator'), 'accepted: a block, such as'),
    (lambda: MultiScaleDiscriminator({'type': 'Patches'}), "type is 'Patches'; accepted: a registered network"),
    (lambda: MultiScaleDiscriminator({'type': 'MultiScaleDiscriminator', 'discriminator': {}}), 'with one answer'),
    (lambda: MultiScaleDiscriminator({'type': 'PatchDiscriminator', 'feat': 4}), 'PatchDiscriminator: .*feat'),
])
def test_what_is_refused(build, match):
    with pytest.raises(ValueError, match=match):
        build()
