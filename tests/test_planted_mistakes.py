"""Mistakes planted by a reviewer who knows the documentation and BasicSR, not the checker: a user's table of errors.

Each is one change to a file that trains; each must be told with file, line, key and remedy, and leave nothing behind.
"""
import effsr

# isort: split
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from PIL import Image

import effsr.test
import effsr.train

STAGE1 = """\
name: planted
model_type: RealESRNetModel
scale: 2
num_gpu: 0
manual_seed: 3
datasets:
  train:
    type: RealESRGANDataset
    dataroot_gt: train
    crop_pad_size: 24
    batch_size_per_gpu: 4
    use_hflip: true
  val:
    type: DegradedDataset
    dataroot_gt: val
gt_size: 16
queue_size: 0
degradation:
  blur_kernel_size: 7
  jpeg_range: [40, 95]
network_g:
  type: SRVGGNetCompact
  num_feat: 4
  num_conv: 1
  upscale: 2
path:
  strict_load_g: true
train:
  total_iter: 2
  ema_decay: 0.5
  optim_g:
    type: Adam
    lr: 1e-3
    betas: [0.9, 0.99]
  scheduler:
    type: MultiStepLR
    milestones: [1]
    gamma: 0.5
  pixel_opt:
    type: L1Loss
    loss_weight: 1.0
val:
  val_freq: 2
  metrics:
    psnr:
      type: calculate_psnr
      crop_border: 2
logger:
  print_freq: 1
  save_checkpoint_freq: 2
  use_tb_logger: false
"""


def line_number(text: str, line: str) -> int:
    """Where a line is, given with its indent or, where that is clear, without; 1 is the first."""
    lines = text.splitlines()
    found = [n for n, each in enumerate(lines, 1) if each == line]
    found = found or [n for n, each in enumerate(lines, 1) if each.strip() == line.strip()]
    assert len(found) == 1, (line, found)
    return found[0]


def edited(text: str, changes: dict) -> str:
    """The text with some lines replaced by others, or by none (None); an indent is kept."""
    for old, new in changes.items():
        lines, at = text.splitlines(), line_number(text, old) - 1
        indent = lines[at][:len(lines[at]) - len(lines[at].lstrip())]
        lines[at:at + 1] = [] if new is None else [indent + line for line in new.split('\n')]
        text = '\n'.join(lines) + '\n'
    return text


GAN = edited(STAGE1, {
    'model_type: RealESRNetModel': 'model_type: RealESRGANModel',
    'path:': 'network_d:\n  type: UNetDiscriminatorSN\n  num_in_ch: 3\n  num_feat: 4  # of d\npath:',
    'scheduler:': 'optim_d:\n  type: Adam  # of d\n  lr: 1e-4\nscheduler:',
    'pixel_opt:': 'gan_opt:\n  type: GANLoss\n  gan_type: vanilla\npixel_opt:'})
# BasicSR's own model, datasets, network and metric.
BASICSR = edited(STAGE1, {
    'model_type: RealESRNetModel': 'model_type: SRModel_basicsr',
    'type: RealESRGANDataset': 'type: PairedImageDataset_basicsr\ndataroot_lq: train_lq\nio_backend: {type: disk}\n'
                               'gt_size: 16\nuse_rot: true',
    'crop_pad_size: 24': None, 'gt_size: 16': None, 'queue_size: 0': None, 'degradation:': None,
    'type: DegradedDataset': 'type: PairedImageDataset_basicsr  # val\ndataroot_lq: val_lq\nio_backend: {type: disk} #',
    'blur_kernel_size: 7': None, 'jpeg_range: [40, 95]': None,
    'type: SRVGGNetCompact': 'type: MSRResNet', 'num_conv: 1': 'num_block: 1',
    'type: calculate_psnr': 'type: calculate_psnr_basicsr'})
PLUGIN = edited(STAGE1, {
    'manual_seed: 3': 'manual_seed: 3\nimport: [planted_parts]',
    'type: RealESRGANDataset': 'type: PlantedData\ngain: 0.5', 'crop_pad_size: 24': None, 'use_hflip: true': None,
    'type: SRVGGNetCompact': 'type: PlantedNet', 'num_feat: 4': 'width: 2', 'num_conv: 1': None,
    'type: L1Loss': 'type: PlantedLoss', 'loss_weight: 1.0': 'strength: 0.5'})
