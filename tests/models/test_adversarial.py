"""Adversarial losses within a step: in parts, with both kinds of answers, with penalties, with features."""
import effsr

# isort: split
import copy

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

from effsr.models.adversarial import amounts_of
from effsr.models.discriminating import discriminator_step
from effsr.models.nonfinite.diagnosis import diagnose
from effsr.models.preflight import check_networks
from effsr.models.training import fed, parts_of

SGD = {'type': 'SGD', 'lr': 0.05}
PATCHES = {'type': 'PatchDiscriminator', 'num_in_ch': 3, 'num_feat': 4, 'num_layer': 1, 'norm': 'spectral'}
SCALES = {'type': 'MultiScaleDiscriminator', 'num_in_ch': ..., 'num_feat': ..., 'num_scale': 2,
          'discriminator': dict(PATCHES)}
GAN_TYPES = ('vanilla', 'lsgan', 'hinge', 'wgan', 'wgan_softplus', 'wgan-gp', 'softplus')
EVERYTHING = {'gan_opt': {'gan_type': 'wgan-gp', 'relativistic': 'average', 'r1_weight': 2.0, 'r1_every': 2},
              'feature_matching_opt': {'weight': 0.5}}


def batch(iteration, count=5):
    generator = torch.Generator().manual_seed(iteration)
    return {'lq': torch.rand(count, 3, 8, 8, generator=generator), 'seed': torch.arange(count) + 100 * iteration,
            'gt': torch.rand(count, 3, 16, 16, generator=generator)}


def built(plain_options, train=None, network_d=None):
    torch.manual_seed(0)
    changes = {'datasets': ..., 'val': ..., 'high_order_degradation': False, 'train': train or {}}
    if network_d is not None:
        changes['network_d'] = network_d
    return effsr.build_model(plain_options(changes, True))


def step(model, iteration, count=5):
    model.feed_data(batch(iteration, count))
    model.optimize_parameters(iteration)
    return model.get_current_log()


def same(one, other, atol=2e-6):
    for name in ('net_g', 'net_g_ema', 'net_d'):
        expected = getattr(one, name).state_dict()
        for key, value in getattr(other, name).state_dict().items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=atol, msg=f'{name}.{key}')


@pytest.mark.parametrize('relativistic', ['none', 'standard', 'average'])
@pytest.mark.parametrize('gan_type', GAN_TYPES)
def test_every_loss_moves_both_networks(plain_options, gan_type, relativistic):
    gan = {'gan_type': gan_type, 'relativistic': relativistic}
    model = built(plain_options, {'gan_opt': gan, 'pixel_opt': ..., 'optim_g': SGD, 'optim_d': SGD})
    before = [copy.deepcopy(net.state_dict()) for net in (model.net_g, model.net_d)]
    log = step(model, 1)
    for net, old in zip((model.net_g, model.net_d), before, strict=True):
        # What is added to real and fake scores alike cancels out in some.
        assert all(not torch.equal(value, old[key]) for key, value in net.named_parameters() if key != 'conv9.bias')
    assert log['grad_norm_g'] > 0 and ('l_d_gp' in log) is (gan_type == 'wgan-gp')


@pytest.mark.parametrize('parts', [2, 5])
@pytest.mark.parametrize('train', [
    {'gan_opt': {'relativistic': 'standard'}}, {'gan_opt': {'relativistic': 'average'}},
    {'gan_opt': {'gan_type': 'hinge', 'relativistic': 'average'}}, {'gan_opt': {'r1_weight': 3.0, 'r1_every': 2}},
    {'gan_opt': {'gan_type': 'wgan-gp'}}, {'feature_matching_opt': {'weight': 2.0}}, EVERYTHING])
@pytest.mark.parametrize('network_d', [PATCHES, SCALES])
def test_parts_are_the_whole(plain_options, train, parts, network_d):
    train = {'optim_g': SGD, 'optim_d': SGD, 'gan_opt': {}, **train}
    whole, split = (built(plain_options, {**train, 'accumulate': count}, network_d) for count in (1, parts))
    for iteration in (1, 2, 3):
        assert step(split, iteration) == pytest.approx(step(whole, iteration), abs=2e-5)
    same(whole, split, atol=5e-6)


