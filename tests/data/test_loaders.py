"""Loaders: the same samples whatever reads them; the run's options reach the datasets; mistakes before training."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from basicsr.utils.registry import DATASET_REGISTRY
from torch.utils.data import DataLoader, Dataset

from effsr.data.building import build_dataset
from effsr.data.loaders import Prefetcher, build_test_loaders, build_train_loader
from effsr.data.sampler import SeededDataset
from effsr.options import OptionError, validate


@pytest.fixture
def options(tmp_path, write):
    """options(train={}, **top): a run on five photographs."""
    for number in range(5):
        write(tmp_path / 'photos' / f'{number}.png', 24, 24, number)

    def make(train=None, val=None, **top):
        common = {'dataroot_gt': str(tmp_path / 'photos')}
        return validate({
            'scale': 2, 'num_gpu': 0, 'manual_seed': 0, 'network_g': {'type': 'SRVGGNetCompact', 'upscale': 2},
            'degradation': {'jpeg_range': [40, 50], 'blur_kernel_size': 7, 'blur_kernel_size2': 7},
            'train': {'total_iter': 7, 'optim_g': {'type': 'Adam'}},
            'datasets': {'train': {'type': 'RealESRGANDataset', 'crop_pad_size': 16, **common, **(train or {})},
                         'val': {'type': 'DegradedDataset', **common, **(val or {})}}, **top})
    return make


def epochs(loader, sampler):
    batches = []
    for epoch in range(sampler.epochs):
        sampler.set_epoch(epoch)
        batches += [(batch['gt'], batch['seed'].tolist()) for batch in loader]
    return batches


def test_batches(options):
    batches = epochs(*build_train_loader(options(), 2))
    assert len(batches) == 7
    assert all(gt.shape == (2, 3, 16, 16) and gt.dtype == torch.float32 for gt, _ in batches)
    assert len({seed for _, seeds in batches for seed in seeds}) == 14


# From Python 3.12 on a fork beside torch's threads warns.
@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')
@pytest.mark.parametrize(('workers', 'context', 'persistent'), [(2, None, True), (1, 'spawn', False)])
def test_workers_change_nothing(options, workers, context, persistent):
    here = epochs(*build_train_loader(options(), 2))
    loader, sampler = build_train_loader(options({'num_worker_per_gpu': workers, 'persistent_workers': persistent}), 2)
    if context == 'spawn':
        sampler.total_iter = 2  # starting a process anew takes seconds
        here = here[:2]
    loader = DataLoader(loader.dataset, 2, sampler=sampler, drop_last=True, num_workers=workers,
                        multiprocessing_context=context, persistent_workers=persistent)
    there = epochs(loader, sampler)
    assert [seeds for _, seeds in there] == [seeds for _, seeds in here]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(there, here, strict=True))


def test_a_seed_survives_collation(options):
    loader, sampler = build_train_loader(options(), 2)
    collated = [seed for _, seeds in epochs(loader, sampler) for seed in seeds]
    drawn = []
    for epoch in range(sampler.epochs):
        sampler.set_epoch(epoch)
        drawn += [index.seed for index in sampler]
    assert collated == drawn


def test_the_runs_options_reach_the_datasets(options):
    run = options(gt_size=16)
    assert build_dataset(run, 'train').options.gt_size == 16
    assert build_dataset(run, 'val').options.degradation.jpeg_range == (40, 50)
    run = options(val={'degradation': {'noise_range': [1, 2]}})
    own = build_dataset(run, 'val').options.degradation
    assert (own.noise_range, own.jpeg_range) == ((1, 2), (40, 50))
    with pytest.raises(ValueError, match='gt_size 32 does not fit into crop_pad_size 16'):
        build_train_loader(options(gt_size=32), 2)


def test_test_loaders(options):
    loaders = build_test_loaders(options(), 'val')
    assert [len(loader) for loader in loaders] == [5]
    assert loaders[0].dataset.opt['name'] == 'val'
    assert next(iter(loaders[0]))['lq'].shape == (1, 3, 12, 12)
    assert build_test_loaders(options(), 'test') == []


class Mine(Dataset):
    """A user's own, which knows nothing of effsr's conventions."""

    def __init__(self, opt):
        assert opt['answer'] == 42 and 'crop_pad_size' in opt
        assert 'prefetch_mode' not in opt  # None is left out

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {'gt': torch.rand(3, 4, 4)}


def test_other_datasets(options, monkeypatch):
    monkeypatch.setattr(DATASET_REGISTRY, '_obj_map', DATASET_REGISTRY._obj_map | {'Mine': Mine})
    run = options({'type': 'Mine', 'answer': 42})
    dataset = build_dataset(run, 'train')
    assert isinstance(dataset, SeededDataset)
    assert torch.equal(dataset[1]['gt'], dataset[1]['gt'])
    assert dataset.opt['name'] == 'train'
    with pytest.raises(OptionError, match='datasets.train.answer: missing; Mine requires it'):
        build_train_loader(options({'type': 'Mine'}), 2)


@pytest.mark.parametrize(('train', 'message'), [
    ({'type': 'RealESRGANDatset'}, 'datasets.train.type: no dataset is called RealESRGANDatset; did you mean Real'),
    ({'crop_pad_sise': 3}, 'datasets.train.crop_pad_sise: unknown option; did you mean crop_pad_size'),
    ({'degradtion': 3}, 'datasets.train.degradtion: unknown option'),
])
def test_mistakes(options, train, message):
    with pytest.raises(OptionError, match=message):
        build_train_loader(options(train), 2)


def test_too_few_and_none(options):
    with pytest.raises(ValueError, match='fewer than a batch of 6'):
        build_train_loader(options(), 6)
    with pytest.raises(OptionError, match='a training needs both'):
        build_train_loader(options(train={}, datasets={}), 2)
    with pytest.raises(OptionError, match=r'datasets\.val\.degradation'):
        build_test_loaders(options(val={'degradation': 5}), 'val')


def test_prefetcher():
    prefetcher = Prefetcher([{'a': 1}, {'a': 2}])
    assert prefetcher.next() is None
    for _ in range(2):
        prefetcher.reset()
        assert [prefetcher.next(), prefetcher.next(), prefetcher.next()] == [{'a': 1}, {'a': 2}, None]


class Reader:
    """A loader's iterator with reading processes, at its second batch out of luck."""

    def __init__(self):
        self.ended = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.ended is None:
            raise ValueError('late')
        self.ended = None
        return {'a': 1}

    def _shutdown_workers(self):
        self.ended = 'ended'


def test_reading_processes_end_with_an_error_or_when_told():
    reader = Reader()
    prefetcher = Prefetcher(reader)
    prefetcher.reset()
    assert prefetcher.next() == {'a': 1}
    with pytest.raises(ValueError, match='late'):
        prefetcher.next()
    assert reader.ended == 'ended' and prefetcher.next() is None
    prefetcher.close()
