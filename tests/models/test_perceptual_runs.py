"""Perceptual losses in whole runs from an option file; what is refused before one starts."""
import effsr

# isort: split
import re

import pytest
import torch
import torchvision

import effsr.train
from effsr.options import OptionError, load_options

LAYERS = {'conv1_1': 1.0, 'relu2_1': 0.5}


@pytest.fixture
def weights(tmp_path):
    """Files in torchvision's layout with random but fixed weights."""
    generator = torch.Generator().manual_seed(0)
    paths = {}
    for name, most in (('vgg11', 4), ('alexnet', 11)):
        with torch.device('meta'):
            features = torchvision.models.get_model(name).features
        paths[name] = str(tmp_path / f'{name}.pth')
        torch.save({f'features.{key}': torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
                    for key, value in features.state_dict().items() if int(key.split('.')[0]) < most}, paths[name])
    return paths


def vgg(files, **changes):
    return {'type': 'PerceptualLoss', 'vgg_type': 'vgg11', 'layer_weights': LAYERS, 'style_weight': 2.0,
            'weights': files['vgg11'], **changes}


@pytest.mark.parametrize('gan', [False, True])
def test_a_run_and_the_names_in_its_log(tmp_path, monkeypatch, write_options, gan, weights, capsys):
    monkeypatch.chdir(tmp_path)
    options = write_options(tmp_path, {'train': {'perceptual_opt': vgg(weights)}}, gan)
    assert effsr.train.main(['-opt', options]) == 0
    printed = capsys.readouterr().out
    prefix = 'l_g_' if gan else 'l_'
    assert f'{prefix}percep ' in printed and f'{prefix}style ' in printed


def test_layers_by_number_in_an_option_file(tmp_path, monkeypatch, write_options, weights):
    monkeypatch.chdir(tmp_path)
    changes = vgg(weights, layer_weights=..., vgg_type=..., backbone='torchvision:vgg11', layers={0: 1.0, 3: 0.5})
    options = {key: value for key, value in changes.items() if value is not ...}
    assert effsr.train.main(['-opt', write_options(tmp_path, {'train': {'perceptual_opt': options}})]) == 0


def test_lpips_in_a_run(tmp_path, monkeypatch, write_options, weights, capsys):
    pytest.importorskip('lpips')
    monkeypatch.chdir(tmp_path)
    loss = {'type': 'LPIPSLoss', 'net': 'alex', 'weights': weights['alexnet'], 'loss_weight': 0.1}
    changes = {'gt_size': 32, 'datasets': {'train': {'crop_pad_size': 32}}, 'train': {'perceptual_opt': loss}}
    assert effsr.train.main(['-opt', write_options(tmp_path, changes)]) == 0
    assert 'l_percep ' in capsys.readouterr().out
    changes['gt_size'] = 16
    assert effsr.train.main(['-opt', write_options(tmp_path, changes)]) == 1
    printed = capsys.readouterr()
    assert re.search('train.perceptual_opt: LPIPSLoss cannot compare pictures of 16 x 16: .*; raise gt_size',
                     printed.err + printed.out)


def trained(plain_options, weights, **train):
    torch.manual_seed(0)
    model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False, 'train': {
        'optim_g': {'type': 'SGD', 'lr': 0.05}, 'perceptual_opt': vgg(weights), **train}}))
    logs = []
    for iteration in (1, 2):
        generator = torch.Generator().manual_seed(iteration)
        model.feed_data({'lq': torch.rand(5, 3, 8, 8, generator=generator),
                         'gt': torch.rand(5, 3, 16, 16, generator=generator)})
        model.optimize_parameters(iteration)
        logs.append(model.get_current_log())
    return model, logs


@pytest.mark.parametrize('criterion', ['l1', 'l2'])
def test_parts_are_the_whole(plain_options, weights, criterion):
    loss = vgg(weights, criterion=criterion)
    whole, logs = trained(plain_options, weights, perceptual_opt=loss)
    split, split_logs = trained(plain_options, weights, perceptual_opt=loss, accumulate=2)
    for key, value in whole.net_g.state_dict().items():
        torch.testing.assert_close(split.net_g.state_dict()[key], value, rtol=0, atol=1e-5)
    for log, split_log in zip(logs, split_logs, strict=True):
        assert split_log == pytest.approx(log, rel=1e-4)