PARTS = """
from pathlib import Path
import numpy as np
import torch
from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY
from PIL import Image

@ARCH_REGISTRY.register()
class PlantedNet(torch.nn.Sequential):
    def __init__(self, width: int, upscale: int, act: str = 'relu'):
        acts = {'relu': torch.nn.ReLU, 'silu': torch.nn.SiLU}
        super().__init__(torch.nn.Conv2d(3, width, 3, padding=1), acts[act](),
                         torch.nn.Conv2d(width, 3 * upscale ** 2, 1), torch.nn.PixelShuffle(upscale))

@DATASET_REGISTRY.register()
class PlantedData(torch.utils.data.Dataset):
    def __init__(self, opt):
        self.gain, self.paths = opt['gain'], sorted(Path(opt['dataroot_gt']).iterdir())
        self.flip = opt.get('flip', False)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        picture = self.gain * np.asarray(Image.open(self.paths[index]), np.float32)[:24, :24] / 255
        return {'gt': torch.from_numpy(picture).permute(2, 0, 1).contiguous()}

@LOSS_REGISTRY.register()
class PlantedLoss(torch.nn.Module):
    def __init__(self, strength, loss_weight=1.0):
        super().__init__()
        self.strength = strength * loss_weight

    def forward(self, x, y):
        return self.strength * (x - y).abs().mean()
"""
TEST = edited(STAGE1, {'  val:': 'test_1:', 'strict_load_g: true': 'pretrain_network_g: fit.pth'})
KEEP, EMA, BATCH, WEIGHT = 'strict_load_g: true', 'ema_decay: 0.5', 'batch_size_per_gpu: 4', 'loss_weight: 1.0'
JPEG, BETAS, STEPS, UNET = 'jpeg_range: [40, 95]', 'betas: [0.9, 0.99]', 'milestones: [1]', 'type: UNetDiscriminatorSN'
PSNR, NIQE, BORDER, GANTYPE = 'type: calculate_psnr', 'type: calculate_niqe', 'crop_border: 2', 'gan_type: vanilla'
LQ, DISK, IMPORT = 'dataroot_lq: train_lq', 'io_backend: {type: disk}', 'import: [planted_parts]'
LAYERS, PIXEL = 'layer_weights: {conv5_4: 1.0}\n', ('  pixel_opt:', 'val:')
COSINE = {'type: MultiStepLR': 'type: CosineAnnealingRestartLR', 'gamma: 0.5': None}
RUN = '!!python/object/apply:os.system ["touch executed"]'


def net(**lines) -> dict:
    """MSRResNet, in the file with BasicSR's classes, replaced by another network."""
    return {'num_feat: 4': None, 'num_block: 1': None, '  upscale: 2': None,
            'type: MSRResNet': '\n'.join(f'{key}: {value}' for key, value in lines.items())}


def perceptual(arguments: str) -> dict:
    return {'pixel_opt:': 'perceptual_opt:\n  type: PerceptualLoss\n' + ''.join(
        f'  {line}\n' for line in arguments.splitlines()) + 'pixel_opt:'}


SWIN = {'type': 'SwinIR', 'embed_dim': 12, 'depths': '[1]', 'num_heads': '[2]', 'window_size': 4,
        'upsampler': 'pixelshuffledirect', 'upscale': 2}
RRDB = {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_grow_ch': 2, 'num_block': 1,
        'scale': 2}

