"""RealESRGANDataset and DegradedDataset: crops by hand, the same sample everywhere, bad files named."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import zlib

import numpy as np
import pytest
import torch

from effsr.data.augment import Flips, apply_flips, draw_corner, draw_flips
from effsr.data.degraded_dataset import DegradedDataset
from effsr.data.image_check import check_image
from effsr.data.image_io import ImageError, to_tensor
from effsr.data.realesrgan_dataset import RealESRGANDataset
from effsr.data.sampler import SampleIndex, sample_seed
from effsr.degradations import DegradationSettings, degrade, draw_parameters


def block(folder, **more):
    return {'type': 'RealESRGANDataset', 'name': 'set', 'phase': 'train', 'scale': 2, 'dataroot_gt': str(folder),
            'crop_pad_size': 16, **more}


@pytest.fixture
def photos(tmp_path, write):
    for number, (height, width) in enumerate([(20, 30), (40, 16), (16, 16)]):
        write(tmp_path / 'photos' / f'{number}.png', height, width, number)
    return tmp_path / 'photos'


def test_flips_by_hand():
    image = np.arange(6).reshape(2, 3, 1)
    assert apply_flips(image, Flips(True, False, False))[..., 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert apply_flips(image, Flips(False, True, False))[..., 0].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert apply_flips(image, Flips(False, False, True))[..., 0].tolist() == [[0, 3], [1, 4], [2, 5]]
    turned = apply_flips(image, Flips(False, True, True))
    assert turned[..., 0].tolist() == np.rot90(image, -1)[..., 0].tolist()
    assert turned.flags.c_contiguous
    rng = np.random.default_rng(0)
    drawn = {draw_flips(rng, True, True) for _ in range(200)}
    assert len({apply_flips(np.arange(4).reshape(2, 2, 1), flips).tobytes() for flips in drawn}) == 8
    assert {draw_flips(rng, True, False) for _ in range(50)} == {Flips(False, False, False), Flips(True, False, False)}
    assert {draw_flips(rng, False, False) for _ in range(50)} == {Flips(False, False, False)}


def test_corners():
    rng = np.random.default_rng(0)
    assert {draw_corner(rng, 6, 5, 4) for _ in range(200)} == {(top, left) for top in range(3) for left in range(2)}
    assert {draw_corner(rng, 9, 4, 4, 2)[0] for _ in range(100)} == {0, 2, 4}


def test_a_crop_is_a_piece_of_the_image(photos, write, tmp_path):
    dataset = RealESRGANDataset(block(photos))
    corners, symmetries = set(), set()
    for seed in range(60):
        sample = dataset[SampleIndex(0, seed)]
        assert (sample['seed'], sample['gt_path']) == (seed, str(photos / '0.png'))
        crop = (sample['gt'] * 255).round().int()
        assert crop.shape == (3, 16, 16)
        transposed = crop[0, 0, 0] != crop[0, 0, 1]  # the row changes along the row
        rows, columns = (crop[0].T, crop[1].T) if transposed else (crop[0], crop[1])
        top, left = int(rows.min()), int(columns.min())
        assert set(rows[:, 0].tolist()) == set(range(top, top + 16))
        assert set(columns[0].tolist()) == set(range(left, left + 16))
        assert (rows == rows[:, :1]).all()
        assert (columns == columns[:1]).all()
        assert (crop[2] == 0).all()
        corners.add((top, left))
        symmetries.add((bool(transposed), bool(rows[0, 0] == top), bool(columns[0, 0] == left)))
    assert {top for top, _ in corners} == set(range(5))
    assert {left for _, left in corners} <= set(range(15))
    assert len(symmetries) == 8


def test_without_flips_and_with_no_room(photos, write, tmp_path):
    pixels = write(tmp_path / 'photos' / '2.png', 16, 16, 2)
    dataset = RealESRGANDataset(block(photos, use_hflip=False, use_rot=False))
    torch.testing.assert_close(dataset[2]['gt'], to_tensor(pixels), rtol=0, atol=0)


def test_the_sample_follows_its_seed_alone(photos):
    dataset, again = RealESRGANDataset(block(photos)), RealESRGANDataset(block(photos, cache_mb=0))
    first = dataset[SampleIndex(1, 5)]['gt']
    np.random.seed(3), torch.manual_seed(3)
    dataset[SampleIndex(0, 9)]
    assert torch.equal(first, dataset[SampleIndex(1, 5)]['gt'])
    assert torch.equal(first, again[SampleIndex(1, 5)]['gt'])
    assert len({dataset[SampleIndex(1, seed)]['gt'].numpy().tobytes() for seed in range(10)}) > 5
    first.zero_()  # a sample's own memory, not the cache's
    assert not torch.equal(first, dataset[SampleIndex(1, 5)]['gt'])


def test_the_images_of_a_list(photos, write, tmp_path):
    write(photos / 'sub' / 'with blank.png', 16, 16)
    meta = tmp_path / 'meta.txt'
    meta.write_text('\ufeff2.png (16,16,3)\n\n  sub/with blank.png\n1.png\n', encoding='utf-8')

    def names(**more):
        images = RealESRGANDataset(block(photos, **more)).images
        return [images.name(index) for index in range(len(images))]

    assert names() == ['0.png', '1.png', '2.png', 'sub/with blank.png']
    assert names(meta_info=str(meta)) == ['2.png', 'sub/with blank.png', '1.png']
    meta.write_text('9.png\n1.png')
    with pytest.raises(ImageError, match=r'9\.png: no such file'):
        names(meta_info=str(meta))
    meta.write_text('\n')
    with pytest.raises(ValueError, match='meta_info lists no image'):
        names(meta_info=str(meta))
    meta.write_bytes(b'\xff\xfe')
    with pytest.raises(ValueError, match='not UTF-8 text'):
        names(meta_info=str(meta))
    with pytest.raises(ValueError, match=r'none\.txt: meta_info cannot be read: No such file'):
        names(meta_info=str(tmp_path / 'none.txt'))
    with pytest.raises(ValueError, match='meta_info: 1 list for 2 folders of dataroot_gt; accepted: one for each'):
        names(meta_info=str(meta), dataroot_gt=[str(photos), str(photos / 'sub')])
    with pytest.raises(ValueError, match='dataroot_gt: missing'):
        names(dataroot_gt=None)


@pytest.mark.parametrize('cls', [RealESRGANDataset, DegradedDataset])
def test_bad_folders_and_files(cls, photos, write, tmp_path):
    def opt(folder=photos):
        return {key: value for key, value in block(folder).items() if cls is RealESRGANDataset
                or key != 'crop_pad_size'}
    with pytest.raises(ValueError, match='nowhere: no such folder'):
        cls(opt(tmp_path / 'nowhere'))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty: no image in this folder'):
        cls(opt(tmp_path / 'empty'))
    write(photos / 'small.png', 15, 90)
    data = (photos / '0.png').read_bytes()
    (photos / 'cut.png').write_bytes(data[:-20])
    (photos / 'no.jpg').write_text('text')
    (photos / 'void.png').touch()
    with pytest.raises(ImageError) as caught:
        cls(opt())
    lines = str(caught.value).splitlines()
    names = ['cut.png', 'no.jpg', 'small.png', 'void.png']
    assert all(f'{name}: ' in line for name, line in zip(names, lines, strict=True))
    assert 'the file is cut short' in lines[0]
    option = 'crop_pad_size' if cls is RealESRGANDataset else 'scale'
    assert f'90x15 is smaller than the 16x16 that {option} needs; take it out or lower {option}' in lines[2]


@pytest.mark.parametrize(('more', 'message'), [
    ({'crop_pad_size': 17}, 'datasets.set: crop_pad_size 17 is not divisible by scale 2'),
    ({'gt_size': 18}, 'gt_size 18 does not fit into crop_pad_size 16'),
    ({'use_hflp': True}, 'datasets.set.use_hflp: unknown option; did you mean use_hflip?'),
    ({'io_backend': {'type': 'petrel'}}, "datasets.set.io_backend: type 'petrel' is not read here; accepted: auto,"),
    ({'io_backend': {'type': 'lmdb'}}, 'is a folder of pictures, not an LMDB; set io_backend: {type: disk}, or leave'),
    ({'io_backend': {'tipe': 'disk'}}, 'datasets.set.io_backend: unknown option; did you mean type?'),
    ({'weights': [1, 2]}, '2 weights for 1 folders of dataroot_gt; accepted: one for each'),
    ({'weights': [0]}, 'weights: [0.0]: a weight is more than 0; leave a folder out to take nothing from it'),
    ({'alpha': 'wite'}, "datasets.set.alpha: Input should be 'white', 'black', 'gray', 'drop' or 'refuse'"),
    ({'dataroot_gt': ['a', 'a']}, 'dataroot_gt: names a twice; to take more from one folder, give weights'),
    ({'cache_mb': -1}, 'datasets.set.cache_mb: Input should be greater than or equal to 0'),
])
def test_a_wrong_block(photos, more, message):
    with pytest.raises(ValueError) as caught:
        RealESRGANDataset(block(photos, **more))
    assert message in str(caught.value)


def degraded(folder, **more):
    return DegradedDataset({'type': 'DegradedDataset', 'name': 'v', 'phase': 'val', 'scale': 2,
                            'dataroot_gt': str(folder), 'degradation': {'jpeg_range': [50, 60]}, **more})


def test_a_degraded_set_is_the_same_in_every_run(tmp_path, write):
    for name in 'ab':
        write(tmp_path / f'{name}.png', 33, 40)
    first = [dict(sample) for sample in map(degraded(tmp_path).__getitem__, range(2))]
    np.random.seed(5), torch.manual_seed(5)
    write(tmp_path / '0.png', 20, 20)  # another file in front
    second = degraded(tmp_path, cache_mb=0)
    for index, sample in enumerate(first):
        assert sample['lq'].shape == (3, 16, 20)
        assert sample['gt'].shape == (3, 32, 40)
        assert torch.equal(sample['lq'], second[index + 1]['lq'])
        assert sample['lq_path'] == second[index + 1]['lq_path']
    assert not torch.equal(first[0]['lq'], first[1]['lq'])  # same pixels, other name, other degradation
    assert not torch.equal(first[0]['lq'], degraded(tmp_path, seed=1)[1]['lq'])


def test_a_degraded_sample_by_hand(tmp_path, write):
    pixels = write(tmp_path / 'a.png', 32, 33)
    sample = degraded(tmp_path)[0]
    gt = to_tensor(pixels[:, :32])
    assert torch.equal(sample['gt'], gt)
    seed = sample_seed(0, 0, zlib.crc32(b'a.png'))
    parameters = draw_parameters(DegradationSettings(jpeg_range=(50, 60)), seed)
    assert torch.equal(sample['lq'], degrade(gt[None], [parameters], 2)[0])


def test_damage_behind_the_header_is_found_before_a_training(photos):
    path = photos / '1.png'
    whole = path.read_bytes()
    path.write_bytes(whole[:60] + bytes(20) + whole[80:])
    assert check_image(path) == (40, 16)
    with pytest.raises(ImageError, match=r'1\.png: damaged'):
        RealESRGANDataset(block(photos))

