"""Features: taken before what follows changes them, no further than needed, normalised, frozen, in fp32."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from effsr.losses.backbones.extractor import NORMALISATIONS, FeatureExtractor, doubled, features


class Fails(nn.Module):
    def forward(self, x):
        raise AssertionError('not needed')


def small(*more):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1), *more)


def test_values_before_and_after_an_activation_that_works_in_place():
    net, x = small(Fails()), torch.rand(2, 3, 5, 6)
    found = features(net, x, ['2', '0', '1'])
    assert list(found) == ['2', '0', '1'] and (found['0'] < 0).any()
    torch.testing.assert_close(found['0'], net[0](x), rtol=0, atol=0)
    torch.testing.assert_close(found['1'], net[0](x).relu(), rtol=0, atol=0)
    torch.testing.assert_close(found['2'], net[2](net[0](x).relu()), rtol=0, atol=0)
    assert not any(module._forward_hooks for module in net.modules())


def test_layers_that_run_twice_or_never():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.idle = nn.Conv2d(3, 3, 1), nn.Identity()

        def forward(self, x):
            return self.inner(self.inner(x))
    net, x = Twice(), torch.rand(1, 3, 2, 2)
    found = features(net, x, ['inner', 'idle'])
    assert list(found) == ['inner']
    torch.testing.assert_close(found['inner'], net.inner(x), rtol=0, atol=0)


def test_hooks_go_when_a_pass_fails():
    net = small(Fails(), nn.Identity())
    with pytest.raises(AssertionError):
        features(net, torch.rand(1, 3, 4, 4), ['0', '4'])
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize('shape', [(1, 3, 4, 5), (2, 1, 1, 3)])
def test_doubled_is_bilinear(shape):
    x = torch.rand(shape)
    torch.testing.assert_close(doubled(x), F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False))


@pytest.mark.parametrize(('normalise', 'first'), [
    ('imagenet', [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]),
    ('minus_one_one', [0.0] * 3), ('none', [0.5] * 3)])
@pytest.mark.parametrize('range_norm', [False, True])
def test_normalisation_by_hand(normalise, first, range_norm):
    extractor = FeatureExtractor(nn.Sequential(nn.Identity()), ['0'], normalise, range_norm)
    picture = torch.full((1, 3, 2, 2), 0.0 if range_norm else 0.5)
    assert extractor(picture)['0'][0, :, 0, 0].tolist() == pytest.approx(first, abs=1e-7)


def test_upsampling_comes_first():
    extractor = FeatureExtractor(nn.Sequential(nn.Identity()), ['0'], 'none', upsample=2)
    x = torch.rand(1, 3, 3, 4)
    torch.testing.assert_close(extractor(x)['0'], doubled(x))


def test_frozen_and_in_evaluation_mode():
    extractor = FeatureExtractor(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), ['1']).train()
    before = {name: value.clone() for name, value in extractor.state_dict().items()}
    x = torch.rand(2, 3, 4, 4, requires_grad=True)
    extractor(x)['1'].sum().backward()
    assert x.grad.abs().sum() > 0 and not extractor.training and not extractor.net[1].training
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in extractor.parameters())
    assert all(torch.equal(value, before[name]) for name, value in extractor.state_dict().items())


def test_fp32_within_autocast():
    extractor, x = FeatureExtractor(small(), ['2']), torch.rand(1, 3, 4, 4)
    expected = extractor(x)['2']
    with torch.autocast('cpu', torch.bfloat16):
        found = extractor(x)['2']
    assert found.dtype == torch.float32 and torch.equal(found, expected)
    assert extractor(x.bfloat16())['2'].dtype == torch.float32


def test_gradient_in_double():
    extractor = FeatureExtractor(small(), ['0', '2'], upsample=2).double()
    assert torch.autograd.gradcheck(lambda x: tuple(extractor(x).values()),
                                    torch.rand(1, 3, 3, 3, dtype=torch.float64, requires_grad=True))


def test_every_normalisation_is_known():
    assert [FeatureExtractor(small(), ['0'], name).layers for name in NORMALISATIONS] == [('0',)] * 3
