"""Mistakes planted by a reviewer who knows the documentation and BasicSR, not the checker: a user's table of errors.

Each is one change to a file that trains; each must be told with file, line, key and remedy, and leave nothing behind.
"""
import effsr  # noqa: F401  installs the bridge

# isort: split
import sys
from typing import NamedTuple

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


def change(text: str, **lines: str | None) -> str:
    raise NotImplementedError


def edit(text: str, changes: dict) -> str:
    """The text with some of its lines, each found by its words, replaced by other lines or (None) taken out."""
    lines = text.splitlines()
    for old, new in changes.items():
        found = [number for number, line in enumerate(lines) if line.strip() == old.strip()]
        if old.startswith(' '):
            found = [number for number in found if lines[number] == old]
        assert len(found) == 1, (old, found)
        indent = lines[found[0]][:-len(lines[found[0]].lstrip())] if lines[found[0]].startswith(' ') else ''
        lines[found[0]:found[0] + 1] = [] if new is None else [indent + line for line in new.split('\n')]
    return '\n'.join(lines) + '\n'


GAN = edit(STAGE1, {
    'model_type: RealESRNetModel': 'model_type: RealESRGANModel',
    'path:': 'network_d:\n  type: UNetDiscriminatorSN\n  num_in_ch: 3\n  num_feat: 4  # of d\npath:',
    'scheduler:': 'optim_d:\n  type: Adam  # of d\n  lr: 1e-4\nscheduler:',
    'pixel_opt:': 'gan_opt:\n  type: GANLoss\n  gan_type: vanilla\npixel_opt:'})
# BasicSR's own model, datasets, network and metric.
BASICSR = edit(STAGE1, {
    'model_type: RealESRNetModel': 'model_type: SRModel',
    'type: RealESRGANDataset': 'type: PairedImageDataset_basicsr\ndataroot_lq: train_lq\nio_backend: {type: disk}\n'
                               'gt_size: 16  # of pairs\nuse_rot: true\nphase: train',
    'crop_pad_size: 24': None,
    'type: DegradedDataset': 'type: PairedImageDataset_basicsr  # val\ndataroot_lq: val_lq\nio_backend: {type: disk}  # val',
    'gt_size: 16': None, 'queue_size: 0': None, 'degradation:': None, 'blur_kernel_size: 7': None,
    'jpeg_range: [40, 95]': None,
    'type: SRVGGNetCompact': 'type: MSRResNet', 'num_conv: 1': 'num_block: 1',
    'type: calculate_psnr': 'type: calculate_psnr_basicsr'})
PLUGIN = edit(STAGE1, {
    'manual_seed: 3': 'manual_seed: 3\nimport: [planted_parts]',
    'type: RealESRGANDataset': 'type: PlantedData\ngain: 0.5',
    'crop_pad_size: 24': None, 'use_hflip: true': None,
    'type: SRVGGNetCompact': 'type: PlantedNet', 'num_feat: 4': 'width: 2', 'num_conv: 1': None,
    'type: L1Loss': 'type: PlantedLoss', 'loss_weight: 1.0': 'strength: 0.5'})
