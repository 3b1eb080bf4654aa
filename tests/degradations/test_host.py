import dataclasses

import numpy as np
import pytest
import torch
from measures import measure_all, paired

from effsr.degradations import (
    DegradationParameters,
    DegradationSettings,
    StageParameters,
    apply,
    degrade,
    draw_parameters,
    host,
    usm_sharpen,
)
from effsr.degradations.host import degrade_host, usm_sharpen_host

SILENT = DegradationSettings(noise_range=(0, 0), noise_range2=(0, 0), gaussian_noise_prob=1, gaussian_noise_prob2=1)
PLAIN = StageParameters(None, 1.0, 'area', 'gaussian', 0.0, False, 100.0)
NOTHING = DegradationParameters(PLAIN, PLAIN, None, 'area', False, 0)
# Shift of the mean logarithm of each measure that separates the two JPEGs' arithmetic from a planted tenth.
TOLERANCE = {'noise': 0.03, 'sharpness': 0.009, 'blockiness': 0.011}


def on_device(image, parameters, scale):
    gt = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return degrade(gt, [parameters], scale)[0].permute(1, 2, 0).numpy() * 255


@pytest.fixture
def image(photographs):
    return np.ascontiguousarray(photographs['astronaut'][40:168, 100:228])


def test_result_and_input(image):
    before = image.copy()
    parameters = draw_parameters(DegradationSettings(), 1)
    lq = degrade_host(image, parameters, 4)
    assert lq.shape == (32, 32, 3) and lq.dtype == np.uint8 and np.array_equal(image, before)
    as_float = image.astype(np.float32) / 255
    assert np.abs(degrade_host(as_float, parameters, 4).astype(int) - lq).mean() < 0.5
    assert np.array_equal(as_float, before.astype(np.float32) / 255)
    assert np.array_equal(degrade_host(image, parameters, 4), lq)
    other = dataclasses.replace(parameters, noise_seed=parameters.noise_seed + 1)
    assert not np.array_equal(degrade_host(image, other, 4), lq)


