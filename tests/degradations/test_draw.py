import math
import random
from collections import Counter

import numpy as np
import pytest
from basicsr.data import degradations as reference
from scipy import stats

from effsr.degradations import DegradationSettings, draw_batch, draw_parameters
from effsr.degradations.draw import _beta, _choose

SETTINGS = DegradationSettings()
COUNT = 4000
DRAWN = [draw_parameters(SETTINGS, seed) for seed in range(COUNT)]


def share(values) -> float:
    return sum(map(bool, values)) / len(values)


def near(probability: float, count: int = COUNT):
    """Within four standard errors."""
    return pytest.approx(probability, abs=4 * math.sqrt(probability * (1 - probability) / count))


def test_same_seed_same_parameters_and_others_differ():
    assert draw_parameters(SETTINGS, 123) == draw_parameters(SETTINGS, 123)
    assert len(set(DRAWN)) == COUNT
    assert len({p.noise_seed for p in DRAWN}) == COUNT


def test_global_random_state_is_not_used():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    draw_parameters(SETTINGS, 5)
    assert (np.random.get_state()[1] == before).all()


def test_an_option_changes_its_own_choice_alone():
    other = DegradationSettings(sinc_prob=1.0, gaussian_noise_prob2=0.0)
    ours, theirs = draw_parameters(SETTINGS, 3), draw_parameters(other, 3)
    assert theirs.first.kernel.kind == 'sinc'
    assert theirs.first.kernel.size == ours.first.kernel.size
    assert theirs.first.resize == ours.first.resize and theirs.second.kernel == ours.second.kernel
    assert theirs.final_kernel == ours.final_kernel and theirs.noise_seed == ours.noise_seed


def test_shares_of_the_choices():
    first, second = [p.first for p in DRAWN], [p.second for p in DRAWN]
    assert share([s.kernel.kind == 'sinc' for s in first]) == near(0.1)
    assert share([s.kernel.kind == 'iso' for s in first]) == near(0.9 * 0.45)
    assert share([s.kernel.kind == 'plateau_aniso' for s in first]) == near(0.9 * 0.03)
    assert share([s.kernel is not None for s in second]) == near(0.8)
    assert share([s.resize > 1 for s in first]) == near(0.2) and share([s.resize == 1 for s in first]) == near(0.1)
    assert share([s.resize > 1 for s in second]) == near(0.3) and share([s.resize == 1 for s in second]) == near(0.3)
    assert share([s.noise == 'gaussian' for s in first]) == near(0.5)
    assert share([s.gray_noise for s in second]) == near(0.4)
    assert share([p.final_kernel is not None for p in DRAWN]) == near(0.8)
    assert share([p.sinc_before_jpeg for p in DRAWN]) == near(0.5)
    for modes in ([s.resize_mode for s in first], [s.resize_mode for s in second], [p.final_mode for p in DRAWN]):
        assert all(n / COUNT == near(1 / 3) for n in Counter(modes).values()) and len(set(modes)) == 3
    assert {s.kernel.size for s in first} == {7, 9, 11, 13, 15, 17, 19, 21}


@pytest.mark.parametrize(
    ('values', 'low', 'high'),
    [
        ([p.first.jpeg_quality for p in DRAWN], 30, 95),
        ([p.first.noise_strength for p in DRAWN if p.first.noise == 'gaussian'], 1, 30),
        ([p.second.noise_strength for p in DRAWN if p.second.noise == 'poisson'], 0.05, 2.5),
        ([p.first.resize for p in DRAWN if p.first.resize < 1], 0.15, 1),
        ([p.second.resize for p in DRAWN if p.second.resize > 1], 1, 1.2),
        ([p.first.kernel.sigma_x for p in DRAWN if p.first.kernel.kind != 'sinc'], 0.2, 3),
        ([p.first.kernel.rotation for p in DRAWN if p.first.kernel.kind == 'aniso'], -math.pi, math.pi),
        ([p.final_kernel.omega for p in DRAWN if p.final_kernel], math.pi / 3, math.pi),
        ([k.omega for k in (p.first.kernel for p in DRAWN) if k.kind == 'sinc' and k.size < 13], math.pi / 3, math.pi),
        ([k.omega for k in (p.first.kernel for p in DRAWN) if k.kind == 'sinc' and k.size > 12], math.pi / 5, math.pi),
    ],
)
def test_uniform_over_the_range(values, low, high):
    assert low <= min(values) and max(values) <= high
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_shape_lies_below_and_above_one_equally_often():
    betas = [p.first.kernel.beta for p in DRAWN if p.first.kernel.kind == 'generalized_iso']
    assert share([b < 1 for b in betas]) == near(0.5, len(betas))
    assert min(betas) >= 0.5 and max(betas) <= 4
    plateau = [p.first.kernel.beta for p in DRAWN if p.first.kernel.kind == 'plateau_iso']
    assert share([b == 1 for b in plateau]) == near(0.5, len(plateau))


def test_range_that_excludes_one_is_drawn_uniformly():
    assert _beta(0.1, 0.5, 2.0, 4.0) == _beta(0.9, 0.5, 2.0, 4.0) == 3.0


