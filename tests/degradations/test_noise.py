import numpy as np
import pytest
import torch
from basicsr.data import degradations as reference

from effsr.degradations import add_gaussian_noise, add_poisson_noise
from effsr.degradations.noise import distinct_levels, poisson_noise

FLAT = torch.full((2, 3, 128, 128), 0.5)
ADDERS = [add_gaussian_noise, add_poisson_noise]


@pytest.mark.parametrize('add', ADDERS)
@pytest.mark.parametrize('gray', [True, False])
def test_shape_range_and_channels(crops, add, gray, generator):
    before = crops.clone()
    out = add(crops, 3.0, gray, generator)
    assert out.shape == crops.shape and torch.equal(crops, before)
    assert out.min() >= 0 and out.max() <= 1
    noise = add(crops, 3.0, gray, generator, clip=False) - crops
    same = [torch.allclose(noise[:, 0], noise[:, c], atol=1e-6) for c in (1, 2)]
    assert same == [gray, gray]


@pytest.mark.parametrize('add', ADDERS)
def test_draws_from_the_generator_alone(crops, add):
    torch.manual_seed(1)
    first = add(crops, 2.0, False, torch.Generator().manual_seed(7))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(first, add(crops, 2.0, False, torch.Generator().manual_seed(7)))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first, add(crops, 2.0, False, torch.Generator().manual_seed(8)))


def test_gaussian_has_the_asked_deviation_for_each_image(generator):
    noise = add_gaussian_noise(FLAT, torch.tensor([5.0, 20.0]), False, generator, clip=False) - FLAT
    # Relative standard error of a deviation from n samples: 1 / sqrt(2 n), here 0.0032.
    np.testing.assert_allclose(noise.std(dim=(1, 2, 3)) * 255, [5, 20], rtol=0.015)
    assert noise.mean().abs() * 255 < 0.25


@pytest.mark.parametrize(('levels', 'vals'), [(1, 1), (2, 2), (3, 4), (128, 128), (129, 256), (256, 256)])
def test_poisson_variance_is_intensity_over_vals(levels, vals, generator):
    # Column k of the image holds level k mod `levels`; 255 for the first, so that its intensity is 1.
    column = 255 - torch.arange(256) % levels
    image = (column / 255.0).expand(1, 1, 4096, 256)
    assert distinct_levels(image).tolist() == [levels]
    noise = poisson_noise(image, generator).double()
    share = noise.var(dim=(1, 2, 3)) / (image.double().mean() / vals)
    assert share.item() == pytest.approx(1, abs=0.02)
    assert noise.mean().abs() < 5 * (1 / vals / noise.numel()) ** 0.5


def test_poisson_scale_multiplies_the_noise():
    scales = torch.tensor([0.5, 2.0])
    noise = add_poisson_noise(FLAT, scales, False, torch.Generator().manual_seed(3), clip=False) - FLAT
    plain = add_poisson_noise(FLAT, 1.0, False, torch.Generator().manual_seed(3), clip=False) - FLAT
    torch.testing.assert_close(noise, plain * scales.view(2, 1, 1, 1), atol=1e-6, rtol=0)


def test_levels_are_counted_for_each_image(crops):
    expected = [len(np.unique((c * 255).round().numpy())) for c in crops]
    assert distinct_levels(crops).tolist() == expected


@pytest.mark.parametrize('gray', [True, False])
@pytest.mark.parametrize('kind', ['gaussian', 'poisson'])
def test_deviation_agrees_with_the_reference(crops, gray, kind, generator):
    ours = add_gaussian_noise if kind == 'gaussian' else add_poisson_noise
    theirs = reference.add_gaussian_noise_pt if kind == 'gaussian' else reference.add_poisson_noise_pt
    image, strength = crops[:1].repeat(6, 1, 1, 1), 12.0 if kind == 'gaussian' else 1.5
    torch.manual_seed(0)
    expected = torch.cat([theirs(i, strength, gray_noise=float(gray), clip=False) - i for i in image.split(1)])
    noise = ours(image, strength, gray, generator, clip=False) - image
    assert noise.std().item() == pytest.approx(expected.std().item(), rel=0.03)
    assert noise.mean(dim=1).std().item() == pytest.approx(expected.mean(dim=1).std().item(), rel=0.03)


@pytest.mark.parametrize('add', ADDERS)
def test_refuses_other_shapes(add, generator):
    with pytest.raises(ValueError, match=r'accepted: \(B, 3, H, W\)'):
        add(torch.zeros(1, 1, 8, 8), 1.0, False, generator)
    with pytest.raises(ValueError, match=r'accepted: a number or \(2,\)'):
        add(FLAT, torch.ones(3), False, generator)


def test_black_stays_black_under_poisson(generator):
    assert add_poisson_noise(torch.zeros(1, 3, 8, 8), 3.0, False, generator).abs().max() == 0
