"""SuperResolutionDataset: lq from its folder or made to the bit, cut alike, fixed sizes, what does not fit named."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from pathlib import Path

import pytest
import torch
from basicsr.utils.registry import DATASET_REGISTRY

from effsr.data.image_io import ImageError, read_rgb, to_tensor
from effsr.data.imresize import imresize
from effsr.data.sampler import SampleIndex
from effsr.data.super_resolution_dataset import SuperResolutionDataset

VAL = Path(__file__).parents[3] / 'shared/data/val'


@pytest.fixture
def photos(tmp_path, write):
    for number, (height, width) in enumerate([(41, 34), (24, 24)]):
        write(tmp_path / 'gt' / f'{number}.png', height, width, number)
    return tmp_path


def dataset(folder, phase='train', **more):
    more = {'gt_size': 16, **more} if phase == 'train' else more
    return SuperResolutionDataset({'type': 'SuperResolutionDataset', 'name': 'set', 'phase': phase, 'scale': 2,
                                   'dataroot_gt': str(folder / 'gt'), **more})


def test_registered():
    assert DATASET_REGISTRY.get('SuperResolutionDataset') is SuperResolutionDataset


def test_a_crop_is_cut_out_of_the_whole_pictures_lq(photos):
    """Without flips the crop's lq stands in the whole lq at half the place of gt's."""
    images = dataset(photos, use_hflip=False, use_rot=False)
    whole = to_tensor(imresize(read_rgb(photos / 'gt/0.png')[:40], 1 / 2))
    for seed in range(20):
        sample = images[SampleIndex(0, seed)]
        top, left = (int(round(float(255 * sample['gt'][channel, 0, 0]))) // 2 for channel in (0, 1))
        assert torch.equal(sample['lq'], whole[:, top:top + 8, left:left + 8])
        assert (sample['seed'], sample['lq_path']) == (seed, str(photos / 'gt/0.png'))


def test_validation_and_what_is_left_over(photos):
    sample = dataset(photos, 'val')[0]
    assert sample['gt'].shape == (3, 40, 34)
    assert torch.equal(sample['lq'], to_tensor(imresize(read_rgb(photos / 'gt/0.png')[:40], 1 / 2)))


def test_pairs_of_two_folders(photos, write):
    for number, (height, width) in enumerate([(20, 17), (12, 12)]):
        write(photos / 'lq' / f'{number}.png', height, width, 9)
    sample = dataset(photos, 'val', dataroot_lq=str(photos / 'lq'))[0]
    assert torch.equal(sample['lq'], to_tensor(read_rgb(photos / 'lq/0.png')))
    with pytest.raises(ImageError, match=r'gt/0\.png: 34x41 is not 2 times .*lq/0\.png \(17x20\)'):
        dataset(photos, dataroot_lq=str(photos / 'lq'))
    resized = dataset(photos, 'val', dataroot_lq=str(photos / 'lq'), resize_gt=32, resize_lq=16)[0]
    assert torch.equal(resized['lq'], to_tensor(imresize(read_rgb(photos / 'lq/0.png'), size=(16, 16))))
    assert torch.equal(resized['gt'], to_tensor(imresize(read_rgb(photos / 'gt/0.png'), size=(32, 32))))


def test_resized_first_and_lq_made_of_that(photos):
    sample = dataset(photos, 'val', resize_gt=32)[1]
    gt = imresize(read_rgb(photos / 'gt/1.png'), size=(32, 32))
    assert torch.equal(sample['gt'], to_tensor(gt))
    assert torch.equal(sample['lq'], to_tensor(imresize(gt, 1 / 2)))
    assert dataset(photos, resize_gt=32, gt_size=32)[0]['lq'].shape == (3, 16, 16)
    with pytest.raises(ImageError, match=r'gt_size: .*0\.png \(resized\): 16x16 is smaller than the 32x32 that'):
        dataset(photos, resize_gt=16, gt_size=32)


@pytest.mark.parametrize(('more', 'message'), [
    ({'gt_size': None}, 'datasets.set.gt_size: missing'),
    ({'gt_size': 15}, 'datasets.set.gt_size: 15 is not divisible by scale 2'),
    ({'gt_size': 26}, r'gt_size: .*1\.png: 24x24 is smaller than the 26x26 that gt_size needs'),
    ({'resize_gt': 30, 'resize_lq': 16}, r'resize_gt 30 is not 2 \(scale\) times 16; for example 32'),
    ({'resize_lq': 16}, 'resize_lq needs resize_gt'),
    ({'filename_tmpl': '{}x2'}, 'filename_tmpl is for pictures of dataroot_lq, which is not given'),
    ({'dataroot_gt': None}, 'dataroot_gt: missing'),
])
def test_a_wrong_block(photos, more, message):
    with pytest.raises(ValueError, match=message):
        dataset(photos, **more)


@pytest.mark.skipif(not VAL.is_dir(), reason='../shared/data/val is not there')
@pytest.mark.parametrize('scale', [2, 4])
@pytest.mark.parametrize('name', ['Set5', 'Set14'])
def test_equal_to_matlabs(name, scale):
    made = SuperResolutionDataset({'type': 'x', 'name': name, 'phase': 'val', 'scale': scale,
                                   'dataroot_gt': str(VAL / name / 'HR')})
    assert len(made) == {'Set5': 5, 'Set14': 14}[name]
    for sample in made:
        stored = read_rgb(VAL / name / f'LRx{scale}' / Path(sample['gt_path']).name)
        assert torch.equal(sample['lq'], to_tensor(stored)), sample['gt_path']
