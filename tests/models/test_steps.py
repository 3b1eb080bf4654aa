"""One step of both models: what changes, what it compares with, and that it learns."""
import effsr

# isort: split
import copy

import pytest
import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from effsr.models.discriminating import discriminator_step
from effsr.models.step.optimizers import averaged
from effsr.models.training import fed, parts_of

RRDB = {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 4, 'scale': 2}


class ProbeLoss(nn.Module):
    """Notes its targets; a perceptual loss gives a pair."""

    def __init__(self, pair=False):
        super().__init__()
        self.pair, self.targets = pair, []

    def forward(self, result, target):
        self.targets.append(target)
        loss = (result - target).abs().mean()
        return (loss, None) if self.pair else loss


class ProbeGAN(ProbeLoss):
    """A linear adversarial loss that notes its verdicts."""

    def forward(self, prediction, is_real, is_disc=False):
        self.targets.append((is_real, is_disc))
        return prediction.mean() * (-1 if is_real else 1)


@pytest.fixture
def _probes(monkeypatch):
    entries = {**LOSS_REGISTRY._obj_map, 'ProbeLoss': ProbeLoss, 'ProbeGAN': ProbeGAN}
    monkeypatch.setattr(LOSS_REGISTRY, '_obj_map', entries)


@pytest.fixture
def build(plain_options):
    def make(changes=None, gan=False):
        torch.manual_seed(0)
        return effsr.build_model(plain_options({'datasets': ..., 'val': ..., **(changes or {})}, gan))
    return make


