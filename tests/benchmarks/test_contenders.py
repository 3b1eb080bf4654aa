"""BasicSR's step and ours under the benchmark: what is patched, that both train on the same, that stages are found."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from pathlib import Path

import basicsr
import pytest
import torch
from basicsr.models import realesrgan_model, realesrnet_model
from basicsr.utils import img_process_util
from basicsr.utils.img_process_util import USMSharp

from effsr.benchmarks.basicsr_step import (
    DATASET,
    PATCHES,
    USM_PATCH,
    contiguous_filter2d,
    grouped_filter2d,
    patches,
)
from effsr.benchmarks.case import STAGES, Case
from effsr.benchmarks.contenders import BASICSR, GROUPED, NAMES, OURS, build
from effsr.benchmarks.patching import Patch, patched
from effsr.benchmarks.photographs import collect

TINY = {'SRVGGNetCompact': {'num_feat': 4, 'num_conv': 1, 'upscale': 4},
        'RRDBNet': {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 4, 'scale': 4}}
D_STAGES = {'forward D', 'backward D'}


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    return collect(None, 80, tmp_path_factory.mktemp('photographs'))


@pytest.fixture(scope='module')
def make_case(photographs):
    def make(model='RealESRNetModel', network='SRVGGNetCompact', **changes):
        sizes = {'batch': 2, 'crop': 80, 'gt_size': 32, 'num_feat_d': 4, 'pool': 4, 'batches': 20, **changes}
        return Case(model, network, photographs, TINY[network], **sizes)
    return make


def image(shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('shape', [(1, 3, 60, 60), (2, 3, 80, 97), (5, 1, 64, 51)])
def test_grouped_usm_is_basicsrs_bit_for_bit(shape):
    sharpen, picture = USMSharp(), image(shape)
    expected = sharpen(picture)
    with patched(Patch(img_process_util, 'filter2D', grouped_filter2d)):
        assert torch.equal(sharpen(picture), expected)
    assert not torch.equal(expected, picture)


def test_contiguous_filter_changes_no_value():
    picture, kernels = image((2, 3, 30, 31)), image((2, 7, 7), 1)
    expected = img_process_util.filter2D(picture, kernels)
    assert torch.equal(contiguous_filter2d(picture.to(memory_format=torch.channels_last), kernels), expected)
    with pytest.raises(RuntimeError, match='view size is not compatible'):
        img_process_util.filter2D(picture.to(memory_format=torch.channels_last), kernels)


def test_patches_are_the_named_ones_and_leave_no_trace(make_case):
    def found():
        return (img_process_util.filter2D, realesrnet_model.filter2D, realesrgan_model.filter2D, DATASET.__getitem__,
                torch.nn.Module.cuda, torch.Tensor.cuda)

    before = found()
    for grouped in (False, True):
        with patched(*patches(make_case(), grouped)):
            assert not set(found()) & set(before)
            assert torch.zeros(1).cuda().device.type == 'cpu'
        assert found() == before
    assert 'cuda' not in vars(torch.Tensor)
    assert len(PATCHES) == 3  # cuda, filter2D, the crop
    assert {patch.name for patch in patches(make_case(crop=400), False)} == {'filter2D', 'cuda'}
    assert {patch.name for patch in patches(make_case(device='cuda'), False)} == {'filter2D', '__getitem__'}


@pytest.mark.parametrize('named', [*PATCHES, USM_PATCH], ids=lambda named: named.code)
def test_the_lines_that_are_named_hold_the_code(named):
    for place in named.lines.split():
        path, _, numbers = place.partition(':')
        lines = (Path(basicsr.__file__).parent / path).read_text(encoding='utf-8').splitlines()
        for number in numbers.split(','):
            assert named.code in lines[int(number) - 1], f'{path}:{number}'


@pytest.mark.parametrize('network', list(TINY))
@pytest.mark.parametrize('model', ['RealESRNetModel', 'RealESRGANModel'])
def test_every_stage_is_found_in_every_step(make_case, model, network):
    case = make_case(model, network)
    expected = set(STAGES) - (set() if case.gan else D_STAGES)
    for name in NAMES:
        contender = build(case, name)
        before = [weight.clone() for weight in contender.model.net_g.parameters()]
        seconds = contender.time_stages(0)
        assert set(seconds) == expected, name
        assert contender.model.lq.shape == (2, 3, 8, 8) and contender.model.gt.shape == (2, 3, 32, 32)
        assert any(not torch.equal(old, new) for old, new in zip(before, contender.model.net_g.parameters(),
                                                                 strict=True))
        whole = contender.time_whole(1)
        assert whole.data > 0 and whole.step > 0
        assert type(contender.model).__module__.split('.')[0] == ('effsr' if name == OURS else 'basicsr')


def test_same_photographs_weights_and_draws(make_case):
    contenders = theirs, grouped, ours = [build(make_case(), name) for name in (BASICSR, GROUPED, OURS)]
    for _ in range(3):
        first, *others = [contender.load()['gt_path'] for contender in contenders]
        assert first and others == [first, first]
    for name, weight in ours.model.net_g.state_dict().items():
        assert torch.equal(weight, theirs.model.net_g.state_dict()[name])
    for contender in (theirs, grouped):
        contender.time_whole(3)
    assert torch.equal(theirs.model.lq, grouped.model.lq) and torch.equal(theirs.model.gt, grouped.model.gt)
    assert type(theirs.model.net_g) is type(ours.model.net_g)


def test_a_crop_of_another_size(make_case):
    contender = build(make_case(crop=96), BASICSR)
    with patched(*contender.patches):
        assert contender.load()['gt'].shape == (2, 3, 96, 96)
    assert contender.load()['gt'].shape == (2, 3, 400, 400)


def test_pools_are_full(make_case):
    theirs, ours = (build(make_case(pool=8), name).model for name in (BASICSR, OURS))
    assert theirs.queue_ptr == theirs.queue_size == len(ours.pairs.pool) == 8


def test_small_photographs_are_left_out(tmp_path):
    some = collect(None, 400, tmp_path)
    assert some.left_out == 1 and not any('coins' in path for path in some.paths)
    assert len((tmp_path / 'photographs.txt').read_text().split()) == len(some.paths) == 5
    with pytest.raises(ValueError, match='none of 6 images is 4000 x 4000 or larger; lower --crop'):
        collect(None, 4000, tmp_path)