def test_the_relativistic_loss_by_hand(plain_options):
    model = built(plain_options, {'gan_opt': {'relativistic': 'average', 'loss_weight': 0.25}})
    log = step(model, 1)
    again = built(plain_options, {})
    again.feed_data(batch(1))
    real, fake = again.net_d.eval()(again.gt), again.net_d(again.net_g(again.lq))
    softplus = nn.functional.softplus
    expected = (softplus(real - fake.mean()).mean() + softplus(-(fake - real.mean())).mean()) / 2
    assert log['l_g_gan'] == pytest.approx(0.25 * expected.item(), rel=1e-3)  # eval: the norm's vectors do not move
    assert log['l_d_real'] == pytest.approx(softplus(-(real - fake.mean())).mean().item() / 2, rel=1e-3)
    assert log['l_d_fake'] == pytest.approx(softplus(fake - real.mean()).mean().item() / 2, rel=1e-3)


def test_r1_is_due_now_and_then(plain_options):
    model = built(plain_options, {'gan_opt': {'r1_weight': 1.0, 'r1_every': 3}})
    assert ['l_d_r1' in step(model, iteration) for iteration in range(1, 7)] == [False, False, True] * 2


def test_r1_makes_the_discriminator_flatter(plain_options):
    norms = []
    for weight in (0.0, 1000.0):
        model = built(plain_options, {'gan_opt': {'r1_weight': weight, 'r1_every': 1}, 'optim_d': {'lr': 0.01}},
                      {**PATCHES, 'norm': 'none'})
        for iteration in range(1, 21):
            step(model, iteration)
        images = batch(0)['gt'].requires_grad_()
        gradient, = torch.autograd.grad(model.net_d(images).mean(), images)
        norms.append(gradient.norm())
    assert norms[1] < 0.5 * norms[0]


@pytest.mark.parametrize('train', [EVERYTHING, {**EVERYTHING, 'accumulate': 2}])
def test_the_discriminators_buffers_move_in_its_own_passes_alone(plain_options, train):
    model = built(plain_options, train, PATCHES)
    model.feed_data(batch(2))
    model.current_iter = 2
    parts = parts_of(fed(model), model.options.train)
    before = copy.deepcopy(dict(model.net_d.named_buffers()))
    model._step_generator(parts)
    assert all(torch.equal(value, before[name]) for name, value in model.net_d.named_buffers())
    assert all(parameter.grad is None for parameter in model.net_d.parameters())
    expected = copy.deepcopy(model.net_d)
    discriminator_step(model, parts)
    for _ in range(2):
        expected(model.gt)
    assert all(torch.equal(value, dict(expected.named_buffers())[name]) for name, value in model.net_d.named_buffers())


def test_features_are_matched(plain_options):
    train = {'feature_matching_opt': {'weight': 3.0}, 'pixel_opt': ..., 'gan_opt': {'loss_weight': 0.0},
             'optim_g': {'lr': 0.01}}
    model = built(plain_options, train)
    losses = []
    for _ in range(15):
        model.feed_data(batch(1))
        model._step_generator(parts_of(fed(model), model.options.train))  # the discriminator stays
        with torch.no_grad():
            losses.append(model.generator_losses(fed(model), model.net_g(model.lq))['features'].item())
    assert losses[-1] < 0.97 * losses[0]
    other = built(plain_options, {'feature_matching_opt': {'weight': 3.0, 'layers': ['conv1']}})
    assert step(other, 1)['l_g_features'] != step(built(plain_options, train), 1)['l_g_features']