@pytest.mark.parametrize('scale', [1, 2, 4])
def test_without_noise_and_jpeg_it_is_the_device_path(photographs, scale, monkeypatch):
    """At every size, those below a kernel and single pixels included, grey and constant pictures too."""
    monkeypatch.setattr(host, 'jpeg_host', lambda image, *_: image)
    monkeypatch.setattr(apply, 'jpeg_round_trip', lambda image, *_: image)
    rng = np.random.default_rng(scale)
    for seed in range(120):
        height, width = scale * rng.integers(1, 96 // scale, 2) if seed % 4 else (scale, scale)
        image = photographs['chelsea'][40:40 + height, 60:60 + width].copy()
        if seed % 5 == 0:
            image[...] = image[:1, :1] if seed % 2 else image[..., :1]
        parameters = draw_parameters(SILENT, seed)
        difference = np.abs(on_device(image, parameters, scale) - degrade_host(image, parameters, scale))
        # A value half-way between two levels may be rounded either way.
        assert difference.max() < 1.01 and difference.mean() < max(0.01, 1.01 / difference.size)


def test_with_jpeg_it_is_near_the_device_path(image):
    differences = []
    for seed in range(40):
        parameters = draw_parameters(SILENT, seed)
        whole = {stage: dataclasses.replace(getattr(parameters, stage),
                                            jpeg_quality=float(round(getattr(parameters, stage).jpeg_quality)))
                 for stage in ('first', 'second')}
        parameters = dataclasses.replace(parameters, **whole)
        differences.append(np.abs(on_device(image, parameters, 2) - degrade_host(image, parameters, 2)).mean())
    assert np.mean(differences) < 1.5 and np.max(differences) < 3


def changed(parameters, noise=1.0, blur=1.0, jpeg=1.0):
    def kernel(old):
        return old and dataclasses.replace(old, sigma_x=old.sigma_x * blur, sigma_y=old.sigma_y * blur)

    def stage(old):
        return dataclasses.replace(old, kernel=kernel(old.kernel), noise_strength=old.noise_strength * noise,
                                   jpeg_quality=max(1.0, 100 - (100 - old.jpeg_quality) * jpeg))

    return dataclasses.replace(parameters, first=stage(parameters.first), second=stage(parameters.second))


def disagreement(ours, theirs):
    return [name for name, difference in paired(ours, theirs).items() if abs(difference.shift) > TOLERANCE[name]]


@pytest.mark.slow
def test_the_whole_chain_has_the_same_distribution_and_a_planted_tenth_is_noticed(photographs):
    rng = np.random.default_rng(5)
    pictures = list(photographs.values())
    crops, parameters = [], [draw_parameters(DegradationSettings(), seed) for seed in range(400)]
    for number in range(400):
        picture = pictures[number % 3]
        top, left = rng.integers(picture.shape[0] - 159), rng.integers(picture.shape[1] - 159)
        crops.append(np.ascontiguousarray(picture[top:top + 160, left:left + 160]))

    def measured(way, **change):
        return measure_all([way(crop, changed(p, **change), 2) for crop, p in zip(crops, parameters, strict=True)])

    device = measured(on_device)
    assert disagreement(measured(degrade_host), device) == []
    assert 'noise' in disagreement(measured(degrade_host, noise=1.1), device)
    assert 'sharpness' in disagreement(measured(degrade_host, blur=1.1), device)
    assert 'blockiness' in disagreement(measured(degrade_host, jpeg=1.1), device)


@pytest.mark.parametrize('shape', [(1, 1), (1, 8), (20, 7), (128, 128)])
def test_sharpening_is_that_of_the_device(image, shape):
    image = image[:shape[0], :shape[1]]
    gt = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    expected = usm_sharpen(gt)[0].permute(1, 2, 0).numpy()
    before = image.copy()
    np.testing.assert_allclose(usm_sharpen_host(image), expected, atol=1e-5)
    assert np.array_equal(image, before)
    np.testing.assert_allclose(usm_sharpen_host(image, 0.8, 20, 4.0),
                               usm_sharpen(gt, 0.8, 20, 4.0)[0].permute(1, 2, 0).numpy(), atol=1e-5)


def test_what_is_not_finite_counts_as_black_or_white():
    image = np.full((8, 8, 3), np.nan, np.float32)
    assert (degrade_host(image, NOTHING, 4) == 0).all()
    assert (degrade_host(image + np.inf, NOTHING, 4) == 0).all()
    assert (degrade_host(np.full_like(image, np.inf), NOTHING, 4) == 255).all()


def test_severity_0_is_the_plain_resize_and_half_of_it_as_on_the_device(image, monkeypatch):
    parameters = draw_parameters(DegradationSettings(), 4, 0.0)
    assert np.abs(on_device(image, parameters, 4) - degrade_host(image, parameters, 4)).max() < 1.01
    half = draw_parameters(SILENT, 4, 0.5)
    assert np.abs(on_device(image, half, 4) - degrade_host(image, half, 4)).mean() < 3


def test_refuses_other_input():
    fine = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r'image is float64 of shape \(8, 8, 3\); accepted: uint8 or float32'):
        degrade_host(fine.astype(np.float64), NOTHING, 4)
    with pytest.raises(ValueError, match=r'accepted: uint8 or float32, \(H, W, 3\)'):
        degrade_host(fine[..., 0], NOTHING, 4)
    with pytest.raises(ValueError, match='gt is 8x6, scale 4; accepted: height and width divisible'):
        degrade_host(fine[:, :6], NOTHING, 4)
    with pytest.raises(ValueError, match='scale is 0'):
        degrade_host(fine, NOTHING, 0)
    with pytest.raises(ValueError, match='radius is 0'):
        usm_sharpen_host(fine, radius=0)
