"""Networks, losses, optimizers and schedules by name; moving average; readable losses."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import socket
import urllib.error

import pytest
import torch
from basicsr.models.lr_scheduler import CosineAnnealingRestartLR, MultiStepRestartLR
from torch import nn

from effsr.models import training
from effsr.options import Component, OptionError

CPU = torch.device('cpu')


def component(**arguments):
    return Component(**arguments)


def refused(match, call, *args):
    with pytest.raises(OptionError, match=match) as caught:
        call(*args)
    assert '\n' not in str(caught.value)


def sgd(lr=1.0):
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr)


def test_an_optimizer_by_name_gets_the_trained_parameters_alone():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    net[1].bias.requires_grad_(False)
    optimizer = training.build_optimizer(component(type='AdamW', lr=0.5, betas=[0.8, 0.9]), net.parameters(), 'optim_g')
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.defaults['lr'] == 0.5 and tuple(optimizer.defaults['betas']) == (0.8, 0.9)
    assert [tuple(p.shape) for p in optimizer.param_groups[0]['params']] == [(3, 2), (3,), (1, 3)]


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'Adaam'}, r'train\.optim_g\.type: torch\.optim has no optimizer called Adaam'),
    ({'type': 'lr_scheduler'}, 'no optimizer called lr_scheduler'),
    ({'type': 'Adam', 'rate': 1}, r'train\.optim_g: Adam: .*rate'),
    ({'type': 'Adam', 'lr': -1.0}, r'train\.optim_g: Adam: .*-1'),
    ({'type': 'Adam', 'lr': 'fast'}, r'train\.optim_g: Adam: '),
])
def test_optimizer_errors(options, match):
    refused(match, training.build_optimizer, component(**options), nn.Linear(1, 1).parameters(), 'optim_g')


def rates(scheduler, optimizer, count):
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(('options', 'cls', 'expected'), [
    (None, torch.optim.lr_scheduler.LambdaLR, [1, 1, 1, 1]),
    ({'type': 'MultiStepLR', 'milestones': [2], 'gamma': 0.5}, MultiStepRestartLR, [1, 1, 0.5, 0.5]),
    ({'type': 'MultiStepRestartLR', 'milestones': [1, 3]}, MultiStepRestartLR, [1, 0.1, 0.1, 0.01]),
    ({'type': 'CosineAnnealingRestartLR', 'periods': [4]}, CosineAnnealingRestartLR, [1, 0.853553, 0.5, 0.146447]),
    ({'type': 'ExponentialLR', 'gamma': 0.5}, torch.optim.lr_scheduler.ExponentialLR, [1, 0.5, 0.25, 0.125]),
    ({'type': 'StepLR', 'step_size': 2}, torch.optim.lr_scheduler.StepLR, [1, 1, 0.1, 0.1]),
])
def test_a_schedule_by_name(options, cls, expected):
    optimizer = sgd()
    scheduler = training.build_scheduler(None if options is None else component(**options), optimizer, 4)
    assert type(scheduler) is cls
    assert rates(scheduler, optimizer, 4) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'MultistepLR'}, r'train\.scheduler\.type: no schedule is called MultistepLR'),
    ({'type': 'Optimizer'}, 'no schedule is called Optimizer'),
    ({'type': 'ExponentialLR'}, r'train\.scheduler: ExponentialLR: .*gamma'),
    ({'type': 'ExponentialLR', 'gamma': 1, 'beta': 2}, r'train\.scheduler: ExponentialLR: .*beta'),
    ({'type': 'ReduceLROnPlateau'}, 'follows a metric'),
    ({'type': 'CosineAnnealingRestartLR', 'periods': [2, 2]}, 'same length'),
    ({'type': 'CosineAnnealingRestartLR', 'periods': [50]}, r'scheduler\.periods: .* ends after 50 iterations'),
    ({'type': 'OneCycleLR', 'max_lr': 1, 'total_steps': 9}, r'scheduler\.total_steps: .* total_iter is 100'),
])
def test_schedule_errors(options, match):
    refused(match, training.build_scheduler, component(**options), sgd(), 100)


def test_a_loss_by_name():
    loss = training.build_loss(component(type='L1Loss', loss_weight=2.0), 'pixel_opt', CPU)
    assert float(loss(torch.zeros(2, 3), torch.full((2, 3), 0.5))) == 1.0
    assert training.build_loss(None, 'pixel_opt', CPU) is None


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'L7Loss'}, r'train\.gan_opt\.type: no loss is called L7Loss; known: .*L1Loss'),
    ({'type': 'GANLoss', 'gan_typ': 'vanilla'}, r'train\.gan_opt: GANLoss: .*accepted: gan_type'),
    ({'type': 'GANLoss', 'gan_type': 'waffle'}, r'train\.gan_opt: GANLoss: NotImplementedError: .*waffle'),
    ({'type': 'L1Loss', 'reduction': 'most'}, r'train\.gan_opt: L1Loss: .*most'),
])
def test_loss_errors(options, match):
    refused(match, training.build_loss, component(**options), 'gan_opt', CPU)


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'EfficientNet'}, r'network_g\.type: no network is called EfficientNet'),
    ({'type': 'SRVGGNetCompact', 'num_feats': 3}, r'network_g: SRVGGNetCompact: .*num_feats.*accepted: .*num_feat'),
    ({'type': 'SRVGGNetCompact', 'num_feat': 'many'}, r'network_g: SRVGGNetCompact: .*many'),
    ({'type': 'RRDBNet'}, r"network_g: RRDBNet: missing a required argument: 'num_in_ch'"),
])
def test_network_errors(options, match):
    refused(match, training.build_network, component(**options), 'network_g')


def test_vgg_that_cannot_be_had_names_the_remedy(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise urllib.error.URLError('no network')
    monkeypatch.setattr(torch.hub, 'download_url_to_file', offline)
    monkeypatch.setattr(socket, 'create_connection', offline)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    options = component(type='PerceptualLoss', layer_weights={'conv1_2': 1.0})
    refused(r'train\.perceptual_opt: PerceptualLoss: .*no network.*--force_yml train:perceptual_opt=~',
            training.build_loss, options, 'perceptual_opt', CPU)


def test_the_average_is_worked_out_by_hand_and_buffers_are_copied():
    net = nn.BatchNorm1d(2)
    ema = training.make_ema(net)
    assert not ema.training and not any(p.requires_grad for p in ema.parameters())
    for value, expected in ((3.0, 1.5), (5.0, 2.375)):  # 0.75 * 1 + 0.25 * 3 = 1.5; 0.75 * 1.5 + 0.25 * 5 = 2.375
        with torch.no_grad():
            net.weight.fill_(value)
            net.running_mean.fill_(value)
            net.num_batches_tracked.fill_(7)
        training.update_ema(ema, net, 0.75)
        assert ema.weight.tolist() == [expected, expected]
        assert ema.running_mean.tolist() == [value, value] and int(ema.num_batches_tracked) == 7
    assert net.weight.requires_grad and net.weight.tolist() == [5.0, 5.0]


def test_losses_by_name_with_their_own_targets():
    def perceptual(result, target):
        return (result - target).sum(), None
    result, gt, percep_gt = torch.full((1,), 3.0), torch.full((1,), 1.0), torch.full((1,), 2.0)
    losses = training.generator_losses(result, gt, nn.L1Loss(), percep_gt, perceptual)
    assert {name: float(value) for name, value in losses.items()} == {'pix': 2.0, 'percep': 1.0}
    assert training.generator_losses(result, gt, None, percep_gt, None) == {}


def test_readable_losses():
    log = {'l_pix': torch.tensor([1.0, 3.0]), 'l_gan': torch.tensor(0.5)}
    assert training.readable_log(log, 1) == {'l_pix': 2.0, 'l_gan': 0.5}
    assert training.readable_log({}, 1) == {}


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_a_loss_that_is_no_number_is_named(bad):
    with pytest.raises(ValueError, match=r'iteration 12: l_gan is not a finite number; lower the learning rate'):
        training.readable_log({'l_pix': torch.tensor(1.0), 'l_gan': torch.tensor(bad)}, 12)


def test_the_decay_of_the_average_starts_low_under_warmup_only():
    assert training.ema_decay_at(1, 0.999, warmup=True) == pytest.approx(2 / 11)
    assert training.ema_decay_at(90, 0.999, warmup=True) == pytest.approx(0.91)
    assert training.ema_decay_at(10**6, 0.999, warmup=True) == 0.999
    assert training.ema_decay_at(1, 0.999, warmup=False) == 0.999


def test_losses_are_averaged_over_the_steps_since_the_last_reading():
    meter = training.LossMeter()
    meter.add({'l_pix': torch.tensor(1.0)})
    meter.add({'l_pix': torch.tensor([2.0, 4.0]), 'l_gan': torch.tensor(5.0)})
    assert {name: value.item() for name, value in meter.read().items()} == {'l_pix': 2.0, 'l_gan': 5.0}
    assert meter.read() == {}
