"""SRGAN's and ESRGAN's recipes as they are shipped, cut down: trained, resumed, tested, interpolated, upscaled."""
import effsr

# isort: split
import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

import effsr.interpolate
import effsr.test
import effsr.train
import effsr.upscale
from effsr.options import load_options, to_plain
from effsr.runtime.checkpoint import load_file

RECIPES = Path(__file__).parents[1] / 'options'
SMALL = ['num_gpu=0', 'datasets:train:num_worker_per_gpu=0', 'datasets:train:persistent_workers=false',
         'datasets:train:batch_size_per_gpu=2', 'train:total_iter=4', 'val:val_freq=4', 'logger:print_freq=1',
         'logger:save_checkpoint_freq=2', 'logger:use_tb_logger=false', 'network_g:num_feat=8', 'network_g:num_block=1']
GAN = ['train:perceptual_opt=~', 'network_d:num_feat=2']
RRDB = ['datasets:train:dataroot_gt=datasets/train', 'datasets:val:dataroot_gt=datasets/val', 'network_g:num_grow_ch=4']
SRGAN = [*GAN, 'gt_size=32', 'network_d:input_size=32', 'network_d:num_dense=8']
# First stage, what is smaller in it; second stage, what is smaller in that.
PAIRS = {
    'SRGAN x2': ('train_srresnet_x2', ['gt_size=32'], 'train_srgan_x2', SRGAN),
    'SRGAN x4': ('train_srresnet_x4', ['gt_size=32'], 'train_srgan_x4', SRGAN),
    'ESRGAN': ('train_rrdb_psnr_x4', [*RRDB, 'gt_size=32'], 'train_esrgan_div2k_x4', [*RRDB, *GAN]),
    'ESRGAN, U-Net': ('train_rrdb_psnr_x4', [*RRDB, 'gt_size=32'], 'train_esrgan_div2k_x4', [
        *RRDB, 'train:perceptual_opt=~', 'gt_size=32',
        'network_d={type: UNetDiscriminatorSN, num_in_ch: 3, num_feat: 4}']),
}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working directory with photographs where the recipes look for them."""
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    for folder, count, side in (('train', 5, 136), ('val', 1, 48)):
        (tmp_path / 'datasets' / folder).mkdir(parents=True)
        for number in range(count):
            small = torch.randint(0, 256, (9, 9, 3), generator=generator, dtype=torch.uint8)
            picture = Image.fromarray(small.numpy()).resize((side, side), Image.Resampling.BICUBIC)
            picture.save(tmp_path / 'datasets' / folder / f'{number}.png')
    return tmp_path


def train(recipe, changes, *more):
    """Train a recipe in the working directory, which no warning may interrupt."""
    command = ['-opt', str(RECIPES / f'{recipe}.yml'), '--force_yml', *SMALL, *changes, *more]
    assert effsr.train.main(command) == 0
    return load_file(f'experiments/{recipe}/models/net_g_latest.pth')


def resume(recipe, changes):
    """Go on from the middle of a run under another name; the weights at the end are the same, bit for bit."""
    again = ['name=again', f'path:resume_state=experiments/{recipe}/training_states/2.state']
    assert effsr.train.main(['-opt', str(RECIPES / f'{recipe}.yml'), '--force_yml', *SMALL, *changes, *again]) == 0
    for file in Path(f'experiments/{recipe}/models').glob('net_?_4.pth'):
        first, second = load_file(file), load_file(Path('experiments/again/models') / file.name)
        for entry in first:
            for name, value in first[entry].items():
                assert torch.equal(second[entry][name], value), f'{file.name}: {entry}: {name}'


def score(recipe, changes, weights):
    """Test weights on the recipe's validation set, and give the PSNR."""
    plain = to_plain(load_options(RECIPES / f'{recipe}.yml', [*SMALL, *changes], check_files=False))
    plain = {key: plain[key] for key in ('model_type', 'scale', 'num_gpu', 'network_g', 'val')} | {
        'name': 'scored', 'path': {'pretrain_network_g': weights},
        'datasets': {'test_1': {'type': 'SuperResolutionDataset', 'dataroot_gt': 'datasets/val'}}}
    Path('test.yml').write_text(yaml.safe_dump(plain), encoding='utf-8')
    assert effsr.test.main(['-opt', 'test.yml']) == 0
    rows = [json.loads(line) for line in Path('results/scored/metrics.jsonl').read_text().splitlines()]
    return next(row['value'] for row in rows if row['metric'] == 'psnr_y')


