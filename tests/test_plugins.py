"""A user's own architecture, dataset and model, by `import:` or dropped into a folder of effsr."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from effsr.options import OptionError, load_options
from effsr.runtime.checkpoint import load_file

ROOT = Path(__file__).parents[1]

ARCH = """
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

@ARCH_REGISTRY.register()
class MyNet(nn.Sequential):
    def __init__(self, width, upscale):
        super().__init__(nn.Conv2d(3, 3 * width, 3, padding=1), nn.Conv2d(3 * width, 3 * upscale ** 2, 1),
                         nn.PixelShuffle(upscale))
"""
REST = '''
import random
from pathlib import Path
import numpy as np
import torch
from basicsr.utils.registry import DATASET_REGISTRY, MODEL_REGISTRY
from PIL import Image
from effsr.models.realesrnet_model import RealESRNetModel

@DATASET_REGISTRY.register()
class MyDataset(torch.utils.data.Dataset):
    """Knows nothing of effsr: a plain index, global random state."""

    def __init__(self, opt):
        self.opt = opt
        self.paths = sorted(Path(opt['dataroot_gt']).iterdir())

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        assert type(index) is int
        picture = np.asarray(Image.open(self.paths[index]), np.float32) / 255
        top, left = random.randrange(9), np.random.randint(9)
        gt = torch.from_numpy(picture[top:top + 24, left:left + 24].copy()).permute(2, 0, 1)
        return {'gt': torch.flip(gt, [2]) if torch.rand(1) < 0.5 else gt}

@MODEL_REGISTRY.register()
class MyModel(RealESRNetModel):
    def get_current_log(self):
        return {**super().get_current_log(), 'mine': 1.0}
'''
OPTIONS = {'model_type': 'MyModel', 'network_g': {'type': 'MyNet', 'width': 2, 'num_feat': ..., 'num_conv': ...},
           'datasets': {'train': {'type': 'MyDataset', 'crop_pad_size': ...}}, 'logger': {'use_tb_logger': False}}


def python(*argv, cwd, path):
    env = {**os.environ, 'PYTHONPATH': str(path), 'OMP_NUM_THREADS': '1'}
    return subprocess.run([sys.executable, *map(str, argv)], cwd=cwd, env=env, capture_output=True, text=True,
                          timeout=120)


def test_a_module_named_under_import(tmp_path, write_options):
    (tmp_path / 'my_parts.py').write_text(ARCH + REST)
    weights = {}
    for name, workers in (('alone', 0), ('workers', 2)):
        train = {**OPTIONS['datasets']['train'], 'num_worker_per_gpu': workers}
        options = write_options(tmp_path, {**OPTIONS, 'name': name, 'import': ['my_parts'],
                                           'datasets': {'train': train}, 'train': {'total_iter': 4}})
        done = python(ROOT / 'effsr/train.py', '-opt', options, cwd=tmp_path, path='')
        assert done.returncode == 0, done.stderr
        assert 'mine 1.0000' in done.stdout
        weights[name] = load_file(tmp_path / f'experiments/{name}/models/net_g_latest.pth')['params']
    # The command that the run prints last finds the user's network too.
    command = done.stdout.splitlines()[-1].split()
    assert command[:3] == ['next', 'python', 'effsr/upscale.py'] and command[-2:] == ['--import', 'my_parts']
    upscale = ROOT / 'effsr/upscale.py', '-i', 'val', '-m', 'experiments/alone/models/net_g_latest.pth'
    used = python(*upscale, '--import', 'my_parts', cwd=tmp_path, path='')
    assert (used.returncode, used.stderr) == (0, '')
    lacking = python(*upscale, cwd=tmp_path, path='')
    assert lacking.returncode == 1 and '--import MODULE' in lacking.stderr
    for key, value in weights['alone'].items():
        assert torch.equal(value, weights['workers'][key])


def test_a_module_alone_needs_no_list(tmp_path, monkeypatch, plain_options):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', [*sys.path])
    (tmp_path / 'named_alone.py').write_text(ARCH.replace('MyNet', 'NetNamedAlone'))
    for text in ('named_alone', 'not_there'):
        changed = plain_options({'import': text})
        changed['network_g'] = {'type': 'NetNamedAlone', 'width': 2, 'upscale': 2}
        (tmp_path / f'{text}.yml').write_text(yaml.safe_dump(changed))
    options = load_options('named_alone.yml', check_files=False)
    assert options.import_ == ('named_alone',) and options.network_g.type == 'NetNamedAlone'
    with pytest.raises(OptionError, match=r'not_there\.yml:\d+: import: not_there: ModuleNotFoundError'):
        load_options('not_there.yml', check_files=False)


@pytest.mark.slow
def test_a_file_dropped_into_archs_registers_by_itself(tmp_path, write_options):
    shutil.copytree(ROOT / 'effsr', tmp_path / 'copy/effsr', ignore=shutil.ignore_patterns('__pycache__'))
    (tmp_path / 'copy/effsr/archs/mine_arch.py').write_text(ARCH)
    (tmp_path / 'copy/effsr/models/mine_model.py').write_text(REST)
    options = write_options(tmp_path, {**OPTIONS, 'train': {'total_iter': 2}})
    done = python(tmp_path / 'copy/effsr/train.py', '-opt', options, cwd=tmp_path, path='')
    assert done.returncode == 0, done.stderr
    assert 'network_g: MyNet' in done.stdout


@pytest.mark.slow
def test_data_workers_that_are_spawned(tmp_path, write_options):
    """As on macOS and Windows: a worker imports the entry file anew, and gets the run's classes and options pickled."""
    (tmp_path / 'spawned.py').write_text('from multiprocessing import set_start_method as start\n'
                                         "start('spawn', force=True)\n")
    weights = {}
    for where in ('device', 'workers'):
        changes = {'name': where, 'import': ['spawned'], 'train': {'total_iter': 2}, 'val': ...,
                   'degradation': {'where': where}, 'datasets': {'train': {'num_worker_per_gpu': 1}, 'val': ...}}
        done = python(ROOT / 'effsr/train.py', '-opt', write_options(tmp_path, changes), cwd=tmp_path, path=tmp_path)
        assert done.returncode == 0, done.stderr
        weights[where] = load_file(tmp_path / f'experiments/{where}/models/net_g_latest.pth')['params']
    assert weights['device'].keys() == weights['workers'].keys()