# name: (file, changed lines, key, what the remedy says [, line: the first changed one, unless given; two: a range])
ROWS = {
    'typo at the top': (STAGE1, {'gt_size: 16': 'gt_sise: 16'}, 'gt_sise', 'gt_size?'),
    'typo in a section': (STAGE1, {'degradation:': 'degradations:'}, 'degradations', 'degradation?'),
    'typo in a set of pictures': (STAGE1, {'  val:': 'vall:'}, 'datasets.vall', 'accepted besides: val'),
    'typo in a dataset': (STAGE1, {'crop_pad_size: 24': 'crop_padsize: 24'}, 'datasets.train.crop_padsize',
                          'crop_pad_size?'),
    'typo in degradation': (STAGE1, {'jpeg_range: [40, 95]': 'jpg_range: [40, 95]'}, 'degradation.jpg_range',
                            'jpeg_range?'),
    'typo in train': (STAGE1, {'ema_decay: 0.5': 'ema_decy: 0.5'}, 'train.ema_decy', 'ema_decay?'),
    'typo in logger': (STAGE1, {'print_freq: 1': 'prnt_freq: 1'}, 'logger.prnt_freq', 'print_freq?'),
    'typo in path': (STAGE1, {KEEP: 'strictload_g: true'}, 'path.strictload_g', 'strict_load_g?'),
    'lr outside its optimizer': (STAGE1, {EMA: 'lr: 2e-4'}, 'train.lr', 'train.optim_g'),
    'total_iter in val': (STAGE1, {'val_freq: 2': 'total_iter: 4'}, 'val.total_iter', 'train.total_iter'),
    'a loss at the top': (STAGE1, {'gt_size: 16': 'pixel_opt: {type: MSELoss}'}, 'pixel_opt', 'train.pixel_opt'),
    'quoted number': (STAGE1, {'lr: 1e-3': "lr: '1e-3'"}, 'train.optim_g.lr', 'without quotes'),
    'quoted scale': (STAGE1, {'scale: 2': "scale: '2'"}, 'scale', 'without quotes'),
    'yes': (STAGE1, {'use_hflip: true': 'use_hflip: yes'}, 'datasets.train.use_hflip', 'true or false'),
    'name for a block': (STAGE1, {'pixel_opt:': 'pixel_opt: L1Loss', 'type: L1Loss': None, WEIGHT: None},
                         'train.pixel_opt', 'type: L1Loss'),
    'number for a range': (STAGE1, {JPEG: 'jpeg_range: 40'}, 'degradation.jpeg_range', '[low, high]'),
    'range of one': (STAGE1, {JPEG: 'jpeg_range: [40]'}, 'degradation.jpeg_range', '[low, high]'),
    'decay of one': (STAGE1, {EMA: 'ema_decay: 1.0'}, 'train.ema_decay', 'less than 1'),
    'even kernel': (STAGE1, {JPEG: 'blur_kernel_size2: 8'}, 'degradation.blur_kernel_size2', 'odd number from 7'),
    'range backwards': (STAGE1, {JPEG: 'jpeg_range: [95, 40]'}, 'degradation.jpeg_range', 'low <= high'),
    'weights of kernels': (STAGE1, {JPEG: 'kernel_prob: [1, 0]'}, 'degradation.kernel_prob', 'one for each kernel'),
    'no total_iter': (STAGE1, {'total_iter: 2': None}, 'train.total_iter', 'required', 'train:'),
    'no type': (STAGE1, {'type: SRVGGNetCompact': None}, 'network_g.type', 'required', 'network_g:'),
    'no training set': (STAGE1, dict.fromkeys(STAGE1.splitlines()[6:12]), 'datasets.train', 'missing', 'datasets:'),
    'no loss': (STAGE1, {'pixel_opt:': None, 'type: L1Loss': None, WEIGHT: None}, 'train', 'pixel_opt', 'train:'),
    'null scale': (STAGE1, {'scale: 2': 'scale: ~'}, 'scale', 'integer'),
    'other scale': (STAGE1, {'scale: 2': 'scale: 4'}, 'network_g.upscale', 'scale is 4', '  upscale: 2'),
    'gt_size 15': (STAGE1, {'gt_size: 16': 'gt_size: 15'}, 'gt_size', 'for example 14'),
    'large crop': (STAGE1, {'crop_pad_size: 24': 'crop_pad_size: 48'}, 'datasets.train.crop_pad_size', 'lower'),
    'large batch': (STAGE1, {BATCH: 'batch_size_per_gpu: 64'}, 'datasets.train.batch_size_per_gpu', 'lower'),
    'LDL without EMA': (GAN, {EMA: 'ldl_opt: {type: L1Loss}'}, 'train.ldl_opt', 'set ema_decay'),
    'GAN without optim_d': (GAN, {'optim_d:': None, 'type: Adam  # of d': None, 'lr: 1e-4': None}, 'train.gan_opt',
                            'give optim_d', '  gan_opt:'),
    'missing folder': (STAGE1, {'    dataroot_gt: train': 'dataroot_gt: trian'}, 'datasets.train.dataroot_gt',
                       'no such folder; mend the path'),
    'missing weights': (STAGE1, {KEEP: 'pretrain_network_g: 5.pth'}, 'path.pretrain_network_g', 'mend the path'),
    'weights of RRDBNet': (STAGE1, {KEEP: 'pretrain_network_g: rrdb.pth'}, 'path.pretrain_network_g', 'set network_g'),
    'weights, key': (STAGE1, {KEEP: 'param_key_g: parms\npretrain_network_g: fit.pth'}, 'path.param_key_g', 'params'),
    'test without weights': (TEST, {'pretrain_network_g: fit.pth': KEEP}, 'path.pretrain_network_g', 'give', 'path:'),
    'duplicate': (STAGE1, {'num_conv: 1': 'num_feat: 8'}, 'network_g.num_feat', 'twice, first on line 23; keep one'),
    # Where the YAML itself is broken there need be no key.
    'tab': (STAGE1, {'    lr: 1e-3': '\tlr: 1e-3'}, None, 'spaces'),
    'no space after a colon': (STAGE1, {EMA: 'ema_decay:0.5'}, None, "expected ':'"),
    'open bracket': (STAGE1, {'milestones: [1]': 'milestones: [1'}, None, "expected ',' or ']'"),
    'uneven indent': (STAGE1, {'gamma: 0.5': ' gamma: 0.5'}, None, 'indent'),
    'os.system': (STAGE1, {'name: planted': f'name: {RUN}'}, 'name', 'tag'),
    'os.system, deep': (STAGE1, {BETAS: f'betas: [0.9, {RUN}]'}, 'train.optim_g.betas.1', 'tag'),
    'python/name': (STAGE1, {'lr: 1e-3': 'lr: !!python/name:os.system'}, 'train.optim_g.lr', 'tag'),
    # BasicSR's networks
    'MSRResNet: typo': (BASICSR, {'num_block: 1': 'num_blocks: 1'}, 'network_g.num_blocks', 'num_block?'),
    'MSRResNet: quoted': (BASICSR, {'num_block: 1': "num_block: '1'"}, 'network_g.num_block', 'without quotes'),
    'MSRResNet: null': (BASICSR, {'num_feat: 4': 'num_feat: ~'}, 'network_g.num_feat', 'a whole number'),
    'MSRResNet: negative': (BASICSR, {'num_feat: 4': 'num_feat: -4'}, 'network_g', '-4',
                            ('network_g:', 'num_feat: -4')),
    'RRDBNet: no channels': (BASICSR, net(type='RRDBNet_basicsr', num_out_ch=3, scale=2), 'network_g.num_in_ch',
                             'requires', 'network_g:'),
    'RRDBNet: upscale': (BASICSR, net(**RRDB, upscale=2), 'network_g.upscale', 'scale?', '  upscale: 2'),
    'SwinIR: **kwargs': (BASICSR, net(**SWIN, mlp_ration=2), 'network_g.mlp_ration', 'mlp_ratio?', 'mlp_ration: 2'),
    'SwinIR: heads': (BASICSR, net(**{**SWIN, 'num_heads': '[5]'}), 'network_g', 'num_heads',
                      ('network_g:', '  upscale: 2')),
    'SwinIR: upsampler': (BASICSR, net(**{**SWIN, 'upsampler': 'pixelshufle'}), 'network_g', 'scale',
                          ('network_g:', '  upscale: 2')),
    'no such network': (BASICSR, {'type: MSRResNet': 'type: MSResNet'}, 'network_g.type', 'MSRResNet?'),
    'VGGStyleDiscriminator: size': (GAN, {UNET: 'type: VGGStyleDiscriminator\ninput_size: 64'}, 'network_d',
                                    '128 or 256', ('network_d:', 'input_size: 64')),
    'VGGStyleDiscriminator: crop': (GAN, {UNET: 'type: VGGStyleDiscriminator'}, 'network_d', 'gt_size',
                                    ('network_d:', 'num_feat: 4  # of d')),
    # BasicSR's losses
    'L1Loss: typo': (STAGE1, {WEIGHT: 'weight: 1.0'}, 'train.pixel_opt.weight', 'loss_weight?'),
    'L1Loss: reduction': (STAGE1, {WEIGHT: 'reduction: avg'}, 'train.pixel_opt', 'mean', PIXEL),
    'L1Loss: no reduction': (STAGE1, {WEIGHT: 'reduction: none'}, 'train.pixel_opt', 'mean', PIXEL),
    'WeightedTVLoss: two pictures': (STAGE1, {'type: L1Loss': 'type: WeightedTVLoss'}, 'train.pixel_opt', 'L1Loss',
                                     PIXEL),
    'GANLoss for pixels': (STAGE1, {'type: L1Loss': 'type: GANLoss\ngan_type: vanilla'}, 'train.pixel_opt', 'L1Loss',
                           PIXEL),
    'PerceptualLoss: layer': (STAGE1, perceptual('layer_weights: {conv5_9: 1.0}'), 'train.perceptual_opt', 'conv5_4',
                              ('perceptual_opt:', 'layer_weights: {conv5_9: 1.0}')),
    'PerceptualLoss: l3': (STAGE1, perceptual(LAYERS + 'criterion: l3'), 'train.perceptual_opt', 'l1',
                           ('perceptual_opt:', 'criterion: l3')),
    'GANLoss: type': (GAN, {GANTYPE: 'gan_type: vanila'}, 'train.gan_opt', 'vanilla',
                      ('  gan_opt:', 'gan_type: vanila')),
    # schedules and optimizers
    'MultiStepLR: never': (STAGE1, {STEPS: 'milestones: [1000]'}, 'train.scheduler.milestones', 'raise total_iter'),
    'Cosine: lengths': (STAGE1, {**COSINE, STEPS: 'periods: [1, 1]'}, 'train.scheduler.restart_weights',
                        'give one for each', '  scheduler:'),
    'Cosine: too short': (STAGE1, {STEPS: 'periods: [1]', **COSINE, 'total_iter: 2': 'total_iter: 5'},
                          'train.scheduler.periods', 'periods of 5'),
    'Adam: three betas': (STAGE1, {BETAS: 'betas: [0.9, 0.99, 0.999]'}, 'train.optim_g.betas', 'a list of 2'),
    'Adam: beta': (STAGE1, {BETAS: 'betas: [0.9, 1.0]'}, 'train.optim_g', 'beta', ('  optim_g:', 'betas: [0.9, 1.0]')),
    'Adam: negative': (STAGE1, {'lr: 1e-3': 'lr: -1e-3'}, 'train.optim_g', '-0.001', ('  optim_g:', 'lr: -1e-3')),
    'SGD: betas': (STAGE1, {'type: Adam': 'type: SGD'}, 'train.optim_g.betas', 'momentum', BETAS),
    'LBFGS': (STAGE1, {'type: Adam': 'type: LBFGS', BETAS: None}, 'train.optim_g.type', 'Adam'),
    # BasicSR's metrics, datasets and models
    'niqe: no border': (STAGE1, {PSNR: NIQE, BORDER: None}, 'val.metrics.psnr.crop_border', 'requires', '    psnr:'),
    'niqe: **kwargs': (STAGE1, {BORDER: 'convert: y\ncrop_border: 2', PSNR: NIQE}, 'val.metrics.psnr.convert',
                       'convert_to?'),
    'niqe: colours': (STAGE1, {PSNR: NIQE, BORDER: 'crop_border: 0\nconvert_to: rgb'}, 'val.metrics.psnr', 'gray',
                      ('    psnr:', 'convert_to: rgb')),
    'niqe: tiny pictures': (STAGE1, {PSNR: NIQE}, 'val.metrics.psnr', '96', ('    psnr:', BORDER)),
    'psnr: order': (BASICSR, {BORDER: 'input_order: HCW\ncrop_border: 2'}, 'val.metrics.psnr', 'HWC',
                    ('    psnr:', 'crop_border: 2')),
    'psnr: border': (STAGE1, {BORDER: 'crop_border: 20'}, 'val.metrics.psnr', '40 x 40',
                     ('    psnr:', 'crop_border: 20')),
    'paired: no lq': (BASICSR, {LQ: None}, 'datasets.train.dataroot_lq', 'requires', '  train:'),
    'paired: typo': (BASICSR, {'use_rot: true': 'user_rot: true'}, 'datasets.train.user_rot', 'use_rot?'),
    'paired: backend': (BASICSR, {DISK: 'io_backend: {type: disc}'}, 'datasets.train.io_backend.type', 'disk'),
    'paired: names': (BASICSR, {'use_rot: true': "use_rot: true\nfilename_tmpl: '{}x2'"}, 'datasets.train', 'x2.png',
                      ('  train:', "filename_tmpl: '{}x2'")),
    'paired: swapped': (BASICSR, {LQ: 'dataroot_lq: train', '    dataroot_gt: train': 'dataroot_gt: train_lq'},
                        'datasets.train', 'scale', ('  train:', 'dataroot_gt: train_lq')),
    'paired: crop': (BASICSR, {'    gt_size: 16': 'gt_size: 64'}, 'datasets.train', 'gt_size',
                     ('  train:', 'gt_size: 64')),
    'paired: quoted': (BASICSR, {'    gt_size: 16': "gt_size: '16'"}, 'datasets.train.gt_size', 'without quotes'),
    'SingleImageDataset: no gt': (BASICSR, {'type: PairedImageDataset_basicsr': 'type: SingleImageDataset',
                                            '    dataroot_gt: train': None, 'gt_size: 16': None, 'use_rot: true': None,
                                            'use_hflip: true': None}, 'datasets.train', 'gt', ('  train:', DISK)),
    'SRModel: no loss': (BASICSR, {'pixel_opt:': None, 'type: L1Loss': None, WEIGHT: None}, 'train', 'pixel_opt',
                         'train:'),
    'SRModel: no schedule': (BASICSR, dict.fromkeys(STAGE1.splitlines()[34:38]), 'train.scheduler', 'MultiStepLR',
                             'train:'),
    'ESRGANModel: no network_d': (BASICSR, {'model_type: SRModel_basicsr': 'model_type: ESRGANModel_basicsr'},
                                  'model_type', 'network_d'),
    # a plugin
    'plugin, network: typo': (PLUGIN, {'width: 2': 'widht: 2'}, 'network_g.widht', 'width?'),
    'plugin, network: kind': (PLUGIN, {'width: 2': 'width: two'}, 'network_g.width', 'a whole number'),
    'plugin, network: value': (PLUGIN, {'width: 2': 'width: 2\nact: rleu'}, 'network_g', 'rleu',
                               ('network_g:', 'act: rleu')),
    'plugin, dataset: no gain': (PLUGIN, {'gain: 0.5': None}, 'datasets.train.gain', 'requires', '  train:'),
    'plugin, dataset: typo': (PLUGIN, {'gain: 0.5': 'flp: true\ngain: 0.5'}, 'datasets.train.flp', 'flip?'),
    'plugin, loss: no strength': (PLUGIN, {'strength: 0.5': None}, 'train.pixel_opt.strength', 'requires',
                                  'pixel_opt:'),
    'plugin: no module': (PLUGIN, {IMPORT: 'import: [planted_prats]'}, 'import.0', 'name a module'),
    'plugin: broken': (PLUGIN, {IMPORT: 'import: [planted_broken]'}, 'import.0', 'planted_broken.py, line 1'),
    'plugin: not imported': (STAGE1, {'type: SRVGGNetCompact': 'type: MyNet'}, 'network_g.type', 'import'),
}
# name: (argument of --force_yml, how the message names it, what the remedy says)
OVERRIDES = {
    'typo': ('train:total_itr=3', '--force_yml: train.total_itr: ', 'total_iter?'),
    'argument of a class': ('network_g:num_feats=8', '--force_yml: network_g.num_feats: ', 'num_feat?'),
    'dots': ('train.total_iter=3', '--force_yml: train.total_iter: ', 'train:total_iter'),
    'below a value': ('train:total_iter:x=3', '--force_yml train:total_iter:x=3: ', 'no keys below it'),
    'broken YAML': ('train:optim_g:betas=[0.9', '--force_yml train:optim_g:betas=[0.9', "expected ',' or ']'"),
    'tag': (f'name={RUN}', f'--force_yml name={RUN}', 'only plain YAML'),
    'code': ('train:total_iter=__import__("os").system("touch executed")', '--force_yml: train.total_iter: ', 'number'),
    'code for exec': ("train:total_iter=1'];import os;os.system('touch executed');opt['name",
                      '--force_yml: train.total_iter: ', 'a whole number'),
    'code for a key': ('__import__("os").system("touch executed")=1', '--force_yml: __import__("os")', 'unknown'),
}
# name: (changes to base.yml, lines that the inheriting file adds, file, line, key, remedy)
BASES = {
    'typo': ({'gt_size: 16': 'gt_sise: 16'}, '', 'base.yml', 'gt_sise: 16', 'gt_sise', 'gt_size?'),
    'value': ({EMA: 'ema_decay: 2'}, '', 'base.yml', 'ema_decay: 2', 'train.ema_decay', 'less than 1'),
    'scale': ({}, 'scale: 4\n', 'base.yml', '  upscale: 2', 'network_g.upscale', 'scale is 4'),
    'tag': ({'lr: 1e-3': f'lr: {RUN}'}, '', 'base.yml', f'lr: {RUN}', 'train.optim_g.lr', 'tag'),
    'variant': ({}, 'network_g:\n  num_feet: 4\n', 'options.yml', 'num_feet: 4', 'network_g.num_feet', 'num_feat?'),
    'taken out': ({}, 'train:\n  optim_g: ~\n', 'options.yml', ('train:', '  optim_g: ~'), 'train.optim_g', 'required'),
    'no file': ({}, '', 'options.yml', 'base: bas.yml', 'base', 'relative to options.yml'),
}


