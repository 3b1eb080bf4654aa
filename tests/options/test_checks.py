"""Options that do not go together, guessed values, files that are not there, what differs from the defaults."""
import effsr  # noqa: F401  registers

# isort: split
import logging
from pathlib import Path

import pytest
import torch

from effsr.options import OptionError, differences, load_options, to_plain

TEXT = """\
scale: 4
gt_size: 64
network_g: {type: EfficientSRNet, upscale: 4}
datasets:
  train:
    type: RealESRGANDataset
    dataroot_gt: images
    crop_pad_size: 96
    batch_size_per_gpu: 4
train:
  total_iter: 100
  warmup_iter: -1
  optim_g: {type: Adam, lr: 1e-4}
  pixel_opt: {type: L1Loss}
  scheduler: {type: MultiStepLR, milestones: [50]}
logger: {save_checkpoint_freq: 10}
"""
SCHEDULE = '{type: MultiStepLR, milestones: [50]}'


@pytest.fixture
def load(tmp_path, monkeypatch):
    """load(old, new, overrides): the options of TEXT with a piece replaced or more at its end."""
    monkeypatch.chdir(tmp_path)
    Path('images').mkdir()

    def start(old='', new='', *overrides, check_files=True):
        assert old in TEXT
        Path('f.yml').write_text(TEXT.replace(old, new, 1) if old else TEXT + new)
        return load_options('f.yml', overrides, check_files=check_files)
    return start


@pytest.mark.parametrize(('old', 'new', 'message'), [
    (', upscale: 4', ', upscale: 2', 'f.yml:3: network_g.upscale: is 2, but scale is 4; make them the same'),
    ('scale: 4', 'scale: 2', 'f.yml:3: network_g.upscale: is 4, but scale is 2; make them the same'),
    ('{type: EfficientSRNet, upscale: 4}', '{type: SwinIR}', 'f.yml:3: network_g.upscale: is not given, so it is 2, '
     'but scale is 4; give upscale: 4'),
    ('gt_size: 64', 'gt_size: 66', 'f.yml:2: gt_size: 66 is not divisible by scale 4; for example 64'),
    ('gt_size: 64', 'gt_size: 128', 'f.yml:2: gt_size: gt_size 128 does not fit into crop_pad_size 96; lower'),
    ('crop_pad_size: 96', 'crop_pad_size: 98', 'f.yml:8: datasets.train.crop_pad_size: crop_pad_size 98 is not divisi'),
    ('gt_size: 64', 'degradation: {blur_kernel_size2: 97}',
     'f.yml:2: degradation.blur_kernel_size2: 97 is larger than crop_pad_size 96; accepted: odd, from 7 to crop_pad'),
    ('crop_pad_size: 96', 'gt_size: 1024', 'f.yml:8: datasets.train.gt_size: gt_size 1024 does not fit into crop'),
    ('crop_pad_size: 96', 'gt_size: 65', 'f.yml:8: datasets.train.gt_size: 65 is not divisible by scale 4'),
    ('', 'queue_size: 2\n', 'f.yml:17: queue_size: a pool of 2 pairs is smaller than a batch of 4; set queue_size to'),
    ('', 'high_order_degradation: false\n', 'f.yml:6: datasets.train.type: RealESRGANDataset gives no lq, but high_or'),
    ('type: RealESRGANDataset', 'type: DegradedDataset', 'f.yml:6: datasets.train.type: DegradedDataset brings its ow'),
    ('pixel_opt', 'ldl_opt', 'f.yml:14: train.ldl_opt: compares with the moving average; set ema_decay'),
    ('milestones: [50]', 'milestones: [50, 200]', 'f.yml:15: train.scheduler.milestones: 200 lies beyond total_iter 1'),
    (SCHEDULE, '{type: CosineAnnealingRestartLR, periods: [20, 20], restart_weights: [1, 1]}',
     'f.yml:15: train.scheduler.periods: CosineAnnealingRestartLR ends after 40 iterations'),
    (SCHEDULE, '{type: CosineAnnealingRestartLR, periods: [50, 50]}',
     'f.yml:15: train.scheduler.restart_weights: 1 weights, but 2 periods; give one for each'),
    (SCHEDULE, '{type: MultiStepLR, milestones: [50], restarts: [0, 9], restart_weights: [1]}',
     'f.yml:15: train.scheduler.restart_weights: 1 weights, but 2 restarts'),
    (SCHEDULE, '{type: OneCycleLR, max_lr: 1, total_steps: 5}', 'f.yml:15: train.scheduler.total_steps: OneCycleLR en'),
    ('warmup_iter: -1', 'warmup_iter: 100', 'f.yml:12: train.warmup_iter: 100 leaves nothing of total_iter 100'),
    ('', 'dist_params: {backnd: gloo}\n', 'f.yml:17: dist_params.backnd: unknown option; did you mean backend?'),
    ('{save_checkpoint_freq: 10}', '{wandb: {projct: x}}', 'f.yml:16: logger.wandb.projct: unknown option; did you me'),
    ('scale: 4', 'scale: 4\nmodel_type: SRModel_basicsr\nbase:\nqueue_size: 1', None),
    (', lr: 1e-4', '', None),
])
def test_a_conflict(load, old, new, message):
    if message is None:
        assert load(old, new)
        return
    with pytest.raises(OptionError) as caught:
        load(old, new)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(('old', 'new', 'message'), [
    (SCHEDULE, '{type: StepLR, step_size: 5}', 'train.scheduler.type: SRModel_basicsr knows only MultiStepLR'),
    ('type: Adam,', 'type: AdamW,', 'train.optim_g.type: SRModel_basicsr knows only Adam'),
    (', lr: 1e-4', '', 'train.optim_g.lr: missing; SRModel_basicsr requires it'),
    (f'  scheduler: {SCHEDULE}\n', '', 'train.scheduler: missing; SRModel_basicsr requires one'),
])
def test_what_basicsrs_own_models_lack(load, old, new, message):
    with pytest.raises(OptionError, match=message):
        load(old, new, 'model_type=SRModel_basicsr')


