"""The log of drawn degradations: every choice as a number, forgotten once read, bounded."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import dataclasses

import numpy as np
import pytest

from effsr.degradations import DegradationSettings
from effsr.degradations.draw import draw_parameters
from effsr.degradations.parameters import DegradationParameters, KernelParameters, StageParameters
from effsr.models import drawn
from effsr.models.drawn import FINAL_SINC, KERNEL_KINDS, DrawnLog, values_of

FIRST = StageParameters(KernelParameters('aniso', 9, 1.5, 0.5, 0.1), 0.7, 'area', 'gaussian', 12.0, True, 60.0)
SECOND = StageParameters(KernelParameters('sinc', 7, omega=2.0), 1.2, 'bicubic', 'poisson', 2.5, False, 80.0)
ONE = DegradationParameters(FIRST, SECOND, KernelParameters('sinc', 7, omega=1.0), 'area', True, 5)


def test_by_hand():
    log = DrawnLog()
    log.add([ONE, dataclasses.replace(ONE, final_kernel=None, second=dataclasses.replace(SECOND, kernel=None))])
    read = {name: values.tolist() for name, values in log.read().items()}
    assert read == {
        'blur1_kind': [2, 2], 'blur1_size': [9, 9], 'blur1_sigma': [1.5, 0.5, 1.5, 0.5], 'resize1': [0.7, 0.7],
        'noise1_kind': [0, 0], 'noise1_gaussian': [12, 12], 'noise1_gray': [1, 1], 'jpeg1_quality': [60, 60],
        'blur2_kind': [7, 0], 'blur2_size': [7], 'blur2_omega': [2], 'resize2': [1.2, 1.2], 'noise2_kind': [1, 1],
        'noise2_poisson': [2.5, 2.5], 'noise2_gray': [0, 0], 'jpeg2_quality': [80, 80], 'final_sinc': [1, 0]}
    assert log.read() == {}


def test_an_isotropic_kernel_has_one_sigma():
    kernel = KernelParameters('iso', 9, 1.5, 1.5)
    first = dataclasses.replace(FIRST, kernel=kernel)
    assert [value for name, value in values_of(dataclasses.replace(ONE, first=first)) if name == 'blur1_sigma'] == [1.5]


def test_values_have_their_shapes_and_every_kind_its_place():
    log = DrawnLog()
    log.add(draw_parameters(DegradationSettings(), seed) for seed in range(300))
    read = log.read()
    assert all(values.ndim == 1 and values.dtype == np.float64 for values in read.values())
    assert len(read['resize1']) == 300
    assert set(read['blur1_kind']) <= set(range(1, len(KERNEL_KINDS)))
    assert set(read['final_sinc']) == set(range(len(FINAL_SINC)))
    assert len(read['noise1_gaussian']) + len(read['noise1_poisson']) == 300


def test_a_kind_that_is_not_known_is_an_error():
    with pytest.raises(ValueError, match='tuple.index'):
        dict(values_of(dataclasses.replace(ONE, first=dataclasses.replace(FIRST, noise='salt'))))


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(drawn, 'KEPT', 3)
    log = DrawnLog()
    for _ in range(5):
        log.add([ONE])
    assert len(log.read()['resize1']) == 3
