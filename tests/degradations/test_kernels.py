import math

import numpy as np
import pytest
from basicsr.data import degradations as reference
from scipy.special import j1

from effsr.degradations import (
    gaussian_kernel,
    generalized_gaussian_kernel,
    pad_kernel,
    plateau_kernel,
    sinc_kernel,
)

ALL = [
    gaussian_kernel(7, 1.3),
    gaussian_kernel(21, 2.5, 0.7, 0.6),
    generalized_gaussian_kernel(15, 2.0, beta=0.5),
    generalized_gaussian_kernel(15, 2.0, 0.9, -2.0, beta=4.0),
    plateau_kernel(9, 1.7, beta=1.2),
    plateau_kernel(21, 0.2, 3.0, 1.0, beta=2.0),
    sinc_kernel(7, math.pi / 3),
    sinc_kernel(21, 2.9),
]


@pytest.mark.parametrize('kernel', ALL)
def test_sums_to_one_and_is_symmetric_about_its_centre(kernel):
    assert kernel.dtype == np.float64 and kernel.shape[0] == kernel.shape[1]
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-15)


@pytest.mark.parametrize('kernel', [ALL[0], ALL[2], ALL[4], ALL[6], ALL[7]])
def test_without_a_second_sigma_is_isotropic(kernel):
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-15)
    np.testing.assert_allclose(kernel, np.rot90(kernel), atol=1e-15)
    # (5, 0) and (3, 4) lie at the same distance from the centre.
    if kernel.shape[0] > 9:
        centre = kernel.shape[0] // 2
        assert kernel[centre, centre + 5] == pytest.approx(kernel[centre + 4, centre + 3], abs=1e-15)


def test_gaussian_by_hand():
    # sigma 1: exp(0), exp(-1/2), exp(-1) at distance 0, 1, sqrt 2.
    edge, corner = math.exp(-0.5), math.exp(-1)
    total = 1 + 4 * edge + 4 * corner
    expected = np.array([[corner, edge, corner], [edge, 1, edge], [corner, edge, corner]]) / total
    np.testing.assert_allclose(gaussian_kernel(3, 1.0), expected, rtol=1e-14)


def test_plateau_by_hand():
    # 1/(1 + 0), 1/(1 + 1), 1/(1 + 2^beta) with beta 2.
    expected = np.array([[0.2, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 0.2]]) / 3.8
    np.testing.assert_allclose(plateau_kernel(3, 1.0, beta=2.0), expected, rtol=1e-14)


def test_generalized_gaussian_of_shape_one_is_gaussian():
    np.testing.assert_allclose(generalized_gaussian_kernel(11, 2, 1, 0.3, beta=1), gaussian_kernel(11, 2, 1, 0.3))


def test_rotation_by_a_right_angle_swaps_the_sigmas():
    np.testing.assert_allclose(gaussian_kernel(11, 2, 1, math.pi / 2), gaussian_kernel(11, 1, 2), atol=1e-15)
    wide = gaussian_kernel(11, 2, 1)
    assert wide[5, 8] > wide[8, 5]


def test_sinc_matches_its_bessel_formula():
    omega, size = 1.7, 9
    expected = np.empty((size, size))
    for row in range(size):
        for column in range(size):
            r = math.hypot(row - 4, column - 4)
            expected[row, column] = omega * j1(omega * r) / (2 * math.pi * r) if r else omega**2 / (4 * math.pi)
    np.testing.assert_allclose(sinc_kernel(size, omega), expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize('isotropic', [True, False])
def test_agrees_with_the_reference(isotropic):
    args = (1.4, 1.4, 0.0) if isotropic else (1.4, 2.6, 0.8)
    pairs = [
        (gaussian_kernel(13, *args), reference.bivariate_Gaussian(13, *args, isotropic=isotropic)),
        (
            generalized_gaussian_kernel(13, *args, beta=0.7),
            reference.bivariate_generalized_Gaussian(13, *args, 0.7, isotropic=isotropic),
        ),
        (plateau_kernel(13, *args, beta=1.6), reference.bivariate_plateau(13, *args, 1.6, isotropic=isotropic)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, atol=1e-14)


def test_pad_centres_the_kernel():
    padded = pad_kernel(gaussian_kernel(7, 1), 11)
    assert padded.shape == (11, 11)
    np.testing.assert_array_equal(padded[2:9, 2:9], gaussian_kernel(7, 1))
    assert padded.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ('make', 'says'),
    [
        (lambda: gaussian_kernel(8, 1), 'kernel size is 8'),
        (lambda: gaussian_kernel(7, 0), 'sigma_x is 0'),
        (lambda: gaussian_kernel(7, 1, -1), 'sigma_y is -1'),
        (lambda: plateau_kernel(7, 1, beta=0), 'beta is 0'),
        (lambda: generalized_gaussian_kernel(7, 1, beta=float('nan')), 'beta is nan'),
        (lambda: sinc_kernel(7, 4), 'omega is 4'),
        (lambda: pad_kernel(np.ones((9, 9)), 7), 'does not fit in 7'),
        (lambda: pad_kernel(np.ones((7, 7)), 10), 'kernel size is 10'),
    ],
)
def test_refuses_values_out_of_range(make, says):
    with pytest.raises(ValueError, match=says):
        make()