@pytest.mark.parametrize(('text', 'message'), [
    ('gt_usm: yes\n', "f.yml:17: gt_usm: is 'yes'; write true or false"),
    ('gt_usm: off\n', "f.yml:17: gt_usm: is 'off'; write true or false"),
    ("gt_usm: 'true'\n", "f.yml:17: gt_usm: is 'true'; write true or false"),
    ('gt_usm: 1\n', 'f.yml:17: gt_usm: is 1; write true or false'),
    ("queue_size: '4'\n", "f.yml:17: queue_size: is '4'; accepted: a whole number; write it without quotes"),
    ('queue_size: true\n', 'f.yml:17: queue_size: is True; accepted: a whole number'),
    ("sinc_prob: '0.1'\n", "f.yml:17: degradation.sinc_prob: is '0.1'; accepted: a number; write it without quotes"),
    ("noise_range: ['1', 3]\n", "f.yml:17: degradation.noise_range.0: is '1'; accepted: a number; write it without"),
    ("val: {val_freq: '5e3'}\n", "f.yml:17: val.val_freq: is '5e3'; accepted: a whole number; write it without quotes"),
    ('path: {strict_load_g: no}\n', "f.yml:17: path.strict_load_g: is 'no'; write true or false"),
])
def test_no_guessing(load, text, message):
    with pytest.raises(OptionError) as caught:
        load('', text)
    assert str(caught.value).splitlines() == [str(caught.value)]
    assert str(caught.value).startswith(message)


def test_numbers_of_yaml(load):
    options = load('', 'val: {val_freq: !!float 5e1}\nqueue_size: 1.8e2\n')
    assert (options.val.val_freq, options.queue_size) == (50, 180)
    assert type(options.val.val_freq) is int


def test_all_at_once(load):
    with pytest.raises(OptionError) as caught:
        load('scale: 4\ngt_size: 64\nnetwork_g: {type: EfficientSRNet, upscale: 4}',
             'scale: 2\ngt_sise: 64\nnetwork_g: {type: EfficientSRNet, upscale: 4, deep: 3}',
             'train:pixel_opt:type=L9Loss', 'queue_size=2')
    assert [line.split(': ')[1] for line in str(caught.value).splitlines()] == [
        'train.pixel_opt.type', 'queue_size', 'gt_sise', 'network_g.deep', 'network_g.upscale']


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('dataroot_gt: images', 'dataroot_gt: nowhere', 'f.yml:7: datasets.train.dataroot_gt: nowhere: no such folder; me'),
    ('dataroot_gt: images', 'dataroot_gt: f.yml', 'f.yml:7: datasets.train.dataroot_gt: f.yml: is a file; give a fold'),
    ('crop_pad_size: 96', 'meta_info: m.txt', 'f.yml:8: datasets.train.meta_info: m.txt: no such file; mend the path'),
    ('', 'path: {pretrain_network_g: w.pth}\n', 'f.yml:17: path.pretrain_network_g: w.pth: no such file; mend the pat'),
    ('', 'path: {resume_state: images}\n', 'f.yml:17: path.resume_state: images: is a folder; give the file itself'),
])
def test_files(load, old, new, message):
    with pytest.raises(OptionError) as caught:
        load(old, new)
    assert str(caught.value).startswith(message)
    assert load(old, new, check_files=False)


def test_sample_data_is_written_later(load):
    assert load('dataroot_gt: images', 'dataroot_gt: sample/train', 'sample_data=sample')


def test_weights_of_a_run_that_goes_on_are_not_needed(load):
    load('', 'path: {pretrain_network_g: w.pth}\n', check_files=False)
    assert load_options('f.yml', resuming=True)


def test_extra_is_left_alone(load):
    extra = {'mine': {'on': True, 'list': [1, 'two']}, 'scale': 'x'}
    options = load('', 'extra: {mine: {on: true, list: [1, two]}, scale: x}\n')
    assert options.extra == extra
    assert to_plain(options)['extra'] == extra


def test_a_short_try_only_warns(load, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    load('', '', 'train:total_iter=5')
    assert 'f.yml:15: train.scheduler.milestones: 50 lies beyond total_iter 5' in caplog.text
    assert 'logger.save_checkpoint_freq: 10 is more than total_iter 5' in caplog.text


def test_differences(load):
    lines = differences(load('', 'manual_seed: 3\n'))
    assert {'gt_size = 64 (default None)', 'train.total_iter = 100 (default None)',
            'train.optim_g.lr = 0.0001 (default 0.001)',
            'datasets.train.crop_pad_size = 96 (default 400)', 'network_g.type = EfficientSRNet',
            'datasets.train.batch_size_per_gpu = 4 (default 1)', 'train.scheduler.milestones = [50]',
            'logger.save_checkpoint_freq = 10 (default 5000)'} <= set(lines)
    text = '\n'.join(lines)
    assert 'upscale' not in text and 'phase' not in text and 'warmup_iter' not in text
    assert not torch.cuda.device_count() or 'num_gpu' in text
