"""Mistakes users make: one line with file or key and remedy, exit status 1, nothing created or archived."""
import effsr

# isort: split
import shutil
from pathlib import Path

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from PIL import Image

import effsr.test
import effsr.train
from effsr.runtime.checkpoint import save_atomic

NET = {'num_feat': 4, 'num_conv': 1, 'upscale': 2}


def tree(root):
    """Every file and folder below root; what is behind links is left out."""
    return {path.relative_to(root): path.read_bytes() if path.is_file() else None for path in root.rglob('*')}


def save_net(path, **changes):
    net = ARCH_REGISTRY.get('SRVGGNetCompact')(**{**NET, **changes})
    save_atomic({'params': net.state_dict()}, path)


def train_set(**entries):
    return {'datasets': {'train': entries}}


def section(**entries):
    return {'train': entries}


def weights(path, **more):
    return {'path': {'pretrain_network_g': path, **more}}


# name -> (changes to the tiny option file, what the message says, GAN?)
MISTAKES = {
    'missing folder': (train_set(dataroot_gt='nowhere'), 'nowhere: no such folder', False),
    'empty folder': (train_set(dataroot_gt='empty'), 'empty: no image in this folder', False),
    'folder is a file': (train_set(dataroot_gt='options.yml'), 'options.yml: is a file', False),
    'small image': (train_set(dataroot_gt='small'), 'small/one.png: 20x20 is smaller than ', False),
    'truncated image': (train_set(dataroot_gt='truncated'), 'truncated/one.png: ', False),
    'text named png': (train_set(dataroot_gt='text'), 'text/one.png: ', False),
    'few images': (train_set(batch_size_per_gpu=31), 'lower batch_size_per_gpu', False),
    'unknown dataset': (train_set(type='RealESRGANDatset'), 'RealESRGANDatset', False),
    'unknown dataset key': (train_set(crop_size=3), 'crop_size', False),
    'a dataset without lq': ({'high_order_degradation': False}, 'set high_order_degradation: true', False),
    'crop larger than the image': ({'gt_size': 32}, 'gt_size 32 does not fit into crop_pad_size 24', False),
    'pool smaller than a batch': ({'queue_size': 4}, 'queue_size: a pool of 4 pairs', False),
    'missing weights': (weights('no.pth'), 'no.pth: no such file', False),
    'other architecture': (weights('rrdb.pth'), 'rrdb.pth: does not fit SRVGGNetCompact', False),
    'other scale': (weights('x4.pth'), 'x4.pth: does not fit SRVGGNetCompact: it looks like weights for another scale',
                    False),
    'truncated weights': (weights('cut.pth'), 'cut.pth: truncated', False),
    'weights are a picture': (weights('val/00.png'), 'val/00.png: not a PyTorch checkpoint', False),
    'missing weights of d': ({'path': {'pretrain_network_d': 'no_d.pth'}}, 'no_d.pth: no such file', True),
    'state is no state': ({'path': {'resume_state': 'x4.pth'}}, 'x4.pth: is no training state', False),
    'unknown network': ({'network_g': {'type': 'SRVGG'}}, 'no network is called SRVGG', False),
    'unknown network_d': ({'network_d': {'type': 'UNet'}}, 'no network is called UNet', True),
    'wrong network argument': ({'network_g': {'depth': 3}}, 'depth', False),
    'wrong network value': ({'network_g': {'num_feat': -1}}, 'network_g: SRVGGNetCompact: ', False),
    'network of another scale': ({'network_g': {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_conv': ...,
                                                'num_block': 1, 'upscale': ...}}, 'upscale: is not given', False),
    'network for grey': ({'network_g': {'num_in_ch': 1}}, 'network_g: SRVGGNetCompact cannot take an image', False),
    'crop that d refuses': ({'gt_size': 20}, 'network_d: UNetDiscriminatorSN cannot take', True),
    'unknown loss': (section(pixel_opt={'type': 'L3Loss'}), 'no loss is called L3Loss', False),
    'unknown gan type': (section(gan_opt={'gan_type': 'waffle'}), 'waffle', True),
    'unknown optimizer': (section(optim_g={'type': 'Adaam'}), 'called Adaam; did you mean Adam?', False),
    'unknown scheduler': (section(scheduler={'type': 'Cosine'}), 'no schedule is called Cosine', False),
    'schedule too short': (section(scheduler={'type': 'CosineAnnealingRestartLR', 'periods': [2]}),
                           'train.scheduler.periods', False),
    'unknown metric': ({'val': {'metrics': {'psnr': {'type': 'psnr'}}}}, 'called psnr;', False),
    'wrong metric argument': ({'val': {'metrics': {'psnr': {'border': 4}}}}, 'psnr.border: unknown', False),
    'unknown model': ({'model_type': 'RealESRNet'}, 'no model is called RealESRNet', False),
    'no train section': ({'train': ...}, 'train', False),
    'no train set': ({'datasets': {'train': ...}}, 'datasets', False),
    'no total_iter': ({'train': {'total_iter': ...}}, 'train.total_iter', False),
    'training set to validate with': ({'datasets': {'val': {'type': 'RealESRGANDataset', 'crop_pad_size': 24}}},
                                      'datasets.val: gives no lq', False),
    'two validation sets of one name': ({'datasets': {'val_2': {
        'name': 'held_out', 'type': 'DegradedDataset', 'dataroot_gt': 'val'}}}, 'held_out', False),
    'missing plugin': ({'import': ['my_plugin_that_is_not_here']}, 'import.0: my_plugin_that_is_not_here', False),
    'broken plugin': ({'import': ['broken_plugin']}, 'ZeroDivisionError', False),
    'a name with a slash': ({'name': 'a/b'}, 'no plain folder name', False),
    'wandb that is not there': ({'logger': {'wandb': {'project': 'p'}}}, 'logger.', False),
}


