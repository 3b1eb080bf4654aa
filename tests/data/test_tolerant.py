"""Images that cannot be read: named under fail; under skip replaced by the sample's own seed, counted, told."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import logging
from collections import Counter

import numpy as np
import pytest
import torch
from basicsr.utils.registry import DATASET_REGISTRY
from PIL import Image
from torch.utils.data import Dataset

from effsr.data import tolerant
from effsr.data.building import first_sample
from effsr.data.loaders import Prefetcher, build_test_loaders, build_train_loader
from effsr.data.replaced import Replaced, describe
from effsr.data.sampler import SampleIndex, SeededDataset
from effsr.data.tolerant import Marked, SampleError, TolerantDataset, Trouble, collate, file_of
from effsr.options import OptionError, validate


class Named(Dataset):
    """A foreign set that reads its files with Pillow and lets its errors out as they are."""

    def __init__(self, opt):
        self.paths = [f'{opt["dataroot_gt"]}/{number}.png' for number in range(6)]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        img_path = self.paths[index]
        with Image.open(img_path) as image:
            pixels = np.asarray(image, np.float32)[:16, :16] / 255
        return {'gt': torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), 'gt_path': img_path}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(DATASET_REGISTRY, '_obj_map', DATASET_REGISTRY._obj_map | {'Named': Named})


@pytest.fixture
def lines(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    caplog.set_level(logging.INFO, 'basicsr')
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def options(tmp_path, write):
    """options(train={}, val={}): a run on six photographs, all whole so far."""
    for number in range(6):
        write(tmp_path / 'photos' / f'{number}.png', 24, 24, number)

    def make(train=None, val=None):
        common = {'dataroot_gt': str(tmp_path / 'photos')}
        own = {'type': 'RealESRGANDataset', 'crop_pad_size': 16}
        return validate({
            'scale': 2, 'num_gpu': 0, 'manual_seed': 0, 'network_g': {'type': 'SRVGGNetCompact', 'upscale': 2},
            'train': {'total_iter': 9, 'optim_g': {'type': 'Adam'}},
            'degradation': {'blur_kernel_size': 7, 'blur_kernel_size2': 7},
            'datasets': {'train': {**common, **(own if 'type' not in (train or {}) else {}), **(train or {})},
                         'val': {'type': 'DegradedDataset', **common, **(val or {})}}})
    return make


def spoil(tmp_path, cut=(1,), missing=(2,)):
    for number in cut:
        path = tmp_path / 'photos' / f'{number}.png'
        path.write_bytes(path.read_bytes()[:60])
    for number in missing:
        (tmp_path / 'photos' / f'{number}.png').unlink()


def epochs(loader, sampler, gather=None):
    """All batches of a run, by way of the Prefetcher."""
    prefetcher = Prefetcher(loader) if gather is None else Prefetcher(loader, gather)
    batches = []
    for epoch in range(sampler.epochs):
        sampler.set_epoch(epoch)
        prefetcher.reset()
        while (batch := prefetcher.next()) is not None:
            assert type(batch) is dict
            batches.append(batch)
    return batches


KINDS = [{}, {'type': 'Named'}]


@pytest.mark.parametrize('train', KINDS)
@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')
def test_fail_names_the_file(options, tmp_path, train, workers):
    loader, sampler = build_train_loader(options({**train, 'num_worker_per_gpu': workers}), 2)
    spoil(tmp_path, missing=())
    with pytest.raises(SampleError, match=r'datasets\.train: .*photos/1\.png'):
        epochs(loader, sampler)


def test_one_line_without_a_workers_traceback(options, tmp_path):
    from effsr.command_line import failure_line
    loader, sampler = build_train_loader(options({'num_worker_per_gpu': 1}), 2)
    spoil(tmp_path, missing=(1,), cut=())
    with pytest.raises(SampleError) as caught:
        epochs(loader, sampler)
    assert failure_line(caught.value) == f'datasets.train: {tmp_path}/photos/1.png: no such file; check the path'


@pytest.mark.parametrize('train', KINDS)
@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')
def test_skip_takes_the_same_others_with_any_number_of_workers(options, tmp_path, lines, train):
    block = {**train, 'on_error': 'skip'}
    here = build_train_loader(options(block), 2)
    there = build_train_loader(options({**block, 'num_worker_per_gpu': 2}), 2)
    spoil(tmp_path)
    first, second = epochs(*here), epochs(*there)
    assert [batch['gt_path'] for batch in first] == [batch['gt_path'] for batch in second]
    assert all(torch.equal(a['gt'], b['gt']) for a, b in zip(first, second, strict=True))
    assert len(first) == 9 and all(set(batch) == set(first[0]) for batch in first)
    read = Counter(path for batch in first for path in batch['gt_path'])
    assert len(read) == 4 and sum(read.values()) == 18  # three epochs of six samples, two of which are replaced
    told = [line for line in lines() if line.startswith('epoch')]
    assert len(told) == 6 and told[:3] == told[3:]
    assert all(line.startswith(f'epoch {epoch}: 2 samples replaced: 1.png (')
               for epoch, line in enumerate(told[:3]))
    assert told[0].endswith(' once') and '2.png (' in told[0]
    warned = [line for line in lines() if 'another image is taken in its place (on_error: skip)' in line]
    assert len(warned) == 4  # each file once a run


def test_the_seed_stays_the_samples_own(options, tmp_path):
    loader, _ = build_train_loader(options({'on_error': 'skip'}), 2)
    spoil(tmp_path)
    samples = [loader.dataset[SampleIndex(1, seed)] for seed in range(50)]
    assert [sample['seed'] for sample in samples] == list(range(50))
    assert {sample['gt_path'][-5] for sample in samples} == set('0345')
    again = loader.dataset[SampleIndex(1, 7)]
    assert again['gt_path'] == samples[7]['gt_path'] and torch.equal(again['gt'], samples[7]['gt'])
    assert samples[0].replaced == [Trouble(f'{tmp_path}/photos/1.png',
                                           samples[0].replaced[0].reason)]
    assert samples[0].replaced[0].reason.startswith('damaged or unsupported PNG file')


def test_when_nothing_can_be_read_the_files_are_named(options, tmp_path, monkeypatch):
    loader, _ = build_train_loader(options({'on_error': 'skip'}), 2)
    spoil(tmp_path, cut=(), missing=range(6))
    with pytest.raises(SampleError, match=r'datasets\.train: none of 6 images can be read: .*1\.png \(no such file\)'
                                          r'.* and 1 more; check the folder'):
        loader.dataset[1]
    monkeypatch.setattr(tolerant, 'TRIES', 2)
    with pytest.raises(SampleError, match='none of [34] images'):
        loader.dataset[1]


def test_early_checks_follow_the_policy(options, tmp_path, lines):
    spoil(tmp_path, missing=())
    with pytest.raises(OptionError, match=r'datasets\.train: .*1\.png'):
        build_train_loader(options(), 2)
    loader, sampler = build_train_loader(options({'on_error': 'skip'}), 2)
    assert len(loader.dataset) == 6
    assert any('1 of 6 images cannot be used (on_error: skip):' in line and '1.png' in line for line in lines())
    assert first_sample(loader.dataset, 'train')['gt'].shape == (3, 16, 16)
    assert len(epochs(loader, sampler)) == 9
    spoil(tmp_path, cut=range(6), missing=())
    with pytest.raises(OptionError, match=r'(?s)datasets\.train: .*0\.png.*\.\.\. and 1 more'):
        build_train_loader(options({'on_error': 'skip'}), 2)


def test_small_pictures_are_skipped_too(options, tmp_path, write):
    write(tmp_path / 'photos/1.png', 8, 8)
    loader, _ = build_train_loader(options({'on_error': 'skip'}), 2)
    trouble, = loader.dataset[SampleIndex(1, 0)].replaced
    assert trouble == (f'{tmp_path}/photos/1.png', '8x8 is smaller than the 16x16 that crop_pad_size needs')


def test_a_foreign_set_whose_first_image_is_broken(options, tmp_path, lines):
    spoil(tmp_path, cut=(0,))
    for policy in ('fail', 'skip'):
        loader, _ = build_train_loader(options({'type': 'Named', 'on_error': policy}), 2)
        if policy == 'fail':
            with pytest.raises(OptionError, match=r'datasets\.train: Named: .*photos/0\.png.*; check its block'):
                first_sample(loader.dataset, 'train')
        else:
            sample = first_sample(loader.dataset, 'train')
            assert type(sample) is dict and sample['gt'].shape == (3, 16, 16)
    assert any(line.startswith(f'datasets.train: {tmp_path}/photos/0.png: ') for line in lines())


def test_validation_leaves_out(options, tmp_path):
    loader, = build_test_loaders(options(val={'on_error': 'skip', 'cache_mb': 0}), 'val')
    spoil(tmp_path)
    samples = list(loader)
    assert [bool(sample) for sample in samples] == [True, False, False, True, True, True]
    assert samples[2].replaced == [(f'{tmp_path}/photos/2.png', 'no such file')]
    assert 'lq' in first_sample(loader.dataset, 'val')
    spoil(tmp_path, cut=(), missing=(0, 1, 3, 4, 5))
    with pytest.raises(OptionError, match=r'datasets\.val: none of 6 images can be read'):
        first_sample(loader.dataset, 'val')


def test_pairs(tmp_path, write, lines):
    for number in range(5):
        write(tmp_path / 'gt' / f'{number}.png', 16, 16, number)
        write(tmp_path / 'lq' / f'{number}.png', 8, 8, number)
    (tmp_path / 'lq/1.png').unlink()
    write(tmp_path / 'lq/2.png', 8, 9)
    (tmp_path / 'gt/3.png').write_bytes(b'')
    cls = DATASET_REGISTRY.get('PairedImageDataset')
    opt = {'type': 'PairedImageDataset', 'name': 'p', 'phase': 'train', 'scale': 2, 'gt_size': 8,
           'dataroot_gt': str(tmp_path / 'gt'), 'dataroot_lq': str(tmp_path / 'lq'), 'on_error': 'skip'}
    dataset = TolerantDataset(cls(opt), 'train')
    found = [dataset[SampleIndex(index, 5)] for index in range(4)]
    assert [isinstance(sample, Marked) for sample in found] == [False, True, True, False]
    assert 'is not 2 times' in found[1].replaced[0].reason and 'is empty' in found[2].replaced[0].reason
    assert all(sample['lq'].shape == (3, 4, 4) and sample['gt'].shape == (3, 8, 8) for sample in found)
    assert any('1 of 5 images cannot be used' in line and 'gt/1.png: no 1 in' in line for line in lines())
    assert any('2 of 4 images cannot be used' in line for line in lines())


class Tuples(Dataset):
    opt = {'name': 't', 'type': 'Tuples', 'on_error': 'skip', 'phase': 'train'}

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index == 0:
            raise RuntimeError('no\nluck')
        return torch.zeros(3), index


def test_a_sample_that_is_no_dict_cannot_be_replaced():
    dataset = TolerantDataset(SeededDataset(Tuples()), 'train')
    assert dataset[1][1] == 1
    with pytest.raises(SampleError, match='skip works with samples that are dicts; Tuples gives a tuple'):
        dataset[0]
    trouble = dataset._trouble(RuntimeError('no\nluck'), 0)
    assert trouble == ('sample 0 of t', 'RuntimeError: no')


def test_the_file_of_an_error(tmp_path):
    def read(gt_path, lq_path):
        filename = None
        count = 3
        assert count == filename, 'broken'

    try:
        read('a/gt.png', tmp_path / 'lq.png')
    except AssertionError as error:
        assert file_of(error, None, 0) == str(tmp_path / 'lq.png')
    assert file_of(FileNotFoundError(2, 'No such file', 'x.png'), None, 0) == 'x.png'
    listed = type('Set', (), {'paths': ['a.png', 'b.png']})()
    assert file_of(ValueError('x'), listed, 1) == 'b.png'
    assert file_of(ValueError('x'), listed, 2) is None
    assert file_of(ValueError('x'), type('Set', (), {'paths': [{'lq_path': 'a'}]})(), 0) is None


def test_collation_keeps_marks_apart():
    one, two = Trouble('a.png', 'x'), Trouble('b.png', 'y')
    batch = collate([{'v': 1}, Marked({'v': 2}, [one], [two]), Marked({'v': 3}, [two])])
    assert batch['v'].tolist() == [1, 2, 3] and batch.replaced == [one, two] and batch.tried == [two]
    assert type(collate([{'v': 1}, {'v': 2}])) is dict


def test_counts_are_summed_over_processes(lines):
    other = {Trouble('x/a.png', 'cut'): 2, Trouble('y/b.png', 'no such file'): 1}
    replaced = Replaced('train', lambda own: [own, other])
    replaced.note(Marked({}, [Trouble('x/a.png', 'cut')], [Trouble('z/c.png', 'cut')]))
    replaced.tell(3)
    assert lines()[-1] == 'epoch 3: 4 samples replaced: a.png (cut) 3 times, b.png (no such file) once'
    assert [line.split(': ')[1] for line in lines()[:-1]] == ['x/a.png', 'z/c.png']
    other.clear()
    replaced.tell(4)
    assert len(lines()) == 3  # nothing to tell


def test_names_that_occur_twice_and_many_files():
    counts = Counter({Trouble('x/a.png', 'cut'): 1, Trouble('y/a.png', 'cut'): 1})
    assert describe(0, counts) == 'epoch 0: 2 samples replaced: x/a.png (cut) once, y/a.png (cut) once'
    many = Counter({Trouble(f'{number:02}.png', 'cut'): 1 for number in range(12)})
    assert describe(1, many).endswith('09.png (cut) once, and 2 more files')
    assert describe(1, Counter({Trouble('a.png', 'cut'): 1})).startswith('epoch 1: 1 sample replaced')


def test_an_unknown_policy(options):
    with pytest.raises(OptionError, match=r'datasets\.train\.on_error'):
        options({'on_error': 'ignore'})