@pytest.fixture(scope='module')
def material(tmp_path_factory):
    """Pictures, weights and the plugin, outside the working directory."""
    root = tmp_path_factory.mktemp('material')
    rng = np.random.default_rng(0)
    for folder, side in (('train', 32), ('train_lq', 16), ('val', 40), ('val_lq', 20)):
        (root / folder).mkdir()
        for number in range(8):
            picture = rng.integers(0, 256, (side, side, 3), np.uint8)
            Image.fromarray(picture).save(root / folder / f'{number:02}.png')
    for name, file, more in (('RRDBNet', 'rrdb', {'num_in_ch': 3, 'num_out_ch': 3, 'scale': 2, 'num_block': 1}),
                             ('SRVGGNetCompact', 'fit', {'num_conv': 1, 'upscale': 2})):
        torch.save({'params': ARCH_REGISTRY.get(name)(num_feat=4, **more).state_dict()}, root / f'{file}.pth')
    (root / 'modules').mkdir()
    (root / 'modules/planted_parts.py').write_text(PARTS)
    (root / 'modules/planted_broken.py').write_text('def broken(:\n')
    return root


@pytest.fixture
def work(tmp_path, material, monkeypatch):
    """A working directory in which nothing can be downloaded."""
    def refuse(*args, **kwargs):
        raise AssertionError('a download was begun')

    for path in material.iterdir():
        if path.name != 'modules':
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(material / 'modules')
    monkeypatch.setattr(torch.hub, 'download_url_to_file', refuse)
    return tmp_path


