"""A key in the wrong place is told where it belongs, and what was meant takes part in the other checks."""
import pytest

from effsr.options import OptionError, load_options
from effsr.options.homes import closest, guess

TEXT = """\
name: run
model_type: RealESRGANModel
scale: 4
datasets:
  train: {type: RealESRGANDataset, dataroot_gt: x, crop_pad_size: 64}
network_g:
  type: EfficientSRNet
  upscale: 4
network_d:
  type: UNetDiscriminatorSN
  num_in_ch: 3
degradation:
  sinc_prob: 0.1
train:
  total_iter: 100
  ema_decay: 0.9
  optim_g: {type: Adam, lr: 1e-4}
  optim_d: {type: Adam, lr: 1e-4}
  gan_opt:
    type: GANLoss
    gan_type: vanilla
  ldl_opt: {type: L1Loss}
val:
  val_freq: 10
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """told(old, new): the messages about TEXT with a piece replaced."""
    monkeypatch.chdir(tmp_path)

    def run(old, new):
        assert old in TEXT
        (tmp_path / 'f.yml').write_text(TEXT.replace(old, new, 1))
        try:
            load_options('f.yml', check_files=False, is_train=True)
        except OptionError as error:
            return str(error).splitlines()
        return []
    return run


def test_the_text_is_right(told):
    assert told('name: run', 'name: run') == []


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('  val_freq: 10', '  total_iter: 10', 'f.yml:24: val.total_iter: unknown option here; it belongs to train.total_'),
    ('  val_freq: 10', '  scale: 4', 'f.yml:24: val.scale: unknown option here; it belongs to the top level, as scale'),
    ('  val_freq: 10', '  crop_border: 4', 'f.yml:24: val.crop_border: unknown option here; it belongs to val.metrics'),
    ('  val_freq: 10', '  sinc_prob: 1', 'f.yml:24: val.sinc_prob: unknown option here; it belongs to degradation.sin'),
    ('  val_freq: 10', '  num_worker_per_gpu: 1', 'f.yml:24: val.num_worker_per_gpu: unknown option here; it '
     'belongs to datasets.train.num_worker_per_gpu'),
    ('val:\n', 'pixel_opt: {type: L1Loss}\nval:\n', 'f.yml:23: pixel_opt: unknown option here; it belongs to train.p'),
    ('val:\n', 'EMA_Decay: 0\nval:\n', 'f.yml:23: EMA_Decay: unknown option here; it belongs to train.ema_decay'),
    ('  ema_decay: 0.9', '  ema_decay: 0.9\n  weight_decay: 0', 'f.yml:17: train.weight_decay: unknown option; '
     'did you mean ema_decay? (weight_decay belongs to train.optim_g.weight_decay)'),
    ('  ema_decay: 0.9', '  ema_decay: 0.9\n  milestones: [5]', 'f.yml:17: train.milestones: unknown option here; it '
     'belongs to train.scheduler.milestones'),
    ('  upscale: 4', '  upscale: 4\n  lr: 1', 'f.yml:9: network_g.lr: unknown argument of EfficientSRNet here; it '
     'belongs to train.optim_g.lr'),
    ('  val_freq: 10', '  print_freq: 1', 'f.yml:24: val.print_freq: unknown option here; it belongs to logger.prin'),
    ('  val_freq: 10', '  name: x', 'f.yml:24: val.name: unknown option; known: metrics, '),
    ('degradation:', 'Degradation:', 'f.yml:12: Degradation: unknown option; did you mean degradation?'),
])
def test_a_key_in_the_wrong_place(told, old, new, message):
    assert told(old, new)[0].startswith(message)


@pytest.mark.parametrize(('old', 'new', 'lines'), [
    # What a misspelt or misplaced key meant is not missing, and suits the rest.
    ('scale: 4', 'Scale: 4', 1),
    ('scale: 4', 'Scale: 2', 2),  # the upscale of network_g
    ('scale: 4', "scale: '4'", 1),
    ('  ema_decay: 0.9', '  ema_decy: 0.9', 1),
    ('  total_iter: 100', '  total_itr: 100', 1),
    ('network_d:', 'networkd:', 1),
    ('  optim_d:', '  optimd:', 1),
    ('  gan_opt:', '  gan_op:', 1),
    ('  upscale: 4', '  upscal: 4', 1),
    ('train:\n', 'trian:\n', 1),
    ('datasets:', 'dataset:', 1),
    # Nor is a block that is wrong.
    ('  type: UNetDiscriminatorSN\n', '', 1),
    ('  type: UNetDiscriminatorSN\n  num_in_ch: 3\n', '  - UNetDiscriminatorSN\n', 1),
    ('{type: L1Loss}', 'L1Loss', 1),
    ('  optim_d: {type: Adam, lr: 1e-4}', '  optim_d: Adam', 1),
])
def test_no_echoes(told, old, new, lines):
    found = told(old, new)
    assert len(found) == lines, found


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('{type: L1Loss}', 'L1Loss', "f.yml:22: train.ldl_opt: is the text 'L1Loss'; a block is a mapping; write {type: L"),
    ('{type: L1Loss}', 'type:L1Loss', "f.yml:22: train.ldl_opt: is the text 'type:L1Loss'; put a blank after the colo"),
    ('{type: L1Loss}', '3', 'f.yml:22: train.ldl_opt: Input should be a mapping, such as {type: NAME} (given: 3)'),
    ('{type: RealESRGANDataset, dataroot_gt: x, crop_pad_size: 64}', 'x', "f.yml:5: datasets.train: is the text 'x'; "),
    ('  val_freq: 10', '  metrics: psnr', "f.yml:24: val.metrics: Input should be a mapping (given: 'psnr')"),
    ('val:\n  val_freq: 10', 'val: 3', 'f.yml:23: val: Input should be a mapping, of metrics, pbar, '),
    ('  sinc_prob: 0.1', '  jpeg_range: 40', 'f.yml:13: degradation.jpeg_range: is 40; accepted: [low, high] with 1 <'),
    ('  sinc_prob: 0.1', '  jpeg_range: [40]', 'f.yml:13: degradation.jpeg_range: is [40]; accepted: [low, high] with'),
    ('  sinc_prob: 0.1', '  jpeg_range: [1, 2, 3]', 'f.yml:13: degradation.jpeg_range: is [1, 2, 3]; accepted: [low, '),
    ('  sinc_prob: 0.1', '  resize_prob: [1, 0]', 'f.yml:13: degradation.resize_prob: is [1, 0]; accepted: [up, down,'),
    ('  sinc_prob: 0.1', '  kernel_list: iso', 'f.yml:13: degradation.kernel_list: is iso; accepted: one or more of i'),
    ('  sinc_prob: 0.1', '  sinc_prob: 0\n  kernel_prob: [1, 0]', 'f.yml:14: degradation.kernel_prob: kernel_prob is '),
    ('  sinc_prob: 0.1', '  sinc_prob: 0\n  kernel_list2: [iso]', 'f.yml:14: degradation.kernel_list2: kernel_prob2 i'),
])
def test_the_shape_of_a_value(told, old, new, message):
    found = told(old, new)
    assert found[0].startswith(message)
    assert len(found) == 1


def test_guess():
    assert guess(('train', 'lr'), ['total_iter']) == ('it belongs to train.optim_g.lr', ('train', 'optim_g', 'lr'))
    assert guess(('val', 'crop_border'), []).meant is None  # which metric it is for cannot be known
    # Blocks of one kind take the same arguments: nothing belongs from one to the other.
    assert guess(('network_d', 'num_block'), ['skip']).hint == 'known: skip'
    assert guess(('train', 'optim_d', 'lr'), ['a']).hint == 'known: a'
    assert guess(('datasets', 'val', 'use_rot'), []).hint == 'known: none'
    assert guess(('lr:1',), ['lr']).hint == 'put a blank after the colon'
    near = guess(('val', 'total_iter'), ['total_itr'])
    assert near == ('did you mean total_itr? (total_iter belongs to train.total_iter)', None)
    assert closest('GT_SIZE', ['gt_size', 'gt_usm']) == 'gt_size'
