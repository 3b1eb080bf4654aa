"""Blocks with a `type`: what is told of arguments that the class or function they name does not take."""
import effsr  # noqa: F401  registers

# isort: split
import pytest

from effsr.options import OptionError, load_options

TEXT = """\
scale: 4
import: []
network_g:
  type: EfficientSRNet
datasets:
  train:
    type: RealESRGANDataset
    dataroot_gt: x
  val:
    type: DegradedDataset
    dataroot_gt: x
train:
  total_iter: 100
  optim_g:
    type: Adam
    lr: 1e-4
  pixel_opt:
    type: L1Loss
  scheduler:
    type: MultiStepLR
    milestones: [50]
val:
  metrics:
    psnr:
      type: calculate_psnr
      crop_border: 4
"""
PLUGIN = """
import torch
from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY
from effsr.archs.efficientsr_arch import EfficientSRNet

@ARCH_REGISTRY.register()
class PluginNet(EfficientSRNet):
    def __init__(self, depth: int, act: str | None = None, wide=False, **kwargs):
        super().__init__(**kwargs)

@LOSS_REGISTRY.register()
class PluginLoss(torch.nn.Module):
    def __init__(self, loss_weight=1, levels=4, sigmas=(1.0, 2.0), **unread):
        super().__init__()

@METRIC_REGISTRY.register()
def plugin_metric(img, img2, border, **kwargs):
    return 0.0

def read_rest(opt):
    return opt['frames'], opt.get('stride', 1)

class Base(torch.utils.data.Dataset):
    def __init__(self, opt):
        super().__init__()
        self.opt = opt
        self.root = opt['dataroot_gt']
        self.rest = read_rest(opt)

@DATASET_REGISTRY.register()
class PluginData(Base):
    def __init__(self, opt):
        super().__init__(opt)
        self.setup()
        if 'cache' in opt:
            self.cache = opt['cache']

    def setup(self):
        self.window = self.opt['window']

    def __getitem__(self, index):
        if self.opt['phase'] == 'train':
            return self.opt['side']

@DATASET_REGISTRY.register()
class OpenData(torch.utils.data.Dataset):
    def __init__(self, opt):
        self.needed = opt['needed']
        self.all = {key: value for key, value in opt.items()}
"""


@pytest.fixture(scope='session', autouse=True)
def _plugin(tmp_path_factory):
    """Registered once: a registry takes a name only once."""
    folder = tmp_path_factory.mktemp('plugin')
    (folder / 'blocks_plugin.py').write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


def told(tmp_path, monkeypatch, old, new):
    """The messages about TEXT in which a piece is replaced; 'f.yml:3: a.b: ...'."""
    monkeypatch.chdir(tmp_path)
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    (tmp_path / 'f.yml').write_text(text.replace('import: []', 'import: [blocks_plugin]'))
    try:
        load_options('f.yml', check_files=False)
    except OptionError as error:
        return str(error).splitlines()
    return []