def told(capsys, work: Path, argv: list[str], main=effsr.train.main) -> list[str]:
    """The lines on stderr of a run that must fail and leave nothing behind."""
    before = {path: path.read_bytes() if path.is_file() else None for path in work.rglob('*')}
    status = main(['-opt', 'options.yml', *argv])
    lines = capsys.readouterr().err.splitlines()
    assert status == 1, lines
    assert not any('Traceback' in line for line in lines), lines
    assert {path: path.read_bytes() if path.is_file() else None for path in work.rglob('*')} == before
    return [re.sub('^(train|test): ', '', line) for line in lines]


def assert_named(lines: list[str], file: str, text: str, at: str | tuple, key: str | None, remedy: str) -> None:
    """One of the lines names file, line and key, and has the remedy behind; of a refused block any line will do."""
    first, last = (line_number(text, line) for line in ((at, at) if isinstance(at, str) else at))
    keys = '' if key is None else re.escape(key) + ('' if first == last else r'(\.[\w.]+)?') + ': '
    for line in lines:
        match = re.match(rf'{re.escape(file)}:(\d+): {keys}(.*)', line)
        if match and first <= int(match[1]) <= last and remedy in match[match.lastindex]:
            return
    raise AssertionError(f'no {file}:{first}..{last}: {key}: {remedy!r} in {lines}')


