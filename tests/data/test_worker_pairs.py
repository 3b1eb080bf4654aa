"""Pairs made in the data workers: the same samples, crops and parameters as in the training step."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import cv2
import numpy as np
import pytest
import torch

from effsr.data.building import build_dataset
from effsr.data.loaders import build_train_loader, start_worker
from effsr.data.sampler import SampleIndex
from effsr.data.worker_pairs import WorkerPairs, made_in_workers, sharpened
from effsr.degradations import DegradationSettings, draw_parameters
from effsr.degradations.host import degrade_host, usm_sharpen_host
from effsr.options import OptionError, load_options, validate

WORKERS = {'degradation': {'where': 'workers'}}


@pytest.fixture
def options(tmp_path, monkeypatch, write_options):
    def load(changes=None, gan=False):
        monkeypatch.chdir(tmp_path)
        return load_options(write_options(tmp_path, changes, gan))
    return load


def coordinates(height, width):
    """Each pixel holds its own row and column."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([rows, columns, np.zeros_like(rows)], 2)


def test_the_pair_is_cut_from_what_was_degraded_whole():
    gt = coordinates(24, 32)
    maker = WorkerPairs(DegradationSettings(), 2, 16, True)
    corners = set()
    for seed in range(30):
        pair = maker(gt, seed, 1)
        assert pair['degraded'] is True
        assert [tuple(pair[part].shape) for part in ('lq', 'gt', 'gt_usm')] == [(3, 8, 8), (3, 16, 16), (3, 16, 16)]
        assert all(pair[part].dtype == torch.float32 and pair[part].is_contiguous() for part in ('lq', 'gt', 'gt_usm'))
        top, left = (int(round(float(pair['gt'][channel, 0, 0]) * 255)) for channel in (0, 1))
        sharp = usm_sharpen_host(gt)
        lq = degrade_host(sharp, draw_parameters(DegradationSettings(), seed), 2)[top // 2:, left // 2:][:8, :8]
        assert np.array_equal((pair['lq'].permute(1, 2, 0) * 255).round().byte().numpy(), lq)
        assert np.array_equal(pair['gt_usm'].permute(1, 2, 0).numpy(), sharp[top:top + 16, left:left + 16])
        corners.add((top, left))
    assert len(corners) > 5


def test_a_schedule_of_severity_follows_the_iteration_that_the_sample_is_for(options):
    settings = options({'degradation': {'where': 'workers', 'severity': {1: 0.0, 5: 1.0}}})
    loader, sampler = build_train_loader(settings, 8)
    sampler.resume_after(1)
    assert [batch['severity'].unique().tolist() for batch in loader] == [[0.25], [0.5]]  # three make an epoch
    sampler.set_epoch(1)
    assert [batch['severity'].unique().tolist() for batch in loader] == [[0.75], [1.0], [1.0]]
    drawn = [WorkerPairs(DegradationSettings(severity=(0, 2)), 2, 16, False)(coordinates(24, 24), seed, 0)['severity']
             for seed in range(20)]
    assert 0 <= min(drawn) < 0.5 and 1.5 < max(drawn) <= 2


def test_without_a_crop_and_without_sharpening():
    gt = coordinates(24, 32)
    pair = WorkerPairs(DegradationSettings(), 4, None, False)(gt, 1, 1)
    assert 'gt_usm' not in pair and pair['lq'].shape == (3, 6, 8)
    assert np.array_equal((pair['gt'].permute(1, 2, 0) * 255).round().byte().numpy(), gt)


def test_samples_have_the_same_crop_in_both_places(options):
    here, there = build_dataset(options({'gt_size': ...}), 'train'), build_dataset(options({'gt_size': ..., **WORKERS}),
                                                                                    'train')
    for seed in range(6):
        one, other = here[SampleIndex(seed, seed)], there[SampleIndex(seed, seed)]
        assert torch.equal(one['gt'], other['gt']) and 'lq' not in one
        assert (one['seed'], one['gt_path']) == (other['seed'], other['gt_path'])
        assert torch.equal(other['lq'], there[SampleIndex(seed, seed)]['lq'])


@pytest.mark.parametrize('workers', [0, 2])
def test_a_batch_of_the_loader(options, workers):
    settings = options({**WORKERS, 'datasets': {'train': {'num_worker_per_gpu': workers}}})
    loader, _ = build_train_loader(settings, 8)
    batch = next(iter(loader))
    assert sorted(batch) == ['degraded', 'gt', 'gt_path', 'lq', 'seed', 'severity']
    assert batch['lq'].shape == (8, 3, 8, 8) and batch['gt'].shape == (8, 3, 16, 16)
    plain, _ = build_train_loader(options({**WORKERS, 'datasets': {'train': {'num_worker_per_gpu': 0}}}), 8)
    assert torch.equal(batch['lq'], next(iter(plain))['lq'])


def test_opencv_is_held_to_one_thread_in_a_worker_alone(monkeypatch):
    calls = []
    monkeypatch.setattr(cv2, 'setNumThreads', calls.append)
    monkeypatch.setattr('effsr.data.loaders.outlive_signals', calls.append)
    start_worker(3)
    assert calls == [3, 0]


def test_what_is_sharpened_is_the_models_choice(plain_options):
    def chosen(gan=False, **changes):
        return sharpened(validate(plain_options({'datasets': ..., **changes}, gan)))
    assert [chosen(), chosen(gt_usm=True), chosen(gan=True)] == [False, True, True]
    scheduler = {'scheduler': {'type': 'MultiStepLR', 'milestones': [3], 'gamma': 0.5}}
    assert not chosen(model_type='SRModel_basicsr', gt_usm=True, train=scheduler)


def test_only_training_pairs_and_only_if_asked(options):
    assert made_in_workers(options(WORKERS)) and not made_in_workers(options())
    assert not made_in_workers(options({'high_order_degradation': False, **WORKERS, 'datasets': {
        'train': {'type': 'RealESRGANPairedDataset', 'dataroot_lq': 'train', 'crop_pad_size': ...}}}))
    sample = build_dataset(options(WORKERS), 'val')[0]
    assert torch.equal(sample['lq'], build_dataset(options(), 'val')[0]['lq'])


def test_a_set_that_does_not_degrade_is_refused(options):
    with pytest.raises(OptionError, match=r'degradation\.where: workers, but SingleImageDataset does not degrade; set '
                                          'where: device, or use a RealESRGANDataset'):
        options({**WORKERS, 'datasets': {'train': {'type': 'SingleImageDataset', 'dataroot_lq': 'train',
                                                   'crop_pad_size': ..., 'dataroot_gt': ...}}})
    with pytest.raises(OptionError, match=r'degradation\.where: workers degrade image by image, but mode is batch; set '
                                          'where: device, or mode: per_image'):
        options({'degradation': {'where': 'workers', 'mode': 'batch'}})
    with pytest.raises(OptionError, match=r"degradation\.where.*'device' or 'workers'"):
        options({'degradation': {'where': 'somewhere'}})
