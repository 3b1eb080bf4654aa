"""The samples that are shown are those that the training trains on."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import random

import numpy as np
import pytest
import torch

from effsr.data.image_io import to_uint8
from effsr.data.loaders import Prefetcher, build_train_loader
from effsr.models.pairs import PairSource
from effsr.options import load_options
from effsr.sheets.first_samples import (
    BOARD_SAMPLES,
    board_sheet,
    drawn_for,
    first_indices,
    make_first_samples,
    make_samples,
)

AUGMENT = {'mixup': 0.2, 'cutmix': 0.2, 'cutblur': 0.3, 'resizemix': 0.2, 'rgb_permutation': 0.5}


@pytest.fixture
def options(tmp_path, monkeypatch, write_options):
    def load(changes=None, gan=False):
        monkeypatch.chdir(tmp_path)
        return load_options(write_options(tmp_path, changes, gan))
    return load


def random_state():
    return (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


@pytest.mark.parametrize('changes', [
    {}, {'gt_usm': True}, {'degradation': {'where': 'workers'}}, {'gt_size': None, 'queue_size': 0},
    {'gt_usm': True, 'train': {'augment': AUGMENT}},
    {'gt_usm': True, 'degradation': {'where': 'workers'}, 'train': {'augment': AUGMENT}}])
def test_they_are_those_of_the_first_batches(options, changes):
    settings = options(changes)
    loader, _ = build_train_loader(settings, 8)
    source = PairSource(settings, torch.device('cpu'), settings.gt_usm)
    prefetcher = Prefetcher(loader)
    prefetcher.reset()
    before = random_state()
    shown = make_samples(settings, loader.dataset, first_indices(settings, len(loader.dataset), 16))
    assert random_state() == before
    assert len(shown) == 16
    for batch in range(2):
        pairs = source(prefetcher.next())
        for place, sample in enumerate(shown[8 * batch:8 * batch + 8]):
            assert np.array_equal(sample.lq, to_uint8(pairs.lq[place]))
            assert np.array_equal(sample.gt, to_uint8(pairs.gt[place]))
            assert sample.name.endswith('.png')


def test_parameters_are_drawn_batch_by_batch(options):
    settings = options({'degradation': {'mode': 'batch'}})
    drawn = drawn_for(settings, first_indices(settings, 30, 16))
    for batch in (drawn[:8], drawn[8:]):
        assert len({(one.first.resize, one.first.noise, one.final_mode) for one in batch}) == 1
        assert len({one.first.jpeg_quality for one in batch}) == 8
    assert drawn[0].first.resize != drawn[8].first.resize


def test_after_some_iterations_severity_follows_its_schedule(options):
    settings = options({'degradation': {'severity': {0: 0.0, 1000: 1.0}}, 'train': {'total_iter': 5000}})
    early, late = (drawn_for(settings, first_indices(settings, 30, 4, iteration)) for iteration in (0, 499))
    assert early[0].severity == pytest.approx(0.001) and late[0].severity == pytest.approx(0.5)
    indices = first_indices(settings, 30, 8, 499)
    assert {index.iteration for index in indices} == {500}


def test_more_than_the_training_has(options):
    settings = options({'train': {'total_iter': 1}})
    indices = first_indices(settings, 30, 100)
    assert len(indices) == 100 == len({index.seed for index in indices})


def test_pairs_are_shown_as_they_are(options, tmp_path):
    lq = tmp_path / 'lq'
    lq.mkdir()
    settings = options({'high_order_degradation': False, 'datasets': {'train': {
        'type': 'RealESRGANPairedDataset', 'dataroot_lq': 'lq', 'crop_pad_size': ...}}, 'degradation': ...})
    from PIL import Image
    for path in (tmp_path / 'train').iterdir():
        Image.open(path).resize((16, 16)).save(lq / path.name)
    loader, _ = build_train_loader(settings, 8)
    samples = make_samples(settings, loader.dataset, first_indices(settings, 30, 8))
    assert all(one.parameters is None and one.gt.shape == (16, 16, 3) and one.lq.shape == (8, 8, 3) for one in samples)
    assert board_sheet(settings, loader.dataset) is not None


def test_a_crop_that_does_not_fit(options):
    settings = options()
    dataset = build_train_loader(settings, 8)[0].dataset
    with pytest.raises(ValueError, match='gt_size: 64 does not fit into gt of 24x24'):
        make_samples(settings.model_copy(update={'gt_size': 64}), dataset, first_indices(settings, 30, 1))


def test_the_board_gets_eight_of_a_dataset_that_draws_from_seeds(options, monkeypatch):
    settings = options()
    dataset = build_train_loader(settings, 8)[0].dataset
    before = random_state()
    sheet = board_sheet(settings, dataset)
    assert random_state() == before and sheet.ndim == 3 and sheet.dtype == np.uint8 and BOARD_SAMPLES == 8
    monkeypatch.setattr(type(dataset.dataset), 'draws_from_seed', False)
    assert board_sheet(settings, dataset) is None


def test_augmented_samples_are_mixed_with_all_of_their_batch_and_say_so(options):
    settings = options({'train': {'augment': {'cutmix': 1}}})
    dataset = build_train_loader(settings, 8)[0].dataset
    three = make_first_samples(settings, dataset, 3)
    eleven = make_samples(settings, dataset, first_indices(settings, 30, 16))[:11]
    assert len(three) == 3 and all(one.augmented.startswith('cutmix: ') and '.png' in one.augmented for one in three)
    assert all(np.array_equal(a.lq, b.lq) and a.augmented == b.augmented for a, b in zip(three, eleven, strict=False))
    assert len(make_first_samples(settings, dataset, 11)) == 11
    plain = make_first_samples(options(), dataset, 3)
    assert not any(one.augmented for one in plain) and not np.array_equal(plain[0].gt, three[0].gt)
