"""PairedImageDataset: both images cut alike, partners found by name, mismatches named."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from basicsr.utils.registry import DATASET_REGISTRY

from effsr.data.image_io import ImageError, to_tensor
from effsr.data.paired_dataset import PairedImageDataset, RealESRGANPairedDataset
from effsr.data.sampler import SampleIndex


@pytest.fixture
def pairs(tmp_path, write):
    """Three pairs; row and column of a gt pixel are twice those of its lq pixel, give or take one."""
    for number, (height, width) in enumerate([(12, 9), (8, 8), (20, 8)]):
        write(tmp_path / 'lq' / f'{number}.png', height, width, number)
        write(tmp_path / 'gt' / f'{number}.png', 2 * height, 2 * width, number)
    return tmp_path


def dataset(folder, phase='train', **more):
    more = {'gt_size': 16, **more} if phase == 'train' else more
    return PairedImageDataset({'type': 'PairedImageDataset', 'name': 'set', 'phase': phase, 'scale': 2,
                               'dataroot_gt': str(folder / 'gt'), 'dataroot_lq': str(folder / 'lq'), **more})


def test_registered_beside_basicsrs():
    assert DATASET_REGISTRY.get('PairedImageDataset') is PairedImageDataset
    assert DATASET_REGISTRY.get('RealESRGANPairedDataset') is RealESRGANPairedDataset
    assert DATASET_REGISTRY.get('PairedImageDataset_basicsr').__module__ == 'basicsr.data.paired_image_dataset'


def test_both_are_cut_and_flipped_alike(pairs):
    images = dataset(pairs)
    shapes = set()
    for seed in range(40):
        sample = images[SampleIndex(0, seed)]
        lq, gt = ((sample[key] * 255).round() for key in ('lq', 'gt'))
        assert lq.shape == (3, 8, 8)
        assert gt.shape == (3, 16, 16)
        # The mean of the four gt pixels of an lq pixel at row r is 2r + 0.5.
        means = torch.nn.functional.avg_pool2d(gt[None], 2)[0]
        torch.testing.assert_close(means[:2], 2 * lq[:2] + 0.5)
        assert sample['seed'] == seed
        shapes.add((int(lq[0].min()), int(lq[1].min()), bool(lq[0, 0, 0] != lq[0, 0, 1])))
    assert {top for top, _, _ in shapes} == set(range(5))
    assert {turned for _, _, turned in shapes} == {True, False}


def test_validation_gives_whole_images(pairs, write):
    pixels = write(pairs / 'gt' / '1.png', 17, 16, 1)  # one row more than the lq has
    sample = dataset(pairs, 'val')[1]
    torch.testing.assert_close(sample['gt'], to_tensor(pixels[:16]), rtol=0, atol=0)
    assert sample['lq'].shape == (3, 8, 8)
    assert 'seed' not in sample
    with pytest.raises(ImageError, match=r'1\.png: 16x17 is not 2 times .*1\.png \(8x8\); make lq from gt again'):
        dataset(pairs)


def test_partners_in_subfolders_and_by_template(tmp_path, write):
    for part, shift in (('a', 1), ('b', 2)):
        write(tmp_path / 'gt' / part / 'x.v1.png', 16, 16, shift)
        write(tmp_path / 'lq' / part / 'x.v1x2.png', 8, 8, shift)
    images = dataset(tmp_path, 'val', filename_tmpl='{}x2')
    assert [round(float(images[n][key][2, 0, 0]) * 255) for n in range(2) for key in ('lq', 'gt')] == [1, 1, 2, 2]


def test_partners_by_list(pairs, write):
    write(pairs / 'gt' / 'my photo.png', 16, 16)
    meta = pairs / 'meta.txt'
    meta.write_text('gt/my photo.png, lq/1.png\ngt/0.png, lq/0.png\n')
    opt = {'dataroot_gt': str(pairs), 'dataroot_lq': str(pairs), 'meta_info': str(meta)}
    images = dataset(pairs, **opt)
    assert images.pairs.lq.storages[0].names == ('lq/1.png', 'lq/0.png')
    assert images.pairs.gt.storages[0].names == ('gt/my photo.png', 'gt/0.png')
    meta.write_text('gt/0.png\n')
    with pytest.raises(ValueError, match='meta_info of pairs has lines "GT, LQ"'):
        dataset(pairs, **opt)


@pytest.mark.parametrize(('spoil', 'message'), [
    (lambda root, write: (root / 'lq/1.png').rename(root / 'lq/one.png'), 'gt/1.png: no 1 in .*lq; add it, or set'),
    (lambda root, write: write(root / 'lq/1.png', 8, 9), r'gt/1.png: 16x16 is not 2 times .*lq/1.png \(9x8\)'),
    (lambda root, write: write(root / 'gt/1.png', 14, 30), 'gt/1.png: 30x14 is smaller than the 16x16 that gt_size'),
    (lambda root, write: (root / 'lq/1.png').write_bytes(b'x'), 'lq/1.png: not an image'),
    (lambda root, write: (root / 'lq/1.bmp').write_bytes((root / 'lq/1.png').read_bytes()),
     r'lq/1.png: 1\.bmp has the same name without extension; keep one'),
])
def test_pairs_that_do_not_match(pairs, write, spoil, message):
    spoil(pairs, write)
    with pytest.raises(ValueError, match=message):
        dataset(pairs)


@pytest.mark.parametrize(('more', 'message'), [
    ({'gt_size': None}, 'datasets.set.gt_size: missing'),
    ({'gt_size': 17}, 'datasets.set.gt_size: 17 is not divisible by scale 2'),
    ({'dataroot_lq': None}, 'dataroot_lq: missing'),
    ({'filename_tmpl': 'x4'}, "datasets.set.filename_tmpl: 'x4' has no place for gt's name"),
    ({'filename_tmpl': '{name}'}, 'filename_tmpl: .* accepted: one {} in it'),
])
def test_a_wrong_block(pairs, more, message):
    with pytest.raises(ValueError, match=message):
        dataset(pairs, **more)