@pytest.mark.parametrize('pair', PAIRS)
def test_both_stages(pair, work, capsys):
    first, small_first, second, small_second = PAIRS[pair]
    start = train(first, small_first)
    assert f'next         python effsr/train.py -opt options/{second}.yml' in capsys.readouterr().out
    resume(first, small_first)
    weights = train(second, small_second)
    out = capsys.readouterr().out
    assert all(name in out for name in ('l_g_pix', 'l_g_gan', 'l_d_real', 'l_d_fake', 'psnr_y'))
    resume(second, small_second)
    assert set(start) == set(weights) == {'params', 'params_ema'}
    assert any(not torch.equal(weights['params'][name], start['params'][name]) for name in weights['params'])
    latest = f'experiments/{second}/models/net_g_latest.pth'
    metrics = [json.loads(line) for line in Path(f'experiments/{second}/metrics.jsonl').read_text().splitlines()]
    trained = next(row['value'] for row in metrics if row['metric'] == 'psnr_y' and row['iter'] == 4)
    assert score(second, small_second, latest) == pytest.approx(trained, abs=1e-9)
    between = [f'experiments/{first}/models/net_g_latest.pth', latest, '--alpha', '0.8', '-o', 'between.pth']
    assert effsr.interpolate.main(between) == 0
    scale = int(second[-1])
    for name in (latest, 'between.pth'):
        assert effsr.upscale.main(['-i', 'datasets/val/0.png', '-m', name, '--overwrite']) == 0
        with Image.open('results/0_out.png') as picture:
            assert picture.size == (48 * scale, 48 * scale)


@pytest.mark.parametrize(('changes', 'message'), [
    (['gt_size=48'], 'network_d: SRGANDiscriminator cannot take an image of (3, 48, 48): SRGANDiscriminator: the input '
                     'is 48 x 48 (height x width), input_size is 32'),
    (['network_d:input_size=40'], 'network_d: SRGANDiscriminator: SRGANDiscriminator: input_size is 40; accepted: what '
                                  '16 divides, such as 32'),
    (['network_g:upscale=4'], 'network_g.upscale: is 4, but scale is 2; make them the same'),
    (['path:pretrain_network_g=none.pth'], 'path.pretrain_network_g: '),
    (['train:gan_opt=~'], 'train.gan_opt: missing; SRGANModel requires it'),
])
def test_what_does_not_fit_is_told_before_training(changes, message, work, capsys):
    command = ['-opt', str(RECIPES / 'train_srgan_x2.yml'), '--force_yml', *SMALL, *SRGAN, 'path:pretrain_network_g=~']
    assert effsr.train.main([*command, *changes]) == 1
    err = capsys.readouterr().err
    assert message in err and 'Traceback' not in err
    assert not Path('experiments').exists()


def test_epochs(work, capsys):
    """Two passes over five photographs in batches of two are four iterations: the fifth photograph is left out."""
    recipe, small = 'train_rrdb_psnr_x4', [*RRDB, 'gt_size=32']
    command = ['-opt', str(RECIPES / f'{recipe}.yml'), '--force_yml', *SMALL, *small]
    assert effsr.train.main([*command, 'name=by_number']) == 0
    assert effsr.train.main([*[entry for entry in command if entry != 'train:total_iter=4'], 'name=by_epochs',
                             'train:epochs=2']) == 0
    out = capsys.readouterr().out
    assert 'train: epochs: 2 makes total_iter 4' in out and out.count('trained      4 iterations') == 2
    one, two = (load_file(f'experiments/by_{name}/models/net_g_latest.pth')['params'] for name in ('number', 'epochs'))
    assert all(torch.equal(one[name], two[name]) for name in one)
    written = yaml.safe_load(Path('experiments/by_epochs/options.yml').read_text())
    assert (written['train']['total_iter'], written['train']['epochs']) == (4, None)
    assert written['train']['scheduler']['periods'] == [4]
    assert effsr.train.main(['-opt', 'experiments/by_epochs/options.yml', '--check']) == 0
