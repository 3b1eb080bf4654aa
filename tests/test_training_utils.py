"""The plain Python way in: loaders whose batches follow the seed, lr made to the bit, a loss with its terms."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from effsr.augmentation import AugmentSettings
from effsr.data.image_io import read_rgb, to_tensor
from effsr.data.imresize import imresize
from effsr.training_utils import DataloaderConfig, LossConfig, build_dataloaders, build_loss


@pytest.fixture
def conf(pictures):
    return DataloaderConfig(hr_dir=pictures / 'train', batch_size=4, scale=2, crop_size=16)


def epoch(loader):
    return [batch['gt'] for batch in loader]


def test_batches(conf, pictures):
    loaders = build_dataloaders(conf, replace(conf, hr_dir=pictures / 'val'))
    assert len(loaders['train']) == 7  # of 30 pictures two are left over
    batch = next(iter(loaders['train']))
    assert batch['lq'].shape == (4, 3, 8, 8)
    assert batch['gt'].shape == (4, 3, 16, 16)
    assert batch['lq'].dtype == torch.float32 and batch['lq'].min() >= 0 and batch['lq'].max() <= 1
    whole = [sample['gt'].shape for sample in loaders['val']]
    assert all(shape == (1, 3, 40, 40) for shape in whole) and len(whole) == 2
    assert build_dataloaders(conf)['val'] is None


def test_lr_is_matlabs_bicubic_of_the_whole_picture(conf, pictures):
    for sample in build_dataloaders(conf, conf)['val']:
        whole = imresize(read_rgb(sample['gt_path'][0]), 1 / 2)
        assert torch.equal(sample['lq'][0], to_tensor(whole))
    batch = next(iter(build_dataloaders(replace(conf, flip=False, rotate=False))['train']))
    for lq, path in zip(batch['lq'], batch['gt_path'], strict=True):
        whole = (255 * to_tensor(imresize(read_rgb(path), 1 / 2)).numpy()).round().astype(np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(whole, (3, 8, 8))[0]
        assert (windows == (255 * lq.numpy()).round().astype(np.uint8)).all((2, 3, 4)).any()


def test_the_seed_decides_and_epochs_differ(conf):
    first, again, other = (build_dataloaders(replace(conf, seed=seed))['train'] for seed in (1, 1, 2))
    torch.manual_seed(0)
    one, two = epoch(first), epoch(first)
    torch.manual_seed(5)
    assert all(map(torch.equal, one, epoch(again)))
    assert not torch.equal(one[0], two[0])
    assert not torch.equal(one[0], epoch(other)[0])
    again.sampler.epoch = 1
    assert all(map(torch.equal, two, epoch(again)))


@pytest.mark.slow
def test_workers_give_the_same(conf):
    conf = replace(conf, augment=AugmentSettings(cutmix=0.5, rgb_permutation=0.5))
    alone, helped = (epoch(build_dataloaders(replace(conf, num_workers=count))['train']) for count in (0, 2))
    assert all(map(torch.equal, alone, helped))
    plain = epoch(build_dataloaders(replace(conf, augment=AugmentSettings()))['train'])
    assert not all(map(torch.equal, alone, plain))


def test_pairs_of_two_folders_and_fixed_sizes(conf, pictures, tmp_path):
    for path in (pictures / 'val').iterdir():
        with Image.open(path) as picture:
            for part, side in (('lr', 20), ('odd', 13)):
                (tmp_path / part).mkdir(exist_ok=True)
                picture.resize((side, side)).save(tmp_path / part / f'{path.stem}_lr.png')
    pairs = replace(conf, hr_dir=pictures / 'val', lr_dir=tmp_path / 'lr', batch_size=2, filename_tmpl='{}_lr')
    assert [batch['lq'].shape for batch in build_dataloaders(pairs)['train']] == [(2, 3, 8, 8)]
    odd = replace(pairs, lr_dir=tmp_path / 'odd')
    with pytest.raises(ValueError, match=r'val/00\.png: 40x40 is not 2 times .*odd/00_lr\.png \(13x13\)'):
        build_dataloaders(odd)
    squared = build_dataloaders(replace(odd, hr_size=32, lr_size=16), replace(odd, hr_size=32))
    assert next(iter(squared['train']))['lq'].shape == (2, 3, 8, 8)
    batch = next(iter(squared['val']))
    assert batch['lq'].shape == (2, 3, 16, 16)  # all alike: in one batch
    assert batch['gt'].shape == (2, 3, 32, 32)
    assert torch.equal(batch['gt'][0], to_tensor(imresize(read_rgb(pictures / 'val/00.png'), size=(32, 32))))


@pytest.mark.parametrize(('changes', 'message'), [
    ({'hr_dir': 'nowhere'}, 'nowhere: no such folder'),
    ({'crop_size': 256}, 'crop_size: .*00.png: 32x32 is smaller than the 256x256 that crop_size needs; take it out or'),
    ({'crop_size': 17}, 'crop_size: 17 is not divisible by scale 2'),
    ({'batch_size': 31}, r'hr_dir: 30 pictures \(30 x repeat 1\) are fewer than a batch; lower batch_size \(31\), or '
                         'set repeat to 2'),
    ({'batch_size': 0}, 'batch_size: 0; accepted: a whole number, 1 or more'),
    ({'hr_size': 33, 'lr_size': 16}, r'hr_size 33 is not 2 \(scale\) times 16; for example 32'),
    ({'lr_size': 16}, 'lr_size needs hr_size'),
    ({'on_error': 'ignore'}, "on_error: Input should be 'fail' or 'skip'"),
    ({'alpha': 'pink'}, "alpha: Input should be 'white'"),
])
def test_what_is_wrong_is_told_in_these_words(conf, changes, message):
    with pytest.raises(ValueError, match=f'^(?!.*(dataroot|gt_size|per_gpu|datasets))(.*/)?{message}'):
        build_dataloaders(replace(conf, **changes))


def test_broken_pictures_by_policy(conf, pictures, tmp_path):
    for path in (pictures / 'val').iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / '02.png').write_bytes((tmp_path / '01.png').read_bytes()[:-30])
    conf = replace(conf, hr_dir=tmp_path, batch_size=3)
    with pytest.raises(ValueError, match=r'02\.png: the file is cut short'):
        build_dataloaders(conf)
    loaders = build_dataloaders(replace(conf, on_error='skip'), replace(conf, on_error='skip'))
    assert next(iter(loaders['train']))['gt'].shape == (3, 3, 16, 16)
    assert len(list(loaders['val'])) == 2


def test_a_picture_that_breaks_later_is_told_once(conf, pictures, tmp_path, caplog):
    for path in (pictures / 'val').iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / 'short.png').write_bytes((tmp_path / '01.png').read_bytes()[:-30])
    loader = build_dataloaders(replace(conf, hr_dir=tmp_path, batch_size=3, on_error='skip', cache_mb=0))['train']
    caplog.clear()
    (tmp_path / '00.png').unlink()
    for _ in range(2):
        assert all((batch['gt'] >= 0).all() for batch in loader)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1 and '00.png: no such file; another picture is taken in its place' in lines[0]


def test_folders_that_are_called_as_options_are(conf, tmp_path):
    with pytest.raises(ValueError, match=r'dataroot_gt/gt_size: no such folder'):
        build_dataloaders(replace(conf, hr_dir=tmp_path / 'dataroot_gt' / 'gt_size'))


def test_loss():
    pred, target = torch.rand(1, 3, 16, 16, requires_grad=True), torch.rand(1, 3, 16, 16)
    total, components = build_loss()(pred, target)
    assert set(components) == {'pixel', 'charbonnier', 'tv'}
    torch.testing.assert_close(total, sum(components.values()))
    torch.testing.assert_close(components['pixel'], (pred - target).abs().mean())
    total.backward()
    assert pred.grad.abs().sum() > 0
    only = build_loss(LossConfig(pixel_weight=2, charbonnier_weight=0, tv_weight=0))(pred, target)[0]
    torch.testing.assert_close(only, 2 * (pred - target).abs().mean())
    with pytest.raises(ValueError, match='pixel_weight'):
        build_loss(LossConfig(pixel_weight=-1))
