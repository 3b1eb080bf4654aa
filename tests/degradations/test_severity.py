import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from effsr.degradations import DegradationSettings, degrade, draw_batch, draw_parameters, scaled, severity_at
from effsr.degradations.settings import sinc_omega_from

SETTINGS = DegradationSettings()


def test_one_changes_nothing_and_the_number_is_recorded():
    for seed in range(20):
        parameters = draw_parameters(SETTINGS, seed)
        assert parameters.severity == 1 and draw_parameters(SETTINGS, seed, 1.0) == parameters
        assert draw_parameters(SETTINGS, seed, 0.4).severity == 0.4


def test_each_value_by_hand():
    for seed in range(60):
        plain, half = draw_parameters(SETTINGS, seed), draw_parameters(SETTINGS, seed, 0.5)
        for ours, theirs in ((half.first, plain.first), (half.second, plain.second)):
            assert ours.resize == pytest.approx(math.sqrt(theirs.resize))
            assert ours.noise_strength == pytest.approx(theirs.noise_strength / 2)
            assert ours.jpeg_quality == pytest.approx((100 + theirs.jpeg_quality) / 2)
            assert (ours.noise, ours.gray_noise, ours.resize_mode) == (theirs.noise, theirs.gray_noise,
                                                                       theirs.resize_mode)
            if theirs.kernel is None:
                assert ours.kernel is None
            elif theirs.kernel.kind == 'sinc':
                assert ours.kernel.omega == pytest.approx((math.pi + theirs.kernel.omega) / 2)
            else:
                assert ours.kernel.sigma_x == pytest.approx(max(theirs.kernel.sigma_x / 2, 0.01))
                assert (ours.kernel.kind, ours.kernel.beta) == (theirs.kernel.kind, theirs.kernel.beta)


@pytest.mark.parametrize('mode', ['area', 'bilinear', 'bicubic'])
def test_zero_is_a_plain_resize(crops, mode):
    parameters = next(p for p in (draw_parameters(SETTINGS, s, 0.0) for s in range(50)) if p.second.resize_mode == mode)
    expected = F.interpolate(crops[:1], size=(24, 24), mode=mode).clamp(0, 1)
    torch.testing.assert_close(degrade(crops[:1], [parameters], 4), (expected * 255).round() / 255)


def test_two_stays_within_the_legal_ranges(crops):
    wide = DegradationSettings(noise_range=[200, 255], poisson_scale_range=[60, 100], blur_sigma=[80, 100],
                               jpeg_range=[1, 5], resize_range=[0.15, 8])
    for settings in (SETTINGS, wide):
        parameters = draw_batch(settings, range(100), 2.0)
        for stage in (stage for p in parameters for stage in (p.first, p.second)):
            assert 1 <= stage.jpeg_quality <= 100 and 0 < stage.resize <= 8
            assert stage.noise_strength <= (255 if stage.noise == 'gaussian' else 100)
            if stage.kernel is not None and stage.kernel.kind == 'sinc':
                assert sinc_omega_from(stage.kernel.size) <= stage.kernel.omega <= math.pi
            elif stage.kernel is not None:
                assert stage.kernel.sigma_x <= 100
        assert degrade(crops, parameters[:4], 4).isfinite().all()


@pytest.mark.parametrize('severity', [1e-9, 0.1, 0.5])
def test_every_kernel_of_a_mild_degradation_can_be_built(severity):
    for parameters in draw_batch(SETTINGS, range(200), severity):
        for kernel in (parameters.first.kernel, parameters.second.kernel, parameters.final_kernel):
            assert kernel is None or kernel.array().sum() == pytest.approx(1)


def test_harder_means_further_from_the_plain_resize(crops):
    plain = degrade(crops, draw_batch(SETTINGS, range(4), 0.0), 4)
    errors = [np.mean([(degrade(crops, draw_batch(SETTINGS, range(s, s + 4), severity), 4) - plain).abs().mean().item()
                       for s in range(0, 40, 4)]) for severity in (0.25, 0.5, 1.0, 1.5)]
    assert errors == sorted(errors)


def test_range_is_drawn_per_image_and_schedule_is_linear():
    ranged = DegradationSettings(severity=[0.5, 1.5])
    drawn = [draw_parameters(ranged, seed) for seed in range(400)]
    assert severity_at(ranged, 0) is None
    assert 0.5 <= min(p.severity for p in drawn) < 0.55 and 1.45 < max(p.severity for p in drawn) <= 1.5
    assert all(scaled(draw_parameters(SETTINGS, seed), drawn[seed].severity) == drawn[seed] for seed in range(40))
    schedule = DegradationSettings(severity={10_000: 1.0, 0: 0.5})
    assert [severity_at(schedule, i) for i in (0, 5_000, 10_000, 99_999)] == [0.5, 0.75, 1.0, 1.0]
    assert draw_parameters(schedule, 3).severity == 1  # what knows no iteration takes the end
    assert severity_at(DegradationSettings(severity=0.3), 7) == 0.3


@pytest.mark.parametrize('value', [-0.1, 2.5, float('nan'), True, 'high', [1, 0.5], [0.5], [0, 3], {}, {0: 3}, {-1: 1},
                                   {'start': 1}, None])
def test_refuses_other_settings_in_one_line(value):
    with pytest.raises(ValueError, match='severity is .*; accepted: 0 to 2') as caught:
        DegradationSettings(severity=value)
    assert len(caught.value.errors()) == 1


def test_refuses_other_severities():
    with pytest.raises(ValueError, match='severity is 3; accepted: 0 to 2'):
        draw_parameters(SETTINGS, 0, 3)