def test_isotropic_kinds_have_equal_sigmas_and_no_rotation():
    for kernel in (p.first.kernel for p in DRAWN):
        if kernel.kind.endswith('iso') and not kernel.kind.endswith('aniso'):
            assert kernel.sigma_x == kernel.sigma_y and kernel.rotation == 0
        elif kernel.kind != 'sinc':
            assert kernel.sigma_x != kernel.sigma_y


def test_kernels_have_the_spread_of_the_reference():
    """Centre weights, the sharpness of a kernel in one number, against kernels drawn by the reference."""
    random.seed(0)
    np.random.seed(0)
    theirs, sizes = [], range(7, 22, 2)
    for _ in range(1500):
        size = random.choice(sizes)
        args = (SETTINGS.blur_sigma, SETTINGS.blur_sigma, [-math.pi, math.pi])
        kernel = reference.random_mixed_kernels(
            SETTINGS.kernel_list, SETTINGS.kernel_prob, size, *args, SETTINGS.betag_range, SETTINGS.betap_range
        )
        theirs.append(kernel[size // 2, size // 2])
    kernels = [p.first.kernel for p in DRAWN if p.first.kernel.kind != 'sinc'][:1500]
    ours = [k.array()[k.size // 2, k.size // 2] for k in kernels]
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def test_weights_of_zero_are_never_chosen():
    assert [_choose(u, 'abc', (0, 2, 0)) for u in (0.0, 0.5, 0.9999999999999999)] == ['b', 'b', 'b']
    assert [_choose(u, 'abc', (1, 1, 2)) for u in (0.0, 0.2499, 0.25, 0.4999, 0.5, 0.99)] == list('aabbcc')


def test_kernel_sizes_follow_the_setting():
    settings = DegradationSettings(blur_kernel_size=11, blur_kernel_size2=7)
    drawn = [draw_parameters(settings, seed) for seed in range(200)]
    assert {p.first.kernel.size for p in drawn} == {7, 9, 11}
    assert {p.final_kernel.size for p in drawn if p.final_kernel} == {7}


def test_refuses_a_negative_seed():
    with pytest.raises(ValueError, match='seed is -1; accepted: an integer from 0'):
        draw_parameters(SETTINGS, -1)


def test_a_batch_is_drawn_image_by_image_by_default():
    assert draw_batch(SETTINGS, range(5, 9)) == [draw_parameters(SETTINGS, seed) for seed in range(5, 9)]


def shared(parameters):
    """What Real-ESRGAN's feed_data draws once for a batch."""
    stages = (parameters.first, parameters.second)
    return (*((s.resize, s.resize_mode, s.noise, s.kernel is None) for s in stages), parameters.final_mode,
            parameters.sinc_before_jpeg, parameters.severity)


def test_batch_mode_shares_what_the_reference_shares_and_nothing_else():
    settings = DegradationSettings(mode='batch', severity=[0.5, 1.5])
    for start in range(0, 80, 8):
        batch = draw_batch(settings, range(start, start + 8))
        assert len({shared(p) for p in batch}) == 1
        assert batch[0] == draw_parameters(settings, start)
        for own in ('noise_seed', 'final_kernel'):
            assert len({getattr(p, own) for p in batch}) > 1
        for stage in ('first', 'second'):
            stages = [getattr(p, stage) for p in batch]
            assert all(len({getattr(s, name) for s in stages}) == 8 for name in ('noise_strength', 'jpeg_quality'))
            assert len({s.gray_noise for s in stages}) == 2 or start  # by chance not in every batch
            assert stages[0].kernel is None or len({s.kernel for s in stages}) == 8
    assert len({shared(draw_batch(settings, [seed, 1])[1]) for seed in range(2, 12)}) == 10


def test_batch_mode_draws_each_image_from_the_same_distribution():
    settings = DegradationSettings(mode='batch')
    drawn = [draw_batch(settings, [seed, COUNT + seed])[1] for seed in range(2000)]
    assert share([p.first.resize > 1 for p in drawn]) == near(0.2, 2000)
    assert share([p.second.kernel is not None for p in drawn]) == near(0.8, 2000)
    assert share([p.final_kernel is not None for p in drawn]) == near(0.8, 2000)
    strengths = [p.first.noise_strength for p in drawn if p.first.noise == 'gaussian']
    assert stats.kstest(strengths, stats.uniform(1, 29).cdf).pvalue > 1e-3


def test_subsampling_is_the_reference_s_unless_asked_for():
    assert {s.jpeg_subsampling for p in DRAWN for s in (p.first, p.second)} == {'4:2:0'}
    settings = DegradationSettings(jpeg_444_prob=0.3, jpeg_444_prob2=1)
    drawn = [draw_parameters(settings, seed) for seed in range(1000)]
    assert share([p.first.jpeg_subsampling == '4:4:4' for p in drawn]) == near(0.3, 1000)
    assert {p.second.jpeg_subsampling for p in drawn} == {'4:4:4'}
    assert drawn[7].first.kernel == DRAWN[7].first.kernel and drawn[7].noise_seed == DRAWN[7].noise_seed
