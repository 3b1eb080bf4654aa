import dataclasses
import subprocess
import sys

import pytest
import torch
from basicsr.utils.img_process_util import filter2D
from torch.nn import functional as F

import effsr
from effsr.degradations import (
    Degradation,
    DegradationParameters,
    DegradationSettings,
    KernelParameters,
    StageParameters,
    degrade,
    jpeg_round_trip,
    usm_sharpen,
)

PLAIN = StageParameters(None, 1.0, 'area', 'gaussian', 0.0, False, 100.0)
NOTHING = DegradationParameters(PLAIN, PLAIN, None, 'area', False, 0)


@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_shape_range_and_8_bit_levels(crops, scale):
    before = crops.clone()
    lq, parameters = Degradation(scale=scale)(crops, range(4))
    assert lq.shape == (4, 3, 96 // scale, 96 // scale) and lq.dtype == torch.float32 and lq.is_contiguous()
    assert lq.min() >= 0 and lq.max() <= 1 and len(parameters) == 4
    torch.testing.assert_close(lq * 255, (lq * 255).round(), atol=1e-4, rtol=0)
    assert torch.equal(crops, before)


def test_same_seed_same_result_and_replay(crops):
    degradation = Degradation(scale=4)
    torch.manual_seed(0)
    lq, parameters = degradation(crops, [5, 6, 7, 8])
    state = torch.get_rng_state()
    again, _ = degradation(crops, [5, 6, 7, 8])
    assert torch.equal(lq, again) and torch.equal(torch.get_rng_state(), state)
    replayed = [DegradationParameters.from_dict(p.to_dict()) for p in parameters]
    assert torch.equal(lq, degrade(crops, replayed, 4))
    other, _ = degradation(crops, [5, 6, 7, 9])
    assert torch.equal(lq[:3], other[:3]) and not torch.equal(lq[3], other[3])


def test_images_of_a_batch_differ_from_each_other(crops):
    lq, parameters = Degradation(scale=4)(crops[:1].repeat(4, 1, 1, 1), range(4))
    for field in ('first', 'second', 'noise_seed'):
        assert len({getattr(p, field) for p in parameters}) == 4
    assert all(not torch.equal(lq[0], lq[i]) for i in (1, 2, 3))


def test_batch_equals_one_by_one(crops):
    degradation = Degradation(scale=4)
    lq, _ = degradation(crops, range(10, 14))
    single = torch.cat([degradation(crops[i : i + 1], [10 + i])[0] for i in range(4)])
    assert torch.equal(lq, single)


def test_noise_seed_alone_changes_the_noise(crops):
    parameters = Degradation().draw([1])[0]
    other = dataclasses.replace(parameters, noise_seed=parameters.noise_seed + 1)
    assert not torch.equal(degrade(crops[:1], [parameters], 4), degrade(crops[:1], [other], 4))


def test_without_blur_and_noise_it_is_resize_and_two_compressions(crops):
    expected = jpeg_round_trip(F.interpolate(jpeg_round_trip(crops[:1], 100), size=(24, 24), mode='area'), 100)
    torch.testing.assert_close(degrade(crops[:1], [NOTHING], 4), expected)


def test_order_of_the_operations_is_the_reference_order(crops):
    """Composed here a second time from torch and the reference's filter, noise left at 0."""
    kernels = [KernelParameters('aniso', 11, 2.0, 0.8, 0.4), KernelParameters('iso', 7, 1.0, 1.0)]
    sinc = KernelParameters('sinc', 13, omega=1.6)
    first = StageParameters(kernels[0], 0.7, 'bicubic', 'gaussian', 0.0, False, 60.0)
    second = StageParameters(kernels[1], 1.13, 'bilinear', 'gaussian', 0.0, False, 40.0)

    def blur(image, kernel):
        return filter2D(image, torch.from_numpy(kernel.array()).float()[None])

    for before in (True, False):
        parameters = DegradationParameters(first, second, sinc, 'bicubic', before, 0)
        out = F.interpolate(blur(crops[:1], kernels[0]), scale_factor=0.7, mode='bicubic').clamp(0, 1)
        out = blur(jpeg_round_trip(out, 60), kernels[1])
        out = F.interpolate(out, size=(int(96 / 4 * 1.13),) * 2, mode='bilinear').clamp(0, 1)
        if not before:
            out = jpeg_round_trip(out, 40)
        out = blur(F.interpolate(out, size=(24, 24), mode='bicubic'), sinc)
        if before:
            out = jpeg_round_trip(out.clamp(0, 1), 40)
        difference = (degrade(crops[:1], [parameters], 4) - out.clamp(0, 1)).abs()
        # A value half-way between two levels may be rounded either way, by float noise of the filters.
        assert difference.mean() < 0.3 / 255


@pytest.mark.parametrize('shape', [(8, 8), (4, 4), (44, 60), (20, 4), (36, 100)])
def test_small_and_odd_sizes(crops, shape):
    image = crops[:1].repeat(1, 1, 1, 2)[..., : shape[0], : shape[1]].repeat(12, 1, 1, 1)
    lq, _ = Degradation(scale=4)(image, range(12))
    assert lq.shape == (12, 3, shape[0] // 4, shape[1] // 4) and lq.isfinite().all()


@pytest.mark.parametrize('level', [0.0, 0.5, 1.0])
def test_constant_images(level):
    lq, _ = Degradation(scale=4)(torch.full((8, 3, 32, 32), level), range(8))
    assert lq.isfinite().all() and (lq.mean() - level).abs() < 0.2


@pytest.mark.parametrize('mode', ['per_image', 'batch'])
@pytest.mark.parametrize(('scale', 'shape'), [(1, (1, 1)), (4, (4, 4)), (2, (2, 40)), (1, (1, 9))])
def test_single_pixels(scale, shape, mode):
    """One pixel of gt or of lq, below every kernel and every block."""
    image = torch.rand(16, 3, *shape, generator=torch.Generator().manual_seed(0))
    lq, _ = Degradation(DegradationSettings(mode=mode, jpeg_444_prob=0.5), scale)(usm_sharpen(image), range(16))
    assert lq.shape == (16, 3, shape[0] // scale, shape[1] // scale) and lq.isfinite().all()


@pytest.mark.parametrize('kind', ['gaussian', 'poisson'])
def test_values_that_are_not_finite_count_as_the_nearest_level(crops, kind):
    settings = DegradationSettings(gaussian_noise_prob=kind == 'gaussian', gaussian_noise_prob2=kind == 'gaussian')
    broken = crops.clone()
    broken[0, :, 10:20, 10:20], broken[1, 1, 5, 5], broken[2, 0] = float('nan'), float('inf'), -float('inf')
    mended = crops.clone()
    mended[0, :, 10:20, 10:20], mended[1, 1, 5, 5], mended[2, 0] = 0, 1, 0
    lq, parameters = Degradation(settings, 4)(broken, range(4))
    assert lq.isfinite().all() and torch.equal(lq, degrade(mended, parameters, 4))
    assert broken[0, 0, 12, 12].isnan()
    assert degrade(torch.full_like(crops, float('nan')), parameters, 4).isfinite().all()


def test_subsampling_reaches_both_compressions(crops):
    stage = dataclasses.replace(PLAIN, jpeg_quality=50.0, jpeg_subsampling='4:4:4')
    lq = degrade(crops[:1], [dataclasses.replace(NOTHING, first=stage, second=stage)], 1)
    once = jpeg_round_trip(crops[:1], 50, '4:4:4')
    torch.testing.assert_close(lq, jpeg_round_trip(once, 50, '4:4:4'))


def test_grey_image_stays_grey_under_grey_noise(crops):
    grey = crops.mean(dim=1, keepdim=True).repeat(1, 3, 1, 1)
    settings = DegradationSettings(gray_noise_prob=1, gray_noise_prob2=1)
    lq, _ = Degradation(settings, 4)(grey, range(4))
    assert (lq[:, 0] - lq[:, 1]).abs().max() <= 1.01 / 255


def test_memory_format_type_and_autocast(crops):
    lq, parameters = Degradation(scale=4)(crops, range(4))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(degrade(crops, parameters, 4), lq)
        assert torch.equal(usm_sharpen(crops), usm_sharpen(crops.clone()))
    channels_last = crops.contiguous(memory_format=torch.channels_last)
    assert (degrade(channels_last, parameters, 4) - lq).abs().mean() < 0.5 / 255
    assert degrade(crops.bfloat16(), parameters, 4).dtype == torch.float32
    assert degrade(crops.double(), parameters, 4).dtype == torch.float64


def test_needs_no_gradient(crops):
    lq, _ = Degradation(scale=4)(crops.clone().requires_grad_(), range(4))
    assert not lq.requires_grad


def test_sharpening_is_separate(crops):
    assert torch.equal(Degradation.sharpen(crops), usm_sharpen(crops))


@pytest.mark.parametrize(
    ('gt', 'count', 'scale', 'says'),
    [
        (torch.zeros(1, 3, 10, 8), 1, 4, 'gt is 10x8, scale 4'),
        (torch.zeros(1, 1, 8, 8), 1, 4, r'accepted: floating point, \(B, 3, H, W\)'),
        (torch.zeros(3, 8, 8), 1, 4, r'\(B, 3, H, W\)'),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 1, 4, 'uint8'),
        (torch.zeros(2, 3, 8, 8), 1, 4, '1 sets of parameters for 2 images'),
        (torch.zeros(1, 3, 8, 8), 1, 0, 'scale is 0'),
        (torch.zeros(1, 3, 0, 8), 1, 4, 'gt is 0x8'),
    ],
)
def test_refuses_other_input(gt, count, scale, says):
    with pytest.raises(ValueError, match=says):
        degrade(gt, [NOTHING] * count, scale)


def test_imports_nothing_else_of_effsr_and_not_basicsr():
    code = (
        'import sys, types, pathlib\n'
        'root = pathlib.Path(sys.argv[1])\n'
        'package = types.ModuleType("effsr"); package.__path__ = [str(root)]; sys.modules["effsr"] = package\n'
        'import effsr.degradations\n'
        'names = [n for n in sys.modules if n.startswith(("effsr.", "basicsr"))]\n'
        'assert all(n.startswith("effsr.degradations") for n in names), names\n'
    )
    root = next(iter(effsr.__path__))
    done = subprocess.run([sys.executable, '-c', code, root], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
