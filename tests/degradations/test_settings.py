import pytest
from pydantic import ValidationError

from effsr.degradations import DegradationSettings
from effsr.degradations.settings import OWN_KEYS

UPSTREAM = {
    'resize_prob': [0.2, 0.7, 0.1],
    'resize_range': [0.15, 1.5],
    'gaussian_noise_prob': 0.5,
    'noise_range': [1, 30],
    'poisson_scale_range': [0.05, 3],
    'gray_noise_prob': 0.4,
    'jpeg_range': [30, 95],
    'second_blur_prob': 0.8,
    'resize_prob2': [0.3, 0.4, 0.3],
    'resize_range2': [0.3, 1.2],
    'gaussian_noise_prob2': 0.5,
    'noise_range2': [1, 25],
    'poisson_scale_range2': [0.05, 2.5],
    'gray_noise_prob2': 0.4,
    'jpeg_range2': [30, 95],
    'blur_kernel_size': 21,
    'kernel_list': ['iso', 'aniso', 'generalized_iso', 'generalized_aniso', 'plateau_iso', 'plateau_aniso'],
    'kernel_prob': [0.45, 0.25, 0.12, 0.03, 0.12, 0.03],
    'sinc_prob': 0.1,
    'blur_sigma': [0.2, 3],
    'betag_range': [0.5, 4],
    'betap_range': [1, 2],
    'blur_kernel_size2': 21,
    'kernel_list2': ['iso', 'aniso', 'generalized_iso', 'generalized_aniso', 'plateau_iso', 'plateau_aniso'],
    'kernel_prob2': [0.45, 0.25, 0.12, 0.03, 0.12, 0.03],
    'sinc_prob2': 0.1,
    'blur_sigma2': [0.2, 1.5],
    'betag_range2': [0.5, 4],
    'betap_range2': [1, 2],
    'final_sinc_prob': 0.8,
}


def test_defaults_are_those_of_the_published_option_file():
    assert DegradationSettings() == DegradationSettings(**UPSTREAM)
    assert set(UPSTREAM) == set(DegradationSettings.model_fields) - OWN_KEYS


def test_defaults_pass_their_own_checks():
    DegradationSettings(**DegradationSettings().model_dump())


def test_every_field_says_what_it_is_in_which_unit_and_range():
    for name, field in DegradationSettings.model_fields.items():
        assert field.description, name
        assert field.json_schema_extra['unit'] and field.json_schema_extra['accepted'], name


def test_is_frozen():
    with pytest.raises(ValidationError, match='frozen'):
        DegradationSettings().sinc_prob = 0.5


@pytest.mark.parametrize(
    ('name', 'value', 'says'),
    [
        ('sinc_prob', 1.5, 'sinc_prob is 1.5; accepted: 0 to 1'),
        ('final_sinc_prob', float('nan'), 'accepted: 0 to 1'),
        ('jpeg_range', [0, 95], r'jpeg_range is \[0.0, 95.0\]; accepted: \[low, high\] with 1 <= low <= high <= 100'),
        ('jpeg_range2', [95, 30], 'jpeg_range2 is'),
        ('noise_range', [-1, 3], '0 <= low <= high <= 255'),
        ('noise_range2', [1, 256], '0 <= low <= high <= 255'),
        ('resize_range', [0, 1.5], '0 < low <= 1 <= high'),
        ('resize_range2', [0.3, 0.9], '0 < low <= 1 <= high'),
        ('blur_sigma', [0, 3], '0 < low <= high'),
        ('betag_range', [0, 4], '0 < low <= high'),
        ('poisson_scale_range', [-0.1, 3], '0 <= low <= high'),
        ('blur_kernel_size', 20, 'blur_kernel_size is 20; accepted: an odd number from 7 to 99'),
        ('blur_kernel_size2', 5, 'odd number from 7'),
        ('resize_prob', [0.2, -0.7, 0.1], 'non-negative weights with a positive sum'),
        ('resize_prob', [0, 0, 0], 'positive sum'),
        ('kernel_prob', [1, 1], '2 weights; accepted: 6, one for each kernel of kernel_list'),
        ('kernel_list2', ['iso', 'round'], 'plateau_aniso'),
        ('kernel_list', [], 'accepted: one or more of iso'),
        ('sinc_probability', 0.1, 'Extra inputs'),
        ('jpeg_444_prob', -0.1, 'jpeg_444_prob is -0.1; accepted: 0 to 1'),
        ('blur_sigma', [float('nan'), 3], '0 < low <= high'),
        ('noise_range', [5], 'Field required'),
        ('mode', 'batchwise', "'per_image' or 'batch'"),
    ],
)
def test_refuses_a_value_out_of_range_with_what_is_accepted(name, value, says):
    with pytest.raises(ValueError, match=says) as caught:
        DegradationSettings(**{name: value})
    assert '\n' not in caught.value.errors()[0]['msg']


def test_weights_need_not_sum_to_one():
    assert DegradationSettings(resize_prob=[2, 7, 1]).resize_prob == (2.0, 7.0, 1.0)