NET = '  type: EfficientSRNet'
LOSS = '    type: L1Loss'
ADAM = '    lr: 1e-4'
SCHEDULE = '    type: MultiStepLR\n    milestones: [50]'
VAL = '    type: DegradedDataset\n    dataroot_gt: x'
TRAIN = '    type: RealESRGANDataset\n    dataroot_gt: x'
METRIC = '      type: calculate_psnr\n      crop_border: 4'
SINGLE = '    type: SingleImageDataset\n    dataroot_lq: x'
DISK = '\n    io_backend: {type: disk}'
MISTAKES = {
    'network': (NET, '  type: EfficientSRNett', 'f.yml:4: network_g.type: no network is called EfficientSRNett; did '
                'you mean EfficientSRNet?'),
    'network argument': (NET, NET + '\n  num_feats: 3', 'f.yml:5: network_g.num_feats: unknown argument of '
                         'EfficientSRNet; did you mean num_feat?'),
    'network kind': (NET, NET + '\n  num_feat: wide', "f.yml:5: network_g.num_feat: is 'wide'; accepted: a whole "
                     'number'),
    'quoted number': (NET, NET + "\n  num_feat: '32'", "f.yml:5: network_g.num_feat: is '32'; accepted: a whole "
                      'number; write it without quotes'),
    'fraction': (NET, NET + '\n  num_feat: 3.5', 'f.yml:5: network_g.num_feat: is 3.5; accepted: a whole number'),
    'none': (NET, NET + '\n  num_feat: ~', 'f.yml:5: network_g.num_feat: is None; accepted: a whole number'),
    'basicsr network missing': (NET, '  type: RCAN\n  num_in_ch: 3', 'f.yml:3: network_g.num_out_ch: missing; RCAN '
                                'requires it'),
    'basicsr network kind': (NET, '  type: MSRResNet\n  num_block: many', "f.yml:5: network_g.num_block: is 'many'; "
                             'accepted: a whole number'),
    'basicsr boolean': (NET, '  type: EDVR\n  hr_in: on', "f.yml:5: network_g.hr_in: is 'on'; write true or false"),
    'swinir swallows': (NET, '  type: SwinIR\n  upscale: 4\n  embed_dims: 60', 'f.yml:6: network_g.embed_dims: unknown '
                        'argument of SwinIR; did you mean embed_dim?'),
    'swinir list': (NET, '  type: SwinIR\n  upscale: 4\n  depths: 6', 'f.yml:6: network_g.depths: is 6; accepted: a '
                    'list'),
    'loss': (LOSS, '    type: L2Loss', 'f.yml:18: train.pixel_opt.type: no loss is called L2Loss; did you mean L1Loss'),
    'loss argument': (LOSS, LOSS + '\n    weight: 1', 'f.yml:19: train.pixel_opt.weight: unknown argument of L1Loss; '
                      'did you mean loss_weight?'),
    'loss kind': (LOSS, LOSS + '\n    loss_weight: high', "f.yml:19: train.pixel_opt.loss_weight: is 'high'; accepted: "
                  'a number'),
    'optimizer': ('type: Adam\n', 'type: Adamm\n', 'f.yml:15: train.optim_g.type: no optimizer is called Adamm; did '
                  'you mean Adam?'),
    'optimizer argument': (ADAM, ADAM + '\n    beta: [0.9, 0.99]', 'f.yml:17: train.optim_g.beta: unknown argument of '
                           'Adam; did you mean betas?'),
    'optimizer kind': (ADAM, "    lr: '1e-4'", "f.yml:16: train.optim_g.lr: is '1e-4'; accepted: a number; write it "
                       'without quotes'),
    'optimizer pair': (ADAM, ADAM + '\n    betas: [0.9]', 'f.yml:17: train.optim_g.betas: is [0.9]; accepted: a list '
                       'of 2'),
    'optimizer boolean': (ADAM, ADAM + '\n    amsgrad: yes', "f.yml:17: train.optim_g.amsgrad: is 'yes'; write true or "
                          'false'),
    'supplied': (ADAM, ADAM + '\n    params: []', 'f.yml:17: train.optim_g.params: is given to Adam by the program'),
    'schedule': (SCHEDULE, '    type: MultiStepLr', 'f.yml:20: train.scheduler.type: no schedule is called '
                 'MultiStepLr; did you mean MultiStepLR?'),
    'schedule missing': (SCHEDULE, '    type: StepLR', 'f.yml:19: train.scheduler.step_size: missing; StepLR requires'),
    'schedule kind': (SCHEDULE, '    type: StepLR\n    step_size: long',
                      "f.yml:21: train.scheduler.step_size: is 'long'; accepted: a whole number"),
    'plateau': (SCHEDULE, '    type: ReduceLROnPlateau', 'f.yml:20: train.scheduler.type: ReduceLROnPlateau follows a '
                'metric'),
    'metric': (METRIC, '      type: calculate_psnrr', 'f.yml:25: val.metrics.psnr.type: no metric is called '
               'calculate_psnrr; did you mean calculate_psnr?'),
    'metric missing': (METRIC, '      type: calculate_niqe', 'f.yml:24: val.metrics.psnr.crop_border: missing; '
                       'calculate_niqe requires it'),
    'metric swallows': (METRIC, '      type: calculate_niqe\n      crop_border: 4\n      convert_too: y',
                        'f.yml:27: val.metrics.psnr.convert_too: unknown argument of calculate_niqe; did you mean '
                        'convert_to?'),
    'dataset': (VAL, '    type: DegradedDatset', 'f.yml:10: datasets.val.type: no dataset is called DegradedDatset; '
                'did you mean DegradedDataset?'),
    'own dataset key': (TRAIN, TRAIN + '\n    use_flipp: true', 'f.yml:9: datasets.train.use_flipp: unknown option; '
                        'did you mean use_hflip?'),
    'own dataset boolean': (TRAIN, TRAIN + '\n    use_rot: no', "f.yml:9: datasets.train.use_rot: is 'no'; write true "
                            'or false'),
    'own dataset range': (TRAIN, TRAIN + '\n    crop_pad_size: 4', 'f.yml:9: datasets.train.crop_pad_size: Input '
                          'should be greater than or equal to 16'),
    'own dataset root': (VAL, '    type: DegradedDataset', 'f.yml:9: datasets.val.dataroot_gt: missing; '
                         'DegradedDataset needs this folder'),
    'basicsr dataset missing': (VAL, SINGLE, 'f.yml:9: datasets.val.io_backend: missing; SingleImageDataset requires '
                                'it; give io_backend: {type: disk}'),
    'basicsr dataset key': (VAL, SINGLE + DISK + '\n    colour: y', 'f.yml:13: datasets.val.colour: unknown option; '
                            'SingleImageDataset does not read it; did you mean color?'),
    'basicsr dataset in training': (TRAIN, '    type: PairedImageDataset_basicsr\n    dataroot_gt: x\n    dataroot_lq: '
                                    'x\n    use_hflip: true\n    use_rot: true' + DISK,
                                    'f.yml:6: datasets.train.gt_size: missing; PairedImageDataset_basicsr requires it'),
    'model': ('scale: 4', 'scale: 4\nmodel_type: SRModl', 'f.yml:2: model_type: no model is called SRModl; did you '
              'mean SRModel?'),
    'plugin inherits': (NET, '  type: PluginNet\n  depth: 3\n  num_feet: 3', 'f.yml:6: network_g.num_feet: unknown '
                        'argument of PluginNet; did you mean num_feat?'),
    'plugin missing': (NET, '  type: PluginNet', 'f.yml:3: network_g.depth: missing; PluginNet requires it'),
    'plugin kind': (NET, '  type: PluginNet\n  depth: 1.5', 'f.yml:5: network_g.depth: is 1.5; accepted: a whole numb'),
    'plugin text': (NET, '  type: PluginNet\n  depth: 1\n  act: 3', 'f.yml:6: network_g.act: is 3; accepted: text or'),
    'plugin boolean': (NET, '  type: PluginNet\n  depth: 1\n  wide: off', "f.yml:6: network_g.wide: is 'off'; write "
                       'true or false'),
    'plugin loss swallows': (LOSS, '    type: PluginLoss\n    level: 3', 'f.yml:19: train.pixel_opt.level: unknown '
                             'argument of PluginLoss; did you mean levels?'),
    'plugin loss list': (LOSS, '    type: PluginLoss\n    sigmas: [a]', "f.yml:19: train.pixel_opt.sigmas: is ['a']; "
                         'accepted: a list, each a number'),
    'plugin metric': (METRIC, '      type: plugin_metric\n      border: 4\n      bordr: 3', 'f.yml:27: '
                      'val.metrics.psnr.bordr: unknown argument of plugin_metric; did you mean border?'),
    'plugin dataset key': (VAL, '    type: PluginData\n    dataroot_gt: x\n    frames: 3\n    window: 2\n    cach: 3',
                           'f.yml:14: datasets.val.cach: unknown option; PluginData does not read it; did you mean '
                           'cache?'),
    'plugin dataset helper': (VAL, '    type: PluginData\n    dataroot_gt: x\n    window: 2',
                              'f.yml:9: datasets.val.frames: missing; PluginData requires it'),
    'plugin dataset method': (VAL, '    type: PluginData\n    dataroot_gt: x\n    frames: 2',
                              'f.yml:9: datasets.val.window: missing; PluginData requires it'),
    'plugin dataset phase': (TRAIN, '    type: PluginData\n    dataroot_gt: x\n    frames: 2\n    window: 1',
                             'f.yml:6: datasets.train.side: missing; PluginData requires it'),
    'open dataset': (VAL, '    type: OpenData\n    anything: 3', 'f.yml:9: datasets.val.needed: missing; OpenData'),
}