def test_the_loss_does_not_move_what_else_is_drawn(plain_options, weights):
    with_loss, _ = trained(plain_options, weights, optim_g={'type': 'SGD', 'lr': 1e-12})
    without, _ = trained(plain_options, weights, optim_g={'type': 'SGD', 'lr': 1e-12}, perceptual_opt=None)
    for key, value in without.net_g.state_dict().items():
        torch.testing.assert_close(with_loss.net_g.state_dict()[key], value, rtol=0, atol=1e-7)


@pytest.mark.parametrize(('changes', 'says'), [
    ({'layer_weights': {'conv9_1': 1.0}}, r'f.yml:\d+: train.perceptual_opt.layer_weights.conv9_1: no layer of vgg11; '
                                          'did you mean conv'),
    ({'vgg_type': 'vgg11_bn', 'layer_weights': {'bn7_1': 1.0}}, 'layer_weights.bn7_1: no layer of vgg11_bn; did you'),
    ({'vgg_type': 'vgg12'}, 'train.perceptual_opt.vgg_type: is vgg12; accepted: vgg11'),
    ({'criterion': 'l3'}, 'train.perceptual_opt.criterion: is l3; accepted: l1, l2 or fro'),
    ({'weights': 'no.pth'}, r'f.yml:\d+: train.perceptual_opt.weights: no.pth: no such file; mend the path'),
    ({'bakbone': 'timm:x'}, 'train.perceptual_opt.bakbone: .*did you mean backbone'),
    ({'upsample': 3}, r'train.perceptual_opt: PerceptualLoss: upsample is 3; accepted: 1, 2'),
    ({'backbone': 'torchvision:vgg111'}, r'nearest: torchvision:vgg11; accepted: torchvision:NAME or timm:NAME'),
    ({'layer_weights': {'conv5_2': 1.0}}, 'train.perceptual_opt: .*vgg11.pth: does not fit vgg11: conv3_1.weight and '),
])
def test_mistakes_are_told_before_training(tmp_path, monkeypatch, write_options, weights, changes, says, capsys):
    monkeypatch.chdir(tmp_path)
    options = write_options(tmp_path, {'train': {'perceptual_opt': vgg(weights, **changes)}}, name='f.yml')
    assert effsr.train.main(['-opt', options]) == 1
    printed = capsys.readouterr()
    assert re.search(says, printed.err + printed.out), printed
    assert not (tmp_path / 'experiments').exists()


def test_a_crop_that_is_too_small(tmp_path, monkeypatch, write_options, weights, capsys):
    monkeypatch.chdir(tmp_path)
    loss = {'type': 'PerceptualLoss', 'backbone': 'torchvision:alexnet', 'layers': {6: 1.0},
            'weights': weights['alexnet']}
    assert effsr.train.main(['-opt', write_options(tmp_path, {'train': {'perceptual_opt': loss}})]) == 1
    printed = capsys.readouterr()
    assert re.search('train.perceptual_opt: PerceptualLoss cannot compare pictures of 16 x 16: .*; raise gt_size, or '
                     'take earlier layers', printed.err + printed.out)


@pytest.mark.parametrize('loss', ['PerceptualLoss', 'LPIPSLoss', 'DISTSLoss'])
def test_they_are_no_pixel_losses(tmp_path, monkeypatch, write_options, loss):
    monkeypatch.chdir(tmp_path)
    options = write_options(tmp_path, {'train': {'pixel_opt': {'type': loss, 'layer_weights': LAYERS}}})
    with pytest.raises(OptionError, match=f'train.pixel_opt.type: {loss} does not compare two pictures'):
        load_options(options)


def test_weights_are_not_looked_for_by_a_test(tmp_path, monkeypatch, write_options, weights):
    monkeypatch.chdir(tmp_path)
    options = write_options(tmp_path, {'train': {'perceptual_opt': vgg(weights, weights='gone.pth')},
                                       'path': {'pretrain_network_g': weights['vgg11']}})
    assert load_options(options, is_train=False).train.perceptual_opt is not None