def batch(count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    gt = nn.functional.interpolate(torch.rand(count, 3, 4, 4, generator=generator), size=24, mode='bilinear')
    return {'gt': gt, 'seed': torch.arange(count)}


def paired(count=4, seed=0):
    gt = batch(count, seed)['gt']
    return {'lq': nn.functional.avg_pool2d(gt, 2), 'gt': gt}


def weights(net):
    return copy.deepcopy(dict(net.named_parameters()))


def changed(before, net):
    after = dict(net.named_parameters())
    return [name for name in before if not torch.equal(before[name], after[name])]


def step(model, data, iteration=1):
    model.feed_data(data)
    model.optimize_parameters(iteration)


@pytest.mark.parametrize('network', [{}, {'network_g': {**RRDB, 'num_conv': ..., 'upscale': ...}}])
@pytest.mark.parametrize('gan', [False, True])
def test_one_step_changes_every_weight(build, gan, network):
    model = build(network, gan)
    before_g, before_d = weights(model.net_g), weights(model.net_d) if gan else {}
    step(model, batch())
    assert model.lq.shape == (4, 3, 8, 8) and model.output.shape == (4, 3, 16, 16)
    assert changed(before_g, model.net_g) == list(before_g)
    if gan:
        assert len(changed(before_d, model.net_d)) == len(before_d)
    assert all(torch.isfinite(p).all() for p in model.net_g.parameters())


def test_the_names_in_the_log(build):
    model = build()
    step(model, batch())
    assert list(model.get_current_log()) == ['l_pix', 'grad_norm_g']
    model = build(gan=True)
    step(model, batch())
    assert list(model.get_current_log()) == ['l_g_pix', 'l_g_gan', 'gradient_ratio', 'l_d_real', 'l_d_fake',
                                             'out_d_real', 'out_d_fake', 'd_accuracy_real', 'd_accuracy_fake',
                                             'grad_norm_g', 'grad_norm_d']


@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('data', [batch(), paired()])
def test_the_pixel_loss_falls(build, gan, data):
    model = build({'train': {'optim_g': {'lr': 0.01}}, 'high_order_degradation': 'lq' not in data}, gan)
    losses = []
    for iteration in range(1, 41):
        step(model, data, iteration)
        losses.append(model.get_current_log()['l_g_pix' if gan else 'l_pix'])
    # Noise and blur of the degradation set a floor.
    assert losses[-1] < (0.7 if 'lq' in data else 0.93) * losses[0]


@pytest.mark.parametrize('gan', [False, True])
def test_a_second_init_training_settings_is_harmless(build, gan):
    one, two = build(gan=gan), build(gan=gan)
    optimizers = list(two.optimizers)
    two.init_training_settings()
    assert two.optimizers == optimizers and len(two.schedulers) == len(optimizers)
    for model in (one, two):
        step(model, batch())
    assert all(torch.equal(a, b) for a, b in zip(one.net_g.parameters(), two.net_g.parameters(), strict=True))


@pytest.mark.usefixtures('_probes')
@pytest.mark.parametrize('usm', [False, True])
def test_gt_usm_chooses_the_target_of_the_first_stage(build, usm):
    losses = {'pixel_opt': {'type': 'ProbeLoss'}, 'perceptual_opt': {'type': 'ProbeLoss', 'pair': True}}
    model = build({'gt_usm': usm, 'gt_size': ..., 'train': losses})
    data = batch()
    step(model, data)
    assert torch.equal(model.gt, data['gt'])
    assert torch.equal(model.gt_usm, data['gt']) is not usm
    assert model.cri_pix.targets[0] is model.gt_usm and model.cri_perceptual.targets[0] is model.gt_usm


@pytest.mark.usefixtures('_probes')
@pytest.mark.parametrize('switch', ['l1_gt_usm', 'percep_gt_usm', 'gan_gt_usm'])
def test_each_switch_chooses_the_target_of_its_loss(build, switch):
    losses = {'pixel_opt': {'type': 'ProbeLoss'}, 'perceptual_opt': {'type': 'ProbeLoss', 'pair': True},
              'gan_opt': {'type': 'ProbeGAN', 'gan_type': ..., 'loss_weight': ...}}
    model = build({'gt_usm': True, switch: True, 'train': losses}, gan=True)
    seen = []
    model.net_d.register_forward_pre_hook(lambda net, args: seen.append(args[0]))
    step(model, batch())
    assert not torch.equal(model.gt, model.gt_usm)
    assert (model.cri_pix.targets[0] is model.gt_usm) is (switch == 'l1_gt_usm')
    assert (model.cri_perceptual.targets[0] is model.gt_usm) is (switch == 'percep_gt_usm')
    assert (seen[1] is model.gt_usm) is (switch == 'gan_gt_usm')
    # Generator: its picture is to pass as real. Discriminator: the real one is real, the made one is not.
    assert model.cri_gan.targets == [(True, False), (True, True), (False, True)]
    assert torch.equal(seen[0], model.output) and not seen[2].requires_grad and torch.equal(seen[2], model.output)


def test_net_d_iters_and_net_d_init_iters(build):
    model = build({'train': {'net_d_iters': 2, 'net_d_init_iters': 2}}, gan=True)
    moved = []
    for iteration in range(1, 7):
        before_g, before_d = weights(model.net_g), weights(model.net_d)
        step(model, batch(), iteration)
        assert changed(before_d, model.net_d)
        moved.append(bool(changed(before_g, model.net_g)))
        assert ('l_g_pix' in model.get_current_log()) is moved[-1]
    assert moved == [False, False, False, True, False, True]


def test_the_adversarial_gradient_alone_moves_the_generator_and_not_the_discriminator(build):
    model = build({'train': {'pixel_opt': {'loss_weight': 0.0}}}, gan=True)
    model.feed_data(batch())
    before_g, before_d = weights(model.net_g), weights(model.net_d)
    model._step_generator(parts_of(fed(model), model.options.train))
    assert len(changed(before_g, model.net_g)) == len(before_g)
    assert changed(before_d, model.net_d) == []
    assert all(p.grad is None and p.requires_grad for p in model.net_d.parameters())
    model.feed_data(batch(seed=1))
    before_g = weights(model.net_g)
    discriminator_step(model, parts_of(fed(model), model.options.train))
    assert changed(before_g, model.net_g) == []


def test_the_adversarial_gradient_points_to_what_the_discriminator_calls_real(build):
    model = build({'train': {'pixel_opt': {'loss_weight': 0.0}, 'optim_g': {'type': 'SGD', 'lr': 0.1}}}, gan=True)
    model.feed_data(batch())
    model.net_d.eval()
    before = model.net_d(model.net_g(model.lq)).mean().item()
    model._step_generator(parts_of(fed(model), model.options.train))
    assert model.net_d(model.net_g(model.lq)).mean().item() > before


@pytest.mark.parametrize('gan', [False, True])
def test_the_moving_average(build, gan):
    model = build({'train': {'ema_decay': 0.75}}, gan)
    first = weights(model.net_g)
    assert changed(first, model.net_g_ema) == []
    step(model, batch())
    for name, value in model.net_g_ema.named_parameters():
        expected = 0.75 * first[name] + 0.25 * dict(model.net_g.named_parameters())[name]
        torch.testing.assert_close(value.data, expected.data, rtol=0, atol=1e-7)
    assert build({'train': {'ema_decay': 0}}, gan).net_g_ema is None


def test_test_takes_the_average_and_leaves_the_mode(build):
    model = build()
    model.feed_data(paired())
    model.test()
    assert torch.equal(model.output, model.net_g_ema(model.lq))
    assert model.net_g.training and not model.net_g_ema.training and not model.output.requires_grad
    model = build({'train': {'ema_decay': 0}})
    model.feed_data(paired())
    model.test()
    assert torch.equal(model.output, model.net_g(model.lq)) and model.net_g.training


def test_ldl(build):
    model = build({'train': {'ldl_opt': {'type': 'L1Loss', 'loss_weight': 1.0}}}, gan=True)
    step(model, batch())
    step(model, batch(), 2)
    assert model.get_current_log()['l_g_ldl'] > 0
    with pytest.raises(ValueError, match='ldl_opt.*ema_decay'):
        build({'train': {'ldl_opt': {'type': 'L1Loss'}, 'ema_decay': 0}}, gan=True)


@pytest.mark.parametrize(('changes', 'gan', 'match'), [
    ({'train': {'pixel_opt': ...}}, False, 'neither pixel_opt nor perceptual_opt'),
    ({'train': ...}, False, 'train: missing'),
    ({'network_d': ...}, True, 'gan_opt: .*give network_d'),
    ({'train': {'gan_opt': ...}}, True, 'use model_type: RealESRNetModel'),
    ({'train': {'optim_d': ...}}, True, 'give optim_d'),
])
def test_what_is_missing_is_named(build, changes, gan, match):
    with pytest.raises(ValueError, match=match):
        build(changes, gan)


def test_the_learning_rate_follows_the_schedule_from_the_first_step(build):
    schedule = {'scheduler': {'type': 'MultiStepLR', 'milestones': [2], 'gamma': 0.5}}
    for gan in (False, True):
        model = build({'train': {**schedule, 'net_d_init_iters': 1 if gan else 0}}, gan)
        rates = []
        for iteration in range(1, 5):
            model.update_learning_rate(iteration)
            rates.append(model.get_current_learning_rate()[0])
            step(model, batch(), iteration)
        assert rates == [1e-3, 1e-3, 5e-4, 5e-4]
        assert all(optimizer.param_groups[0]['lr'] == 5e-4 for optimizer in model.optimizers)


@pytest.mark.parametrize('parts', [1, 2])
def test_the_discriminators_vectors_move_in_its_own_passes_alone(build, parts):
    model = build({'train': {'accumulate': parts}}, gan=True)
    buffers = dict(model.net_d.named_buffers())
    assert any(name.endswith('weight_u') for name in buffers)

    def vectors():
        return {name: buffer.clone() for name, buffer in buffers.items()}
    model.feed_data(batch())
    before = vectors()
    model._step_generator(parts_of(fed(model), model.options.train))
    assert all(torch.equal(value, before[name]) for name, value in vectors().items())
    expected = copy.deepcopy(model.net_d)
    discriminator_step(model, parts_of(fed(model), model.options.train))
    after = vectors()
    assert all(not torch.equal(value, before[name]) for name, value in after.items() if name.endswith('weight_u'))
    for _ in range(2):  # once for the real and once for the made pictures, in however many parts
        expected(model.gt)
    assert all(torch.equal(after[name], value) for name, value in expected.named_buffers())


@pytest.mark.parametrize('gan', [False, True])
def test_the_generator_learns_from_the_adversarial_loss_alone(build, gan):
    """Without it there would be nothing to learn: no other loss is on."""
    model = build({'train': {'pixel_opt': ..., 'net_d_iters': 1 if gan else 10}}, gan=True)
    before = weights(model.net_g)
    for iteration in (1, 2):
        step(model, batch(), iteration)
    assert len(changed(before, model.net_g)) == (len(before) if gan else 0)
    log = model.get_current_log()
    assert (log.get('grad_norm_g', 0) > 0) is gan and log['grad_norm_d'] > 0


@pytest.mark.parametrize('gan', [False, True])
def test_a_batch_that_is_not_finite_leaves_everything_as_it_was(build, gan):
    model = build({'train': {'nonfinite': {'limit': 3}}}, gan)
    model.pairs.high_order = False
    step(model, paired(), 1)
    names = ('net_g', 'net_g_ema', *(['net_d'] if gan else []))
    before = {name: copy.deepcopy(getattr(model, name).state_dict()) for name in names}
    memory = copy.deepcopy([optimizer.state_dict()['state'] for optimizer in model.optimizers])
    bad = paired()
    bad['lq'][1, 0, 0, 0] = float('nan')
    step(model, bad, 2)
    for name in names:
        assert all(torch.equal(value, before[name][key]) for key, value in getattr(model, name).state_dict().items())
    for optimizer, state in zip(model.optimizers, memory, strict=True):
        for number, values in optimizer.state_dict()['state'].items():
            assert all(torch.equal(value, state[number][key]) for key, value in values.items())
    log = model.get_current_log()
    assert all(value == value for value in log.values())
    step(model, paired(seed=1), 3)
    assert len(changed(dict(before['net_g'].items()), model.net_g)) > 0


def test_channels_last_gives_the_same_weights(build):
    models = [build({'train': {'channels_last': switch, 'optim_g': {'type': 'SGD'}}}, gan=True)
              for switch in (False, True)]
    for model in models:
        step(model, batch())
    assert models[1].net_g.body[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert models[1].output.is_contiguous(memory_format=torch.channels_last)
    assert models[1].net_g_ema.body[2].weight.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(*(model.net_g.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize('gan', [False, True])
def test_a_schedule_free_optimizer(build, gan):
    pytest.importorskip('schedulefree')
    optimizer = {'type': 'AdamWScheduleFree', 'lr': 0.01}
    model = build({'train': {'ema_decay': 0, 'optim_g': optimizer, **({'optim_d': optimizer} if gan else {})}}, gan)
    for iteration in range(1, 4):
        model.update_learning_rate(iteration)
        step(model, batch(), iteration)
    in_training = weights(model.net_g)
    model.feed_data(paired())
    model.test()
    with torch.no_grad():
        assert not torch.equal(model.output, model.net_g(model.lq))
    assert changed(in_training, model.net_g) == []
    with averaged(model.optimizer_g), torch.no_grad():
        assert torch.equal(model.output, model.net_g(model.lq))


@pytest.mark.parametrize('gan', [False, True])
def test_warm_up_as_the_model_tells_it(build, gan):
    schedule = {'type': 'MultiStepLR', 'milestones': [3], 'gamma': 0.5}
    model = build({'train': {'warmup_iter': 2, 'scheduler': schedule}}, gan)
    rates = []
    for iteration in range(1, 6):
        model.update_learning_rate(iteration, warmup_iter=-1 if gan else 2)  # BasicSR passes it, a loop need not
        rates.append(model.get_current_learning_rate())
        step(model, batch(), iteration)
    assert rates == [[5e-4], [1e-3], [1e-3], [5e-4], [5e-4]]
    assert model.schedulers is model.learning_rate.schedulers and len(model.schedulers) == 1 + gan