def test_an_unknown_class_may_be_one_of_your_own(tmp_path, monkeypatch):
    hint = ' (one of your own: name its module under import:)'
    assert told(tmp_path, monkeypatch, NET, '  type: OfMine')[0].endswith(hint)
    assert told(tmp_path, monkeypatch, VAL, '    type: OfMine')[0].endswith(hint)
    # An optimizer comes from torch.optim.
    assert not told(tmp_path, monkeypatch, 'type: Adam\n', 'type: OfMine\n')[0].endswith(hint)


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake(mistake, tmp_path, monkeypatch):
    old, new, says = MISTAKES[mistake]
    found = told(tmp_path, monkeypatch, old, new)
    assert any(line.startswith(says) for line in found), found
    assert len(found) == 1 or mistake == 'basicsr network missing'  # RCAN asks for two


@pytest.mark.parametrize(('old', 'new'), [
    (NET, '  type: RRDBNet\n  num_in_ch: 3\n  num_out_ch: 3\n  num_feat: 1e1'),
    (NET, '  type: PluginNet\n  depth: 3\n  act: ~\n  num_feat: 8\n  wide: true'),
    (NET, '  type: SRVGGNetCompact_basicsr'),
    (LOSS, '    type: PluginLoss\n    loss_weight: 0.5\n    sigmas: [1, 2, 3]'),
    (LOSS, '    type: CharbonnierLoss\n    eps: 1'),
    (ADAM, '    lr: 1\n    foreach: ~\n    betas: [0, 0.99]'),
    (SCHEDULE, '    type: CosineAnnealingLR\n    T_max: 100\n    eta_min: 1e-7'),
    (SCHEDULE, '    type: CosineAnnealingRestartLR\n    periods: [60, 60]\n    restart_weights: [1, 0.5]'),
    (METRIC, '      type: calculate_niqe\n      crop_border: 4\n      better: lower'),
    (VAL, '    type: PluginData\n    dataroot_gt: x\n    frames: 3\n    window: 2\n    stride: 3'),
    (VAL, '    type: OpenData\n    needed: 3\n    anything: 3'),
    (VAL, SINGLE + DISK + '\n    color: y'),
    (VAL, VAL + '\n    degradation: {jpeg_range: [50, 60]}'),
])
def test_what_is_right_passes(old, new, tmp_path, monkeypatch):
    assert told(tmp_path, monkeypatch, old, new) == []


def test_whole_numbers_arrive_as_such(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'f.yml').write_text(TEXT.replace(NET, NET + '\n  num_feat: 1.6e1'))
    value = load_options('f.yml', check_files=False).network_g.arguments['num_feat']
    assert (value, type(value)) == (16, int)


@pytest.mark.parametrize(('module', 'says'), [
    ('no_such_plugin', "f.yml:2: import.0: no_such_plugin: ModuleNotFoundError: No module named 'no_such_plugin'; nam"),
    ('broken_plugin', 'f.yml:2: import.0: broken_plugin: ZeroDivisionError: division by zero; mend it'),
])
def test_a_plugin_that_cannot_be_imported(module, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('sys.dont_write_bytecode', True)
    (tmp_path / 'broken_plugin.py').write_text('1 / 0\n')
    text = TEXT.replace('import: []', f'import: [{module}]').replace('EfficientSRNet', 'OfThePlugin')
    (tmp_path / 'f.yml').write_text(text)
    with pytest.raises(OptionError) as caught:
        load_options('f.yml', check_files=False)
    assert str(caught.value).startswith(says)
    assert len(str(caught.value).splitlines()) == 1  # OfThePlugin may well be in it