@pytest.mark.filterwarnings('ignore:torch.meshgrid')
@pytest.mark.parametrize('name', [*ROWS, *(f'override: {name}' for name in OVERRIDES),
                                  *(f'base: {name}' for name in BASES)])
def test_a_mistake_is_told_with_its_place_and_remedy(name, work, capsys):
    kind, _, short = name.partition(': ')
    if kind == 'override':
        argument, place, remedy = OVERRIDES[short]
        (work / 'options.yml').write_text(STAGE1)
        lines = told(capsys, work, ['--force_yml', argument])
        assert any(line.startswith(place) and remedy in line[len(place):] for line in lines), lines
        return
    if kind == 'base':
        changes, more, file, at, key, remedy = BASES[short]
        (work / 'base.yml').write_text(edited(STAGE1, changes))
        (work / 'options.yml').write_text(f'base: {"bas" if short == "no file" else "base"}.yml\nname: variant\n{more}')
        lines = told(capsys, work, [])
        assert_named(lines, file, (work / file).read_text(), at, key, remedy)
    else:
        original, changes, key, remedy, *at = ROWS[name]
        text = edited(original, changes)
        at = at[0] if at else next(iter(changes.values())).split('\n')[0]
        (work / 'options.yml').write_text(text)
        lines = told(capsys, work, [], effsr.test.main if original is TEST else effsr.train.main)
        assert_named(lines, 'options.yml', text, at, key, remedy)
    if name == 'quoted scale':
        assert len(lines) == 1, lines


