"""The whole chain against BasicSR's, composed as Real-ESRGAN composes it: each draws for itself, results are alike.

Measured on luma: BasicSR's JPEG repeats the pixels of halved chroma, libjpeg and ours smooth them.
"""
import effsr  # noqa: F401  installs the bridge

# isort: split
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import skimage.data
import torch
from basicsr.models import realesrgan_model
from measures import Measures, measure_all
from scipy import stats

from effsr.benchmarks.basicsr_chain import BasicSRChain
from effsr.benchmarks.basicsr_step import grouped_filter2d
from effsr.benchmarks.patching import Patch, patched
from effsr.degradations import Degradation, DegradationSettings

NUMBER, SIDE, SCALE, BATCH = 2000, 96, 2, 4
GROUPS = 400  # batches of which the images are compared with each other
SIGNIFICANT = 0.02
TENTH = np.log(1.1)
SETTINGS = DegradationSettings()
NOISY = SETTINGS.model_copy(update={
    name: tuple(1.1 * value for value in getattr(SETTINGS, name))
    for name in ('noise_range', 'noise_range2', 'poisson_scale_range', 'poisson_scale_range2')})


@cache
def crops() -> torch.Tensor:
    """(NUMBER, 3, SIDE, SIDE) from three photographs in turn."""
    rng = np.random.default_rng(0)
    pictures = [getattr(skimage.data, name)() for name in ('astronaut', 'chelsea', 'coffee')]
    cut = []
    for number in range(NUMBER):
        picture = pictures[number % 3]
        top, left = (rng.integers(length - SIDE + 1) for length in picture.shape[:2])
        cut.append(torch.from_numpy(picture[top:top + SIDE, left:left + SIDE].copy()))
    return torch.stack(cut).permute(0, 3, 1, 2).float() / 255


def luma(lq: torch.Tensor) -> list[np.ndarray]:
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return list((lq * weights).sum(1).mul(255).numpy()[..., None])


@contextmanager
def quick_single_kernel():
    """filter2D of a batch of one without its slow way around; bit for bit the same."""
    original = realesrgan_model.filter2D

    def filter2d(image, kernel):
        return grouped_filter2d(image, kernel) if len(kernel) == 1 else original(image, kernel)

    with patched(Patch(realesrgan_model, 'filter2D', filter2d)):
        yield


@cache
def theirs(batch: int, number: int) -> np.ndarray:
    """Logarithms of the measures, (number, 3)."""
    chain = BasicSRChain(SETTINGS, SCALE, SIDE, torch.device('cpu'), sharpen=False)
    found = []
    with chain.ready(7, batch), quick_single_kernel():
        for gt in crops()[:number].split(batch):
            found += luma(chain.degrade(gt, chain.draw_kernels(batch))[0])
    return measure_all(found)


@cache
def ours(settings: DegradationSettings = SETTINGS, batch: int = BATCH, number: int = NUMBER) -> np.ndarray:
    """The same of ours; the seeds do not depend on the settings."""
    degradation, found = Degradation(settings, SCALE), []
    for first, gt in zip(range(0, number, batch), crops()[:number].split(batch), strict=True):
        found += luma(degradation(gt, range(10**6 + first, 10**6 + first + batch))[0])
    return measure_all(found)


def differs(one: np.ndarray, other: np.ndarray) -> list[str]:
    """Names of the measures whose distributions Kolmogorov and Smirnov tell apart."""
    return [name for name, a, b in zip(Measures._fields, one.T, other.T, strict=True)
            if stats.ks_2samp(a, b).pvalue < SIGNIFICANT]


@pytest.mark.slow
def test_each_image_is_degraded_as_in_real_esrgan():
    assert differs(ours(), theirs(1, NUMBER)) == []


@pytest.mark.slow
@pytest.mark.parametrize('shift', [TENTH, -TENTH])
def test_a_tenth_more_or_less_of_any_measure_is_noticed(shift):
    assert differs(ours() + shift, theirs(1, NUMBER)) == list(Measures._fields)


@pytest.mark.slow
def test_a_tenth_more_noise_in_the_settings_is_noticed():
    assert 'noise' in differs(ours(NOISY), theirs(1, NUMBER))


def likeness(measured: np.ndarray) -> np.ndarray:
    """Correlation within batches (intraclass, of ranks, as the measures have long tails) of each measure: (3,)."""
    batches = stats.rankdata(measured, axis=0).reshape(-1, BATCH, measured.shape[1])
    between = BATCH * batches.mean(1).var(0, ddof=1)
    within = batches.var(1, ddof=1).mean(0)
    return (between - within) / (between + (BATCH - 1) * within)


@pytest.mark.slow
def test_images_of_a_batch_are_alike_in_mode_batch_as_in_real_esrgan_and_not_else():
    number = GROUPS * BATCH
    batch_wise = ours(SETTINGS.model_copy(update={'mode': 'batch'}), number=number)
    reference, single = theirs(BATCH, number), ours()[:number]
    blockiness = Measures._fields.index('blockiness')  # whether JPEG comes last is shared
    assert likeness(reference)[blockiness] > 0.35
    assert np.abs(likeness(batch_wise) - likeness(reference)).max() < 0.12
    assert np.abs(likeness(single)).max() < 0.1

    def means(measured):
        return measured.reshape(-1, BATCH, measured.shape[1]).mean(1)

    assert differs(means(batch_wise), means(reference)) == []
    assert differs(means(single), means(reference)) != []


def test_likeness_by_hand():
    same = np.repeat(np.arange(50.0), BATCH)[:, None]
    assert likeness(same) == pytest.approx(1)
    mixed = np.random.default_rng(0).permutation(same)
    assert abs(likeness(mixed)) < 0.15
