"""A pixel loss of several terms: each in the log, all in the step once, in whole runs from an option file."""
import effsr

# isort: split
import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import effsr.train
from effsr.losses.composite_loss import CompositeLoss
from effsr.models import training
from effsr.models.preflight import check_losses
from effsr.options import OptionError

TERMS = {'type': 'CompositeLoss', 'ms_ssim_weight': 0.1, 'ms_ssim_levels': 1, 'fft_weight': 0.2,
         'gradient_weight': 0.3, 'wavelet_weight': 0.4}
NAMES = ['pixel', 'charbonnier', 'tv', 'ms_ssim', 'fft', 'gradient', 'wavelet']


def batch(count=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {'lq': torch.rand(count, 3, 8, 8, generator=generator),
            'gt': torch.rand(count, 3, 16, 16, generator=generator)}


def trained(plain_options, gan=False, steps=2, **train):
    torch.manual_seed(0)
    model = effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                             'train': {'optim_g': {'type': 'SGD', 'lr': 0.05}, **train}}, gan))
    logs = []
    for iteration in range(1, steps + 1):
        model.feed_data(batch(seed=iteration))
        model.optimize_parameters(iteration)
        logs.append(model.get_current_log())
    return model, logs


def test_components_stand_for_the_loss():
    pred, target = torch.full((1, 1, 4, 4), 3.0), torch.full((1, 1, 4, 4), 1.0)
    losses = training.generator_losses(pred, target, CompositeLoss(charbonnier_weight=0), target, None)
    assert {name: value.item() for name, value in losses.items()} == {'pix_pixel': 2.0, 'pix_tv': 0.0}
    log = training.with_pixel_total({'l_pix_a': 1.0, 'l_pix_b': 2.0, 'l_gan': 4.0}, 'l_')
    assert log == {'l_pix': 3.0, 'l_pix_a': 1.0, 'l_pix_b': 2.0, 'l_gan': 4.0} and list(log)[0] == 'l_pix'
    assert training.with_pixel_total({'l_pix': 1.0, 'l_gan': 4.0}, 'l_') == {'l_pix': 1.0, 'l_gan': 4.0}
    # A sum's components are sums.
    assert training.weighted({'pix_a': 8.0, 'gan': 2.0}, 0.25, ['pix'], 'l_') == {'l_pix_a': 8.0, 'l_gan': 0.5}


@pytest.mark.parametrize('gan', [False, True])
def test_the_names_in_the_log(plain_options, gan):
    _, logs = trained(plain_options, gan, pixel_opt={'reduction': ..., **TERMS})
    prefix = 'l_g_pix' if gan else 'l_pix'
    assert [name for name in logs[0] if 'pix' in name] == [prefix, *(f'{prefix}_{name}' for name in NAMES)]
    assert logs[0][prefix] == pytest.approx(sum(logs[0][f'{prefix}_{name}'] for name in NAMES))


@pytest.mark.parametrize('gan', [False, True])
def test_every_term_enters_the_step_once(plain_options, gan):
    one, logs = trained(plain_options, gan, pixel_opt={'type': 'L1Loss', 'loss_weight': 0.8})
    two, two_logs = trained(plain_options, gan, pixel_opt={
        'type': 'CompositeLoss', 'loss_weight': 2.0, 'pixel_weight': 0.4, 'charbonnier_weight': 0, 'tv_weight': 0})
    for key, value in one.net_g.state_dict().items():
        torch.testing.assert_close(two.net_g.state_dict()[key], value, rtol=0, atol=1e-6)
    prefix = 'l_g_pix' if gan else 'l_pix'
    assert [log[prefix] for log in two_logs] == pytest.approx([log[prefix] for log in logs])


def test_parts_are_the_whole(plain_options):
    whole, logs = trained(plain_options, pixel_opt=TERMS)
    split, split_logs = trained(plain_options, pixel_opt=TERMS, accumulate=2)
    for key, value in whole.net_g.state_dict().items():
        torch.testing.assert_close(split.net_g.state_dict()[key], value, rtol=0, atol=2e-6)
    for log, split_log in zip(logs, split_logs, strict=True):
        assert split_log == pytest.approx(log, abs=1e-5)


