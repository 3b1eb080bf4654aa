"""Tiny runs that many tests share: pictures of 32 pixels, networks of 4 features, option files to write."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

PSNR = {'type': 'calculate_psnr', 'crop_border': 2}
PLAIN = {
    'name': 'tiny', 'model_type': 'RealESRNetModel', 'scale': 2, 'num_gpu': 0, 'manual_seed': 3,
    'datasets': {
        'train': {'name': 'photos', 'type': 'RealESRGANDataset', 'dataroot_gt': 'train', 'crop_pad_size': 24,
                  'batch_size_per_gpu': 8},
        'val': {'name': 'held_out', 'type': 'DegradedDataset', 'dataroot_gt': 'val'}},
    'gt_size': 16, 'queue_size': 0, 'gt_usm': False, 'l1_gt_usm': False, 'percep_gt_usm': False,
    'degradation': {'blur_kernel_size': 7, 'blur_kernel_size2': 7},
    'network_g': {'type': 'SRVGGNetCompact', 'num_feat': 4, 'num_conv': 1, 'upscale': 2},
    'train': {'total_iter': 6, 'ema_decay': 0.5, 'optim_g': {'type': 'Adam', 'lr': 1e-3},
              'pixel_opt': {'type': 'L1Loss'}},
    'val': {'val_freq': 100, 'metrics': {'psnr': PSNR}},
    'logger': {'print_freq': 1, 'save_checkpoint_freq': 100, 'use_tb_logger': False},
}
GAN = {
    'name': 'tiny_gan', 'model_type': 'RealESRGANModel',
    'network_d': {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 4},
    'train': {'optim_d': {'type': 'Adam', 'lr': 1e-3}, 'gan_opt': {'type': 'GANLoss', 'gan_type': 'vanilla',
                                                                   'loss_weight': 0.1}},
}


def merged(base: dict, changes: dict) -> dict:
    """A copy of base in which nested keys are replaced; the value ... takes a key out."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is ...:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


@pytest.fixture(scope='session')
def plain_options():
    """plain_options(changes, gan=False): a plain dict of a tiny run; nested keys replace, ... takes a key out."""
    def make(changes: dict | None = None, gan: bool = False) -> dict:
        return merged(merged(PLAIN, GAN) if gan else PLAIN, changes or {})
    return make


def write_pictures(folder: Path, count: int, side: int, seed: int) -> None:
    """Smooth random pictures, with something for a network to learn."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(folder / f'{number:02}.png')


@pytest.fixture(scope='session')
def pictures(tmp_path_factory) -> Path:
    """A folder with 30 pictures of 32 pixels in train/, 2 of 40 in val/. Not to be written to."""
    root = tmp_path_factory.mktemp('pictures')
    write_pictures(root / 'train', 30, 32, 0)
    write_pictures(root / 'val', 2, 40, 1)
    return root


@pytest.fixture(scope='session')
def write_options(pictures, plain_options):
    """write_options(folder, changes, gan=False): an option file in a working directory, and links to the pictures."""
    def write(folder: Path, changes: dict | None = None, gan: bool = False, name: str = 'options.yml') -> str:
        for part in ('train', 'val'):
            if not (folder / part).exists():
                (folder / part).symlink_to(pictures / part, target_is_directory=True)
        (folder / name).write_text(yaml.safe_dump(plain_options(changes, gan)), encoding='utf-8')
        return name
    return write


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums in another order would differ in their last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
