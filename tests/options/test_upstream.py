"""Option files of Real-ESRGAN's and BasicSR's shape: they load unchanged, train and test here on a CPU."""
import effsr

# isort: split
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from PIL import Image

import effsr.test
import effsr.train
from effsr.options import OptionError, load_options

FOLDER = Path(__file__).parent / 'upstream'
FILES = sorted(FOLDER.glob('*.yml'))
TRAIN = [path for path in FILES if not path.stem.startswith('test_')]
TEST = [path for path in FILES if path.stem.startswith('test_')]
SMALL = ['num_gpu=0', 'train:total_iter=2', 'network_g:num_feat=4', 'network_g:num_block=1', 'logger:print_freq=1',
         'logger:use_tb_logger=false', 'datasets:train:num_worker_per_gpu=0', 'datasets:train:batch_size_per_gpu=2',
         'datasets:train:dataset_enlarge_ratio=1', 'path:pretrain_network_g=~', 'path:pretrain_network_d=~',
         'train:perceptual_opt=~']


@pytest.fixture
def messages(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_all_of_them_are_there():
    assert {path.stem for path in FILES} >= {
        'train_realesrnet_x4plus', 'train_realesrnet_x2plus', 'train_realesrgan_x4plus', 'train_realesrgan_x2plus',
        'finetune_realesrgan_x4plus', 'finetune_realesrgan_x4plus_pairdata', 'train_MSRResNet_x4', 'train_ESRGAN_x4',
        'train_RRDBNet_PSNR_x4', 'test_MSRResNet_x4', 'test_ESRGAN_x4', 'test_RRDBNet_PSNR_x4'}


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_loads_unchanged(path, messages):
    options = load_options(path, check_files=False)
    assert options.model_type in ('RealESRNetModel', 'RealESRGANModel', 'SRModel', 'ESRGANModel')
    old = {'train_RRDBNet_PSNR_x4': 3, 'test_ESRGAN_x4_woGT': 2}
    found = [line for line in messages() if not line.startswith('num_gpu')]
    assert len(found) == old.get(path.stem, 0)


def test_old_names_are_said(messages):
    path = FOLDER / 'train_RRDBNet_PSNR_x4.yml'
    options = load_options(path, check_files=False)
    assert options.datasets['train'].use_hflip is True
    text = path.read_text().splitlines()
    line = text.index('    use_flip: true') + 1
    assert (f'{path}:{line}: datasets.train.use_hflip: given as use_flip, its name in older versions of BasicSR; write '
            'use_hflip') in messages()
    assert [line.split(': ')[1] for line in messages() if 'given as' in line] == [
        'datasets.train.use_hflip', 'path.pretrain_network_g', 'path.strict_load_g']


@pytest.mark.parametrize(('override', 'message'), [
    ('datasets:train:use_shuffle=false', 'datasets.train.use_shuffle: has no effect here: training is always shuffled'),
    ('datasets:train:prefetch_mode=cuda', 'datasets.train.prefetch_mode: has no effect here: num_worker_per_gpu'),
    ('datasets:train:mean=[0, 0, 0]', 'datasets.train.mean: has no effect here: images stay in [0, 1]'),
])
def test_keys_without_effect_are_said(override, message, messages):
    load_options(FOLDER / 'train_ESRGAN_x4.yml', [override], check_files=False)
    assert any(line.startswith(f'--force_yml: {message}') for line in messages())


@pytest.mark.parametrize(('override', 'message'), [
    ('datasets:train:io_backend:type=petrel', "--force_yml: datasets.train.io_backend.type: type 'petrel' is not read "
                                              'here; accepted: auto, disk, lmdb, packed, shards'),
    ('datasets:train:mean=[0.5, 0.5, 0.5]', '--force_yml: datasets.train.mean: images stay in [0, 1] here; take it ou'),
    ('datasets:train:color=y', '--force_yml: datasets.train.color: images are RGB here; take it out'),
    ('datasets:train:use_flip=true', '--force_yml: datasets.train.use_flip: is the old name of use_hflip, which is'),
])
def test_what_cannot_be_had_is_an_error(override, message):
    with pytest.raises(OptionError) as caught:
        load_options(FOLDER / 'train_ESRGAN_x4.yml', [override], check_files=False)
    assert str(caught.value).startswith(message)


def write_pairs(root, count, side, scale, tmpl='{}'):
    rng = np.random.default_rng(0)
    for folder in ('gt', 'lq'):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        picture = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))
        picture.save(root / 'gt' / f'{number}.png')
        picture.resize((side // scale, side // scale)).save(root / 'lq' / f'{tmpl.format(number)}.png')


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(main, path, overrides): the exit status of a small run in its own folder."""
    monkeypatch.chdir(tmp_path)

    def start(main, path, *overrides):
        return main(['-opt', str(path), '--force_yml', *overrides])
    return start


@pytest.mark.filterwarnings('ignore::UserWarning:torchvision', 'ignore:Detected call of `lr_scheduler:UserWarning')
@pytest.mark.parametrize('path', TRAIN, ids=lambda path: path.stem)
def test_trains(path, run, tmp_path):
    loaded = load_options(path, check_files=False)
    paired = 'realesr' not in path.stem or 'pairdata' in path.stem
    side = 128 if 'ESRGAN_x4' in path.stem else 32
    # NIQE cannot judge small pictures.
    write_pairs(tmp_path / 'data', 3, 256 if loaded.val is not None else max(side, 40), loaded.scale)
    overrides = [*SMALL, 'datasets:train:dataroot_gt=data/gt', f'datasets:train:gt_size={side}']
    if paired:
        overrides.append('datasets:train:dataroot_lq=data/lq')
    else:
        overrides += ['gt_size=32', 'datasets:train:crop_pad_size=40', 'queue_size=0', 'datasets:train:meta_info=~']
    if 'pairdata' in path.stem:
        Path('pairs.txt').write_text(''.join(f'gt/{i}.png, lq/{i}.png\n' for i in range(3)))
        overrides += ['datasets:train:dataroot_gt=data', 'datasets:train:dataroot_lq=data',
                      'datasets:train:meta_info=pairs.txt']
    if 'MSRResNet' in path.stem:
        Path('list.txt').write_text(''.join(f'{i}.png (40,40,3)\n' for i in range(3)))
        overrides.append('datasets:train:meta_info_file=list.txt')
    for key in loaded.datasets:
        if key != 'train':
            overrides += [f'datasets:{key}:dataroot_gt=data/gt', f'datasets:{key}:dataroot_lq=data/lq']
    if loaded.network_d is not None:
        overrides.append('network_d:num_feat=4')
    assert run(effsr.train.main, path, *overrides) == 0
    assert (tmp_path / 'experiments' / loaded.name / 'models/net_g_latest.pth').is_file()


@pytest.mark.parametrize('path', TEST, ids=lambda path: path.stem)
def test_tests(path, run, tmp_path):
    loaded = load_options(path, check_files=False)
    overrides = ['num_gpu=0', 'network_g:num_feat=4', 'network_g:num_block=1', 'path:pretrain_network_g=w.pth']
    for number, (key, dataset) in enumerate(loaded.datasets.items()):
        tmpl = (dataset.model_extra or {}).get('filename_tmpl', '{}')
        write_pairs(tmp_path / str(number), 2, 40, 4, tmpl)
        overrides.append(f'datasets:{key}:dataroot_lq={number}/lq')
        if dataset.dataroot_gt is not None:
            overrides.append(f'datasets:{key}:dataroot_gt={number}/gt')
    network = loaded.network_g
    net = ARCH_REGISTRY.get(network.type)(**{**network.arguments, 'num_feat': 4, 'num_block': 1})
    torch.save({'params': net.state_dict()}, tmp_path / 'w.pth')
    assert run(effsr.test.main, path, *overrides) == 0
    assert len(list((tmp_path / 'results').rglob('*.png'))) == 2 * len(loaded.datasets)