def test_bf16_computes_the_terms_in_fp32(plain_options):
    model, logs = trained(plain_options, pixel_opt=TERMS, precision='bf16')
    assert all(torch.isfinite(torch.tensor(list(log.values()))).all() for log in logs)
    assert all(p.isfinite().all() for p in model.net_g.parameters())


@pytest.mark.parametrize('gan', [False, True])
def test_a_run_from_an_option_file(tmp_path, monkeypatch, write_options, gan, capsys):
    monkeypatch.chdir(tmp_path)
    changes = {'train': {'pixel_opt': {**TERMS, 'fft_part': 'amplitude'}}}
    assert effsr.train.main(['-opt', write_options(tmp_path, changes, gan)]) == 0
    assert f'{"l_g_pix" if gan else "l_pix"}_ms_ssim' in capsys.readouterr().out


@pytest.mark.parametrize('loss', ['CharbonnierLoss', 'GradientLoss', 'WaveletLoss', 'FFTLoss', 'FocalFrequencyLoss'])
def test_each_loss_alone(plain_options, loss):
    _, logs = trained(plain_options, steps=5, pixel_opt={'type': loss, 'reduction': 'mean', 'loss_weight': 0.5})
    assert all(log['l_pix'] > 0 for log in logs)


@pytest.mark.parametrize(('pixel', 'says'), [
    ({'type': 'CompositeLoss', 'tv_wieght': 1.0}, 'train.pixel_opt.tv_wieght: .*did you mean tv_weight'),
    ({'type': 'CompositeLoss', 'tv_weight': 'much'}, 'train.pixel_opt.tv_weight'),
    ({'type': 'CompositeLoss', 'fft_part': 'phase'}, 'train.pixel_opt.fft_part: is phase; accepted: complex or ampl'),
    ({'type': 'CompositeLoss', 'tv_weight': -1}, 'train.pixel_opt: CompositeLoss: tv_weight is -1'),
    ({'type': 'WaveletLoss', 'reduction': 'none'}, 'train.pixel_opt.reduction: is none; accepted: mean or sum'),
    ({'type': 'TVLoss'}, 'train.pixel_opt.type: TVLoss does not compare two pictures'),
    ({'type': 'MSSSIMLoss'}, r'MSSSIMLoss cannot compare two pictures: MS-SSIM \(levels: 5\): pictures of 16 x 16 '
                             r'.* it needs 161 x 161; change gt_size'),
])
def test_mistakes_are_told_before_training(tmp_path, monkeypatch, write_options, pixel, says, capsys):
    monkeypatch.chdir(tmp_path)
    assert effsr.train.main(['-opt', write_options(tmp_path, {'train': {'pixel_opt': pixel}})]) == 1
    printed = capsys.readouterr()
    assert re.search(says, printed.err + printed.out)


class Answers(nn.Module):
    """A loss that answers what it is given."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, pred, target):
        return self.value


@pytest.mark.parametrize('value', [
    (torch.tensor(3.0), {'a': torch.tensor(1.0)}),  # a part of it is missing
    (torch.tensor(3.0), {}),
    (torch.tensor(3.0), None),
    (torch.tensor([1.0, 2.0]), {'a': torch.tensor([1.0, 2.0])}),
])
def test_components_that_do_not_add_up_are_refused(value):
    model = SimpleNamespace(cri_pix=Answers(value), device=torch.device('cpu'), pairs=None)
    with pytest.raises(OptionError, match='train.pixel_opt: Answers does not end in one number'):
        check_losses(model, 16)


def test_a_model_of_basicsr_takes_no_components():
    model = SimpleNamespace(cri_pix=CompositeLoss(), device=torch.device('cpu'))
    with pytest.raises(OptionError, match='which a model of BasicSR does not take; use model_type: RealESRNetModel'):
        check_losses(model, 16)