class Silent(nn.Sequential):
    """A discriminator that does not say which modules give features."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 1, 3))


def test_features_that_there_are_not(plain_options, monkeypatch):
    with pytest.raises(ValueError, match=r'feature_matching_opt.layers: UNetDiscriminatorSN has no module conv12'):
        built(plain_options, {'feature_matching_opt': {'layers': ['conv12']}})
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'Silent', Silent)
    silent = {'type': 'Silent', 'num_in_ch': ..., 'num_feat': ...}
    with pytest.raises(ValueError, match='network_d Silent does not say which .*name some, of 0, 1'):
        built(plain_options, {'feature_matching_opt': {'weight': 1.0}}, silent)
    assert 'l_g_features' in step(built(plain_options, {'feature_matching_opt': {'layers': ['0']}}, silent), 1)


def test_features_of_what_does_not_run_are_told_before_training(plain_options):
    several = {'type': 'MultiScaleDiscriminator', 'num_in_ch': ..., 'num_feat': ..., 'num_scale': 2,
               'discriminator': {'type': 'PatchDiscriminator', 'num_feat': 4, 'num_layer': 1}}
    model = built(plain_options, {'feature_matching_opt': {'layers': ['scales']}}, several)
    with pytest.raises(ValueError, match='feature_matching_opt.layers: module scales does not run by itself'):
        check_networks(model.options, model, 32)


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_a_step_that_is_left_out_never_was(plain_options, precision):
    model = built(plain_options, {**EVERYTHING, 'precision': precision}, SCALES)
    step(model, 1)
    before = copy.deepcopy([net.state_dict() for net in (model.net_g, model.net_d, model.net_g_ema)])
    data = batch(2)
    data['gt'][1, 0, 0, 0] = torch.nan
    model.feed_data(data)
    model.optimize_parameters(2)
    for net, old in zip((model.net_g, model.net_d, model.net_g_ema), before, strict=True):
        assert all(torch.equal(value, old[key]) for key, value in net.state_dict().items())
    assert model.watch.skipped == 1
    assert all(value == value for value in step(model, 3).values())


@pytest.mark.parametrize('broken', ['gt', 'nothing'])
def test_a_diagnosis_goes_through_all_of_it(plain_options, broken):
    model = built(plain_options, EVERYTHING, SCALES)
    step(model, 1)
    model.feed_data(batch(2))
    if broken == 'gt':
        model.gt[3, 0, 0, 0] = torch.inf
    before = copy.deepcopy([net.state_dict() for net in (model.net_g, model.net_d)])
    found = diagnose(model, fed(model))
    assert found.failure is None and found.found is (broken == 'gt')
    if broken == 'gt':
        assert {'l_g_pix', 'l_g_gan', 'l_g_features', 'l_d_real', 'l_d_fake'} <= set(found.losses)
        assert [(sample.index, sample.faults) for sample in found.samples] == [(3, ('gt',))]
    for net, old in zip((model.net_g, model.net_d), before, strict=True):
        assert all(torch.equal(value, old[key]) for key, value in net.state_dict().items())


def test_a_penalty_that_breaks_is_named(plain_options):
    model = built(plain_options, EVERYTHING)
    model.feed_data(batch(2))
    model.adversary.r1_weight = torch.inf
    found = diagnose(model, fed(model))
    assert found.places == found.losses == ('l_d_r1',) and found.samples[0].faults == ('l_d_r1',)
    model.optimize_parameters(2)
    assert model.watch.skipped == 1


def test_amounts_follow_the_seed_and_the_iteration():
    seeds = torch.arange(20_000) * 7
    amounts = amounts_of(seeds, 5)
    assert torch.equal(amounts[100:200], amounts_of(seeds[100:200], 5))  # wherever it stands in the batch
    assert amounts.min() >= 0 and amounts.max() < 1
    histogram = torch.histc(amounts, 10, 0, 1) / len(amounts)
    assert (histogram - 0.1).abs().max() < 0.01
    assert abs(torch.corrcoef(torch.stack([amounts[:-1], amounts[1:]]))[0, 1]) < 0.03
    assert abs(torch.corrcoef(torch.stack([amounts, amounts_of(seeds, 6)]))[0, 1]) < 0.03
    assert len(amounts_of(torch.full((8,), -1), 5).unique()) == 8  # without seeds
