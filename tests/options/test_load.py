"""Option files become one frozen object; every mistake is a line with file, line, key path and remedy."""
import logging
import os

import pytest
import torch
from pydantic import ValidationError

from effsr.degradations.settings import DegradationSettings
from effsr.options import OptionError, as_options, load_options, place, to_plain, validate

TEXT = """\
name: run
scale: 4
datasets:
  train:
    type: RealESRGANDataset
    dataroot_gt: ~/photographs
    crop_pad_size: 64
  val:
    {type: DegradedDataset, dataroot_gt: photographs}
network_g: {type: EfficientSRNet, upscale: 4}
gt_size: 32
degradation:
  jpeg_range: [50, 90]
train:
  total_iter: 1e3
  ema_decay: 0.9
  optim_g:
    type: Adam
    lr: 1e-4
  pixel_opt: {type: L1Loss}
val:
  val_freq: 10
  metrics:
    psnr: {type: calculate_psnr, crop_border: 4}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """load(old, new, overrides): the options of TEXT with a piece replaced."""
    monkeypatch.chdir(tmp_path)

    def run(old='', new='', overrides=(), debug=False):
        assert old in TEXT
        (tmp_path / 'f.yml').write_text(TEXT.replace(old, new, 1) if old else TEXT + new, encoding='utf-8')
        return load_options('f.yml', overrides, debug, check_files=False)
    return run


def mistakes(load, *args, **kwargs):
    with pytest.raises(OptionError) as caught:
        load(*args, **kwargs)
    return str(caught.value).splitlines()


def test_values(load):
    options = load()
    assert options.train.total_iter == 1000
    assert type(options.train.total_iter) is int
    assert options.train.optim_g.type == 'Adam'
    assert options.train.optim_g.arguments == {'lr': 1e-4}
    assert options.degradation == DegradationSettings(jpeg_range=(50, 90))
    assert options.datasets['train'].dataroot_gt == os.path.expanduser('~/photographs')
    assert options.datasets['train'].crop_pad_size == 64
    assert [(d.phase, d.name, d.scale) for d in options.datasets.values()] == [('train', 'train', 4), ('val', 'val', 4)]
    assert options.val.metrics['psnr'].better == 'higher'
    assert (options.queue_size, options.num_gpu) == (0, torch.cuda.device_count())


def test_a_seed_that_is_not_given_is_drawn(load):
    assert load('', 'manual_seed: 0\n').manual_seed == 0
    assert len({load().manual_seed for _ in range(5)}) > 1


def test_frozen(load):
    options = load()
    for section in (options, options.train, options.train.optim_g, options.datasets['train'], options.degradation):
        with pytest.raises(ValidationError, match='frozen'):
            section.anything = 1


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('gt_size:', 'gt_sise:', 'f.yml:11: gt_sise: unknown option; did you mean gt_size?'),
    ('train:\n  total', 'trian:\n  total', 'f.yml:14: trian: unknown option; did you mean train?'),
    ('ema_decay:', 'ema_decy:', 'f.yml:16: train.ema_decy: unknown option; did you mean ema_decay?'),
    ('val_freq:', 'val_frq:', 'f.yml:22: val.val_frq: unknown option; did you mean val_freq?'),
    ('jpeg_range:', 'jpg_range:', 'f.yml:13: degradation.jpg_range: unknown option; did you mean jpeg_range?'),
    ('', 'path: {modells: x}\n', 'f.yml:25: path.modells: unknown option; did you mean models?'),
    ('', 'logger:\n  zz: 1\n', 'f.yml:26: logger.zz: unknown option; known: keep_best, keep_every, keep_last, '),
    ('    type: Adam\n', '', 'f.yml:17: train.optim_g.type: missing; it is required'),
    ('  total_iter: 1e3\n', '', 'f.yml:14: train.total_iter: missing; it is required'),
    ('1e3', '0.5', 'f.yml:15: train.total_iter: Input should be a valid integer'),
    ('1e3', 'soon', "f.yml:15: train.total_iter: is 'soon'; accepted: a whole number"),
    ('0.9', '1', 'f.yml:16: train.ema_decay: Input should be less than 1'),
    ('0.9', '.nan', 'f.yml:16: train.ema_decay: Input should be'),
    ('[50, 90]', '[90, 50]', 'f.yml:13: degradation.jpeg_range: jpeg_range is [90.0, 50.0]; accepted: [low, high]'),
    ('[50, 90]', '[50, x]', "f.yml:13: degradation.jpeg_range.1: is 'x'; accepted: a number"),
    ('  jpeg_range: [50, 90]', '  - 1', 'f.yml:12: degradation: Input should be'),
    ('name: run', 'name: a/b', "f.yml:1: name: 'a/b' is no plain folder name"),
    ('name: run', 'name: ..', "f.yml:1: name: '..' is no plain folder name"),
    ('name: run', 'name: 7', 'f.yml:1: name: Input should be text'),
    ('scale: 4', 'scale: 2', 'f.yml:10: network_g.upscale: is 4, but scale is 2; make them the same'),
    ('scale: 4', 'scale: x', "f.yml:2: scale: is 'x'; accepted: a whole number"),
    ('crop_pad_size: 64', 'scale: 2', 'f.yml:7: datasets.train.scale: is 2, but scale is 4; leave it out here'),
    ('gt_size: 32', 'gt_size: 34', 'f.yml:11: gt_size: 34 is not divisible by scale 4'),
    ('  pixel_opt:', '  gan_opt:', 'f.yml:20: train.gan_opt: trains a discriminator; give optim_d'),
    ('0.9', '0\n  ldl_opt: {type: L1Loss}', 'f.yml:17: train.ldl_opt: compares with the moving average; set ema_decay'),
    ('  val:', '  train_2:', 'f.yml:8: datasets.train_2: there is one training set'),
    ('  val:', '  validation:', 'f.yml:8: datasets.validation: there is one training set'),
    ('  val:', '  3:', 'f.yml:8: datasets.3'),
    ('    {type: Deg', '    {name: s, type: DegradedDataset, dataroot_gt: x}\n  test_1:\n    {name: s, type: Deg',
     'f.yml:11: datasets.test_1.name: s is the name of val already; give another'),
    ('', 'num_gpu: -1\n', 'f.yml:25: num_gpu: Input should be greater than or equal to 0 (given: -1)'),
    ('', 'nonsense\n', 'f.yml:2'),
])
def test_a_mistake(load, old, new, message):
    found = mistakes(load, old, new)
    assert found[0].startswith(message)
    assert len(found) == 1


def test_all_mistakes_at_once(load):
    found = mistakes(load, 'ema_decay: 0.9', 'ema_decy: 0.9\n  warmup_itr: 2', ['val:pbra=1', 'queue_size=x'])
    assert [line.split(': ')[:2] for line in sorted(found)] == [
        ['--force_yml', 'queue_size'], ['--force_yml', 'val.pbra'], ['f.yml:16', 'train.ema_decy'],
        ['f.yml:17', 'train.warmup_itr']]


def test_empty_sections_take_their_defaults(load):
    options = load('', 'path:\nlogger:\nimport:\ndist_params:\nmanual_seed:\n')
    assert (options.path.models, options.logger.print_freq, options.import_) == (None, 100, ())
    assert 1 <= options.manual_seed <= 10000
    assert load('  jpeg_range: [50, 90]\n', '').degradation == DegradationSettings()
    assert load('    psnr: {type: calculate_psnr, crop_border: 4}\n', '').val.metrics == {}


def test_datasets_that_share_an_alias_stay_apart(load):
    options = load('train:\n    type', 'train: &all\n    type', ['datasets:train:name=mine'])
    assert options.datasets['train'].name == 'mine'
    options = load('  val:\n    {', '  test_1: &v {type: DegradedDataset, dataroot_gt: x}\n  val: *v\n  val_2:\n    {')
    assert [d.phase for d in options.datasets.values()] == ['train', 'test', 'val', 'val']


def test_more_gpus_than_there_are(load, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    assert load('', 'num_gpu: 3\n').num_gpu == 0
    assert 'num_gpu is 3, this machine has 0: using the CPU' in caplog.text
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert load('', 'num_gpu: auto\n').num_gpu == 2
    assert load('', 'num_gpu: 1\n').num_gpu == 1


def test_debug(load):
    options = load(debug=True)
    assert (options.name, options.val.val_freq, options.logger.print_freq) == ('debug_run', 8, 1)
    assert load('name: run', 'name: debug_mine', debug=True).name == 'debug_mine'
    assert mistakes(load, '', 'logger: 5\n', debug=True)[0].startswith('f.yml:25: logger: ')


def test_place(load, tmp_path):
    options = load('', 'path: {experiments_root: elsewhere, models: elsewhere}\n')
    top = tmp_path / 'experiments' / 'run'
    path = place(options, tmp_path, is_train=True).path
    assert (path.experiments_root, path.models, path.results_root) == (str(top), str(top / 'models'), None)
    path = place(options, tmp_path, is_train=False).path
    assert (path.experiments_root, path.models, path.results_root) == (None, None, str(tmp_path / 'results' / 'run'))


def test_home_is_expanded(load):
    options = load('', 'path: {pretrain_network_g: ~/w.pth, resume_state: ~}\n')
    assert options.path.pretrain_network_g == os.path.expanduser('~/w.pth')
    assert options.path.resume_state is None


def test_there_and_back(load):
    options = load('', 'manual_seed: 3\n')
    assert as_options(to_plain(options)) == options
    assert as_options(options) is options
    assert validate(options.model_dump(by_alias=True)) == options


def test_to_plain_is_an_independent_copy(load):
    options = load()
    before = options.model_copy(deep=True)
    plain = to_plain(options)
    plain['network_g'].pop('type')
    plain['train']['optim_g']['lr'] = 5
    plain['datasets']['train']['crop_pad_size'] = 1
    plain['degradation']['jpeg_range'][0] = 1
    plain['root_path'] = 'x'
    assert options == before
    assert to_plain(options)['network_g']['type'] == 'EfficientSRNet'


def test_what_basicsr_finds(load):
    plain = to_plain(load())
    assert (plain['is_train'], plain['dist'], plain['rank']) == (True, False, 0)
    assert plain['import'] == []
    assert 'runtime' not in plain
    assert 'network_d' not in plain  # its models ask whether it is there
    assert plain['path'] == {'pretrain_network_g': None, 'strict_load_g': True, 'pretrain_network_d': None,
                             'strict_load_d': True, 'ignore_resume_networks': []}


def test_a_file_that_a_run_wrote_loads(load, tmp_path):
    from effsr.runtime.folders import copy_options
    options = load(overrides=['train:optim_g:lr=1e-5', 'next=on'])
    copy_options(to_plain(place(options, tmp_path, True)), tmp_path, 0)
    again = load_options(tmp_path / 'options.yml', check_files=False)
    assert again.train == options.train
    assert again.next == 'on'
    assert place(again, tmp_path, True) == place(options, tmp_path, True)