@pytest.fixture
def work(tmp_path, monkeypatch, write_options):
    """A working directory with a finished run and material for mistakes."""
    monkeypatch.chdir(tmp_path)
    for name, size in (('small', 20), ('truncated', 64), ('text', None), ('empty', None)):
        Path(name).mkdir()
        if size:
            Image.effect_noise((size, size), 99).convert('RGB').save(f'{name}/one.png')
    Path('truncated/one.png').write_bytes(Path('truncated/one.png').read_bytes()[:3000])
    Path('text/one.png').write_text('no picture')
    save_net('x4.pth', upscale=4)
    save_atomic({'params': torch.nn.Linear(2, 2).state_dict()}, 'rrdb.pth')
    save_net('good.pth')
    Path('cut.pth').write_bytes(Path('good.pth').read_bytes()[:1000])
    Path('broken_plugin.py').write_text('1 / 0\n')
    write_options(tmp_path)
    Path('experiments/tiny').mkdir(parents=True)
    Path('experiments/tiny/of_an_earlier_run.txt').write_text('keep')
    monkeypatch.setattr('sys.dont_write_bytecode', True)
    return tmp_path


def refused(call, argv, says, capsys, work):
    before = tree(work)
    assert call(argv) == 1
    err = capsys.readouterr().err
    assert says in err.replace('\\', '/')
    assert len(err.strip().splitlines()) == 1 and 'Traceback' not in err
    assert tree(work) == before


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_is_told_in_one_line_and_nothing_is_touched(mistake, work, write_options, capsys):
    changes, says, gan = MISTAKES[mistake]
    options = write_options(work, {'name': 'tiny', **changes}, gan)
    refused(effsr.train.main, ['-opt', options], says, capsys, work)


def test_missing_option_file(work, capsys):
    for main in (effsr.train.main, effsr.test.main):
        refused(main, ['-opt', 'no.yml'], 'no.yml: no such option file', capsys, work)


@pytest.mark.parametrize('entry', ['train:total_iter', 'train:total_itr=3', 'train:total_iter=[', 'train:total_iter=0'])
def test_a_wrong_override(entry, work, capsys):
    refused(effsr.train.main, ['-opt', 'options.yml', '--force_yml', entry], 'total_it', capsys, work)


@pytest.mark.parametrize(('changes', 'says'), [
    ({'datasets': {'train': {}, 'val': ...}, **weights('good.pth')}, 'datasets: no test set'),
    ({}, 'path.pretrain_network_g: missing'),
    (weights('x4.pth'), 'x4.pth: does not fit'),
    ({**weights('good.pth'), 'val': {'metrics': {'psnr': {'type': 'psnr'}}}}, 'called psnr;'),
])
def test_mistakes_in_testing(changes, says, work, write_options, capsys):
    options = write_options(work, changes)
    refused(effsr.test.main, ['-opt', options], says, capsys, work)


def test_a_state_past_the_end(work, write_options, capsys):
    options = write_options(work, {'name': 'done'})
    assert effsr.train.main(['-opt', options]) == 0
    capsys.readouterr()
    refused(effsr.train.main, ['-opt', options, '--auto_resume', '--force_yml', 'train:total_iter=3'],
            '6.state: is of iteration 6, past train: total_iter 3', capsys, work)
    Path('experiments/done/models/net_g_6.pth').unlink()
    refused(effsr.train.main, ['-opt', options, '--auto_resume'], 'net_g_6.pth: no such file', capsys, work)


def test_a_working_directory_that_cannot_be_written_to(work, write_options, capsys):
    # Root may write to any folder; none may make one below a file.
    shutil.rmtree('experiments')
    Path('experiments').write_text('a file')
    refused(effsr.train.main, ['-opt', write_options(work)], 'experiments', capsys, work)


def test_started_by_torchrun_without_the_launcher(work, monkeypatch, capsys):
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'none')
    refused(effsr.train.main, ['-opt', 'options.yml'], 'add --launcher pytorch', capsys, work)


def test_a_wrong_flag_is_argparses_affair(capsys):
    with pytest.raises(SystemExit) as caught:
        effsr.train.main(['--option', 'x.yml'])
    assert caught.value.code == 2
