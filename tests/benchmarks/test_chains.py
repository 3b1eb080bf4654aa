"""BasicSR's chain and ours under the degradation benchmark: same crops, every stage found, nothing left behind."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import random

import numpy as np
import pytest
import torch
from basicsr.data import realesrgan_dataset
from basicsr.models import realesrgan_model
from basicsr.utils import img_process_util

from effsr.benchmarks.basicsr_chain import KERNELS, BasicSRChain
from effsr.benchmarks.chains import (
    BASICSR,
    BATCH,
    GROUPED,
    NAMES,
    OURS,
    SCALE,
    STAGES,
    WORKER,
    Timed,
    Untimed,
    make_chain,
    waits,
)
from effsr.benchmarks.crops import CropSource
from effsr.benchmarks.photographs import collect
from effsr.degradations import Degradation, DegradationSettings, apply, host, usm_sharpen

CPU = torch.device('cpu')
SIDE = 96


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    return collect(None, 1, tmp_path_factory.mktemp('photographs'))


@pytest.fixture
def crops(photographs):
    return CropSource(photographs, 2, SIDE, CPU, 5)


def make(name, gt_size=64):
    return make_chain(name, gt_size, CPU, 5)


def names_in_place():
    return [getattr(owner, name) for owner, name in (
        (realesrgan_model, 'filter2D'), (img_process_util, 'filter2D'), (realesrgan_dataset, 'imfrombytes'),
        (realesrgan_dataset, 'img2tensor'), (torch.nn.functional, 'interpolate'), (apply, 'filter2d'),
        (apply, 'jpeg_round_trip'), (host, 'blur_host'))]


def test_crops_are_the_same_whatever_the_batch(photographs, crops):
    pairs, single = crops(1), CropSource(photographs, 1, SIDE, CPU, 5)
    assert pairs.tensor.shape == (2, 3, SIDE, SIDE) and len(pairs.arrays) == 2
    for place in (0, 1):
        one = single(2 + place)
        assert np.array_equal(one.arrays[0], pairs.arrays[place]) and one.seeds == [pairs.seeds[place]]
        assert torch.equal(one.tensor[0], pairs.tensor[place])
    assert torch.equal(pairs.tensor[0].mul(255).round().byte().permute(1, 2, 0), torch.from_numpy(pairs.arrays[0]))
    assert crops(1) is pairs and crops(0).seeds != pairs.seeds
    large = CropSource(photographs, 1, 800, CPU, 5)(0)  # larger than any of them: completed by reflection
    assert large.tensor.shape == (1, 3, 800, 800)


@pytest.mark.parametrize('name', NAMES)
def test_every_stage_is_found_and_nothing_stays_replaced(crops, name):
    before, state = names_in_place(), (random.getstate()[1], torch.get_rng_state().tolist())
    timed = Timed(make(name), crops, CPU, repeats=8)  # so many that every kind of noise is drawn
    stages = timed.stages(0)
    assert set(stages) == set(STAGES) and all(seconds > 0 for seconds in stages.values())
    assert timed.whole(1) > 0
    assert names_in_place() == before and (random.getstate()[1], torch.get_rng_state().tolist()) == state


@pytest.mark.parametrize('name', NAMES)
def test_pairs_that_belong_together(crops, name):
    batch = crops(0)
    chain = make(name)
    with chain.ready(0):
        lq, gt = chain(batch, Untimed())
    assert lq.shape == (2, 3, 64 // SCALE, 64 // SCALE) and gt.shape == (2, 3, 64, 64)
    small = torch.nn.functional.interpolate(gt, scale_factor=1 / SCALE, mode='area')
    for one, other in zip(lq.flatten(1), small.flatten(1), strict=True):
        assert torch.corrcoef(torch.stack([one, other]))[0, 1] > 0.4


def test_ours_is_what_the_training_step_does(crops):
    batch, chain = crops(3), make(OURS, SIDE)
    lq, gt = chain(batch, Untimed())
    expected, _ = Degradation(DegradationSettings(), SCALE)(usm_sharpen(batch.tensor), batch.seeds)
    assert torch.equal(lq, expected) and torch.equal(gt, batch.tensor)
    assert make(BATCH).degradation.settings.mode == 'batch' and make(OURS).degradation.settings.mode == 'per_image'


def test_grouped_draws_and_gives_what_basicsr_does(crops):
    found = []
    for name in (BASICSR, GROUPED):
        chain = make(name)
        with chain.ready(4):
            found.append(chain(crops(0), Untimed()))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


def test_the_second_sharpening_is_left_out_and_the_first_by_choice(crops):
    calls = []
    for sharpen in (True, False):
        chain = BasicSRChain(DegradationSettings(), SCALE, SIDE, CPU, sharpen=sharpen)
        chain.usm.inner.register_forward_hook(lambda *_, kind=sharpen: calls.append(kind))
        with chain.ready(0):
            kernels = chain.draw_kernels(2)
            chain.degrade(crops(0).tensor, kernels)
            chain.degrade(crops(0).tensor, kernels)
    assert calls == [True, True]
    assert set(kernels) == set(KERNELS)
    for kernel in kernels.values():
        assert kernel.shape == (2, 21, 21) and kernel.sum((1, 2)) == pytest.approx(torch.ones(2), abs=1e-4)


def test_kernels_that_basicsr_does_not_know():
    settings = DegradationSettings(blur_kernel_size=31, blur_kernel_size2=31)
    with pytest.raises(ValueError, match='blur_kernel_size is not 21; BasicSR draws kernels of 7 to 21 alone'):
        BasicSRChain(settings, SCALE, SIDE, CPU)


def test_a_worker_has_one_thread_and_gives_it_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with make(WORKER).ready(0):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_ours_does_not_wait_for_the_gpu(photographs):
    device = torch.device('cuda')
    crops = CropSource(photographs, 2, SIDE, device, 5)
    for name in (OURS, BATCH):
        chain = make_chain(name, 64, device, 5)
        chain(crops(0), Untimed())
        assert waits(chain, crops(0)) == 'no'