def test_all_mistakes_are_told_at_once(work, capsys):
    changes = {'gt_size: 16': 'gt_sise: 16', 'num_conv: 1': "num_conv: '1'", 'lr: 1e-3': 'lr: fast',
               EMA: 'ema_decay: 2',
               'dataroot_gt: val': 'dataroot_gt: vall', '  upscale: 2': 'upscale: 3', 'print_freq: 1': 'print_freq: 0'}
    text = edited(STAGE1, changes)
    (work / 'options.yml').write_text(text)
    lines = told(capsys, work, [])
    assert len(lines) == len(changes)
    for line, key, remedy in (
            ('gt_sise: 16', 'gt_sise', 'gt_size?'), ("num_conv: '1'", 'network_g.num_conv', 'without quotes'),
            ('lr: fast', 'train.optim_g.lr', 'a number'), ('ema_decay: 2', 'train.ema_decay', 'less than 1'),
            ('dataroot_gt: vall', 'datasets.val.dataroot_gt', 'mend the path'),
            ('upscale: 3', 'network_g.upscale', 'scale is 2'), ('print_freq: 0', 'logger.print_freq', 'equal to 1')):
        assert_named(lines, 'options.yml', text, line, key, remedy)


@pytest.mark.filterwarnings('ignore:torch.meshgrid')
@pytest.mark.parametrize('text', [STAGE1, GAN, BASICSR, edited(BASICSR, net(**SWIN)), edited(BASICSR, net(**RRDB)),
                                  PLUGIN, TEST], ids=['stage 1', 'stage 2', 'BasicSR', 'SwinIR', 'RRDBNet', 'plugin',
                                                      'test'])
def test_without_a_mistake_it_runs(text, work, capsys):
    (work / 'options.yml').write_text(text)
    assert (effsr.test.main if text is TEST else effsr.train.main)(['-opt', 'options.yml']) == 0
    assert text is TEST or (work / 'experiments/planted/models/net_g_2.pth').is_file()
