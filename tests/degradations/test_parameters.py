import dataclasses
import json

import pytest

from effsr.degradations import (
    DegradationParameters,
    DegradationSettings,
    KernelParameters,
    describe,
    draw_parameters,
    gaussian_kernel,
    plateau_kernel,
    sinc_kernel,
)

SETTINGS = DegradationSettings()


def test_survive_json():
    for seed in range(40):
        parameters = draw_parameters(SETTINGS, seed)
        again = DegradationParameters.from_dict(json.loads(json.dumps(parameters.to_dict())))
        assert again == parameters


def test_are_frozen_and_hashable():
    parameters = draw_parameters(SETTINGS, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters.noise_seed = 1
    assert hash(parameters) == hash(draw_parameters(SETTINGS, 0))


def test_kernel_is_built_from_its_values():
    assert (KernelParameters('sinc', 9, omega=1.5).array() == sinc_kernel(9, 1.5)).all()
    assert (KernelParameters('aniso', 9, 1, 2, 0.5).array() == gaussian_kernel(9, 1, 2, 0.5)).all()
    assert (KernelParameters('plateau_iso', 9, 1, 1, beta=2).array() == plateau_kernel(9, 1, beta=2)).all()


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind is 'skew'"):
        KernelParameters('skew', 9).array()


def test_description_is_flat_and_says_what_applies():
    rows = [describe(draw_parameters(SETTINGS, seed)) for seed in range(200)]
    assert all(isinstance(value, (int, float, str)) for row in rows for value in row.values())
    for row in rows:
        assert ('blur1_omega' in row) == (row['blur1'] == 'sinc')
        assert ('blur2_size' in row) == (row['blur2'] != 'none')
        assert ('final_sinc_omega' in row) == (row['final_sinc'] == 'sinc')
    assert {row['noise1'] for row in rows} == {'gray gaussian', 'color gaussian', 'gray poisson', 'color poisson'}
