"""A broken step computed again: it is found where it breaks, and nothing of the search is left."""
import effsr

# isort: split
import copy
import json

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY, LOSS_REGISTRY
from torch import nn

from effsr.archs.efficientsr_arch import EfficientSRNet
from effsr.models.nonfinite.diagnosis import diagnose, replay, replay_file, unchanged, with_weights_before
from effsr.models.pairs import Pairs
from effsr.options import OptionError, validate

NAN = float('nan')


class Breakable(nn.Module):
    """An upscaler with batch norm and dropout whose modules can be made to break."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 8, 3, 1, 1)
        self.body = nn.Sequential(nn.BatchNorm2d(8), nn.Dropout(0.1), nn.Identity(), nn.Conv2d(8, 12, 3, 1, 1))

    def forward(self, x):
        return nn.functional.pixel_shuffle(self.body(self.head(x)), 2)


class RootNet(EfficientSRNet):
    """Breaks backward in its own forward: all modules in it get a gradient that is broken already."""

    def forward(self, x):
        y = super().forward(x)
        return y + 0.0 * torch.sqrt(y * 0)


class Unwatched(nn.Module):
    """Breaks backward, and uses the weights of a module that it does not call."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 3, 1, 1)

    def forward(self, x):
        y = nn.functional.pixel_shuffle(nn.functional.conv2d(x, self.conv.weight, self.conv.bias, 1, 1), 2)
        return y + 0.0 * torch.sqrt(y * 0) if (x[:, 0, 0, 0] > 1).any() else y


class Odd(nn.Module):
    """A mean absolute difference, infinite (or infinitely steep) where a target is darker than zero."""

    def __init__(self, steep=False):
        super().__init__()
        self.steep = steep

    def forward(self, result, target):
        loss = (result - target).abs().mean()
        dark = (target < 0).any()
        if self.steep:  # 0 times the root of 0, whose derivative is infinite
            return loss + (result * 0).abs().sqrt().sum() * dark.float() if dark else loss
        return loss * torch.where(dark, torch.inf, 1.0)


class Overflows(nn.Module):
    def forward(self, x):
        return x * 1e38 * 1e38


class Steep(nn.Module):
    def forward(self, x):
        return x + (x * 0).abs().sqrt()


@pytest.fixture
def build(plain_options, monkeypatch, tmp_path):
    monkeypatch.setattr(ARCH_REGISTRY, '_obj_map', {**ARCH_REGISTRY._obj_map, 'Breakable': Breakable,
                                                    'RootNet': RootNet, 'Unwatched': Unwatched})
    monkeypatch.setattr(LOSS_REGISTRY, '_obj_map', {**LOSS_REGISTRY._obj_map, 'Odd': Odd})

    def make(changes=None, gan=False, breakable=True):
        torch.manual_seed(0)
        network = {'network_g': {'type': 'Breakable', 'num_feat': ..., 'num_conv': ..., 'upscale': ...}}
        common = {'datasets': ..., 'val': ..., 'high_order_degradation': False,
                  'path': {'experiments_root': str(tmp_path)}}
        return effsr.build_model(plain_options({**common, **(network if breakable else {}), **(changes or {})}, gan))
    return make


def batch(number=1, count=4):
    gt = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(number))
    return {'lq': nn.functional.avg_pool2d(gt, 2), 'gt': gt, 'seed': torch.arange(count) + 100,
            'gt_path': [f'{index}.png' for index in range(count)]}


def fed(model, change=None):
    data = batch()
    if change is not None:
        change(data)
    return model.pairs(data)


def everything(model):
    """Weights, buffers, gradients, modes, optimizer states and random state."""
    found = {'random': torch.get_rng_state()}
    for name in ('net_g', 'net_d', 'net_g_ema'):
        net = getattr(model, name)
        if net is not None:
            found.update({f'{name}.{key}': value for key, value in net.state_dict().items()})
            found.update({f'{name}.{key}.grad': parameter.grad for key, parameter in net.named_parameters()})
            found.update({f'{name}.{key}.wants': torch.tensor([parameter.requires_grad])
                          for key, parameter in net.named_parameters()})
            found.update({f'{name}.{key}.training': torch.tensor([module.training])
                          for key, module in net.named_modules()})
    return copy.deepcopy({key: value for key, value in found.items() if value is not None})


def spoil(net):
    with torch.no_grad():
        net.body[3].weight[0, 0, 0, 0] = NAN


@pytest.mark.parametrize('changes', [{}, {'train': {'accumulate': 2, 'precision': 'bf16', 'channels_last': True}}])
@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('what', ['nothing', 'lq', 'weights', 'loss', 'gradient'])
def test_nothing_of_it_is_left(build, gan, what, changes):
    train = {**changes.get('train', {}), 'pixel_opt': {'type': 'Odd', 'steep': what == 'gradient'}}
    model = build({**changes, 'train': train}, gan)
    model.feed_data(batch(0))
    model.optimize_parameters(1)
    pairs = fed(model, {'lq': lambda data: data['lq'][2].fill_(NAN),
                        'loss': lambda data: data['gt'][2].fill_(-1),
                        'gradient': lambda data: data['gt'][2].fill_(-1)}.get(what))
    if what == 'weights':
        spoil(model.net_g)
    before = everything(model)
    diagnosis = diagnose(model, pairs)
    after = everything(model)
    assert diagnosis.failure is None and diagnosis.found == (what != 'nothing')
    assert before.keys() == after.keys()
    assert [key for key in before if not torch.equal(before[key], after[key]) and what != 'weights'] == []
    assert [key for key in before if not torch.allclose(before[key], after[key], 0, 0, equal_nan=True)] == []
    assert not any(module._forward_hooks for module in model.net_g.modules())


@pytest.mark.parametrize('gan', [False, True])
def test_nothing_to_find(build, gan):
    model = build(gan=gan)
    diagnosis = diagnose(model, fed(model))
    assert not diagnosis.found and diagnosis.describe() == 'not met again with the present weights'


@pytest.mark.parametrize('gan', [False, True])
def test_the_first_layer_forward(build, gan):
    model = build(gan=gan)
    model.net_g.body[2] = Overflows()
    found = diagnose(model, fed(model))
    assert found.places[0] == 'network_g: body.2 (forward)'
    assert found.losses[0] == ('l_g_pix' if gan else 'l_pix')
    assert [sample.faults for sample in found.samples] == [('result',)] * 4
    assert found.describe().startswith('first at network_g: body.2 (forward); samples: 0.png (seed 100): result; 1.png')
    assert found.describe().endswith(' and 1 more')


def test_the_sample_that_spoils_the_others_comes_first(build):
    model = build()
    found = diagnose(model, fed(model, lambda data: data['lq'][2].fill_(NAN)))
    assert [(sample.index, sample.faults) for sample in found.samples] == \
        [(2, ('lq', 'result')), (0, ('result',)), (1, ('result',)), (3, ('result',))]


def test_weights_that_are_not_finite(build):
    model = build()
    spoil(model.net_g)
    assert diagnose(model, fed(model)).places[0] == 'network_g: body.3 (forward; its weights are not finite)'


@pytest.mark.parametrize('gan', [False, True])
def test_the_first_layer_backward(build, gan):
    model = build(gan=gan)
    model.net_g.body[2] = Steep()
    found = diagnose(model, fed(model))
    assert found.places == ('network_g: body.2 (backward)',) and found.losses == ()
    assert [sample.faults for sample in found.samples] == [('gradient',)] * 4


@pytest.mark.parametrize('gan', [False, True])
def test_the_networks_own_forward_backward(build, gan):
    model = build({'network_g': {'type': 'RootNet', 'num_block': 1, 'num_conv': ...}}, gan, breakable=False)
    found = diagnose(model, fed(model))
    assert found.places == ('network_g: RootNet (backward)',) and found.losses == ()
    assert [sample.faults for sample in found.samples] == [('gradient',)] * 4


@pytest.mark.parametrize('gan', [False, True])
def test_a_gradient_that_no_module_is_to_be_blamed_for(build, gan):
    network = {'type': 'Unwatched', 'num_feat': ..., 'num_conv': ..., 'upscale': ...}
    model = build({'network_g': network}, gan, breakable=False)
    found = diagnose(model, fed(model, lambda data: data['lq'][1].fill_(1.5)))
    assert found.places == ('network_g (backward)',) and found.losses == ()
    assert [(sample.index, sample.faults) for sample in found.samples] == [(1, ('gradient',))]


def test_a_loss_of_one_sample(build):
    model = build({'train': {'pixel_opt': {'type': 'Odd'}}})
    found = diagnose(model, fed(model, lambda data: data['gt'][1].fill_(-1)))
    assert found.places == found.losses == ('l_pix',)
    assert [(sample.index, sample.faults) for sample in found.samples] == [(1, ('l_pix',))]
    assert found.describe() == 'first at l_pix; samples: 1.png (seed 101): l_pix'


def test_the_gradient_of_a_loss(build):
    model = build({'train': {'pixel_opt': {'type': 'Odd', 'steep': True}}}, gan=True)
    found = diagnose(model, fed(model, lambda data: data['gt'][1].fill_(-1)))
    assert found.places[0] == 'the gradient of l_g_pix' and found.losses == ('l_g_pix',)


def test_the_discriminator_in_the_generators_step_and_in_its_own(build):
    model = build(gan=True)
    with torch.no_grad():
        model.net_d.conv8.weight_orig[0, 0, 0, 0] = NAN
    found = diagnose(model, fed(model))
    assert found.places == tuple(f'network_d: conv8 (forward, {when}; its weights are not finite)' for when in
                                 ("in the generator's step", 'real pictures', 'fake pictures'))
    assert found.losses == ('l_g_gan', 'l_d_real', 'l_d_fake')


def test_the_discriminators_own_step(build):
    """gt that only the discriminator sees: the pixel loss compares with the sharpened copy."""
    model = build(gan=True)
    pairs = fed(model)
    gt = pairs.gt.clone()
    gt[3, 0, 0, 0] = torch.inf
    model.options = model.options.model_copy(update={'l1_gt_usm': True})
    found = diagnose(model, pairs._replace(gt=gt, gt_usm=pairs.gt))
    assert found.places == ('gt as it was fed',) and found.losses == ('l_d_real',)
    assert [(sample.index, sample.faults) for sample in found.samples] == [(3, ('gt',))]


def test_parts_of_a_batch_keep_their_numbers(build):
    model = build({'train': {'accumulate': 3}}, breakable=False)
    found = diagnose(model, fed(model, lambda data: data['lq'][3].fill_(torch.inf)))
    assert [(sample.index, sample.seed) for sample in found.samples] == [(3, 103)]


def test_it_goes_on_after_a_failure(build):
    model = build()
    found = diagnose(model, fed(model)._replace(lq=torch.rand(4, 5, 8, 8)))
    assert found.failure.startswith('RuntimeError: ') and '\n' not in found.failure
    assert found.describe().startswith('the cause was not looked for (RuntimeError: ')


def test_unchanged_puts_things_back_after_an_error(build):
    model = build(gan=True)
    before = everything(model)
    with pytest.raises(KeyError), unchanged(model):
        model.net_d.requires_grad_(False)
        model.net_g(torch.rand(2, 3, 8, 8))
        raise KeyError
    after = everything(model)
    assert all(torch.equal(before[key], after[key]) for key in before)


def written(model, tmp_path):
    """The file of a step that broke."""
    data = batch()
    data['lq'][2, 0, 0, 0] = NAN
    model.feed_data(data)
    model.optimize_parameters(7)
    return tmp_path / 'nonfinite' / '7.pth'


@pytest.mark.parametrize('gan', [False, True])
def test_replay_finds_it_again(build, tmp_path, gan):
    file = written(build(gan=gan, breakable=False), tmp_path)
    found = replay(build(gan=gan, breakable=False), file)
    assert found.places[0] == 'lq as it was fed'
    assert [(sample.seed, sample.path, sample.faults) for sample in found.samples] == [(102, '2.png', ('lq', 'result'))]
    told = json.loads(file.with_suffix('.json').read_text())['diagnosis']
    assert found.places == tuple(told['places']) and found.losses == tuple(told['losses'])
    file.with_suffix('.json').unlink()
    assert replay(build(gan=gan, breakable=False), file).samples[0].path is None


def test_what_is_no_such_file(build, tmp_path):
    model = build()
    with pytest.raises(ValueError, match='9.pth: no such file'):
        replay(model, tmp_path / '9.json')
    torch.save({'params': {'a': torch.zeros(1)}}, tmp_path / 'net.pth')
    with pytest.raises(ValueError, match='is no batch of a step that was not finite; those are in experiments/NA'):
        replay(model, tmp_path / 'net.pth')


@pytest.mark.parametrize('gan', [False, True])
def test_the_report_of_a_replay(build, tmp_path, gan, plain_options):
    model = build(gan=gan, breakable=False)
    file = written(model, tmp_path)
    options = validate(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False}, gan))
    assert 'weights: those that training begins with' in replay_file(options, file)
    (tmp_path / 'models').mkdir()
    for iteration in (2, 6, 7):
        for name in ('net_g', 'net_d')[:1 + gan]:
            torch.save({'params': getattr(model, name).state_dict()}, tmp_path / 'models' / f'{name}_{iteration}.pth')
    torch.save({}, tmp_path / 'models' / 'net_g_latest.pth')
    report = replay_file(options, file.with_suffix('.json'))
    assert report.splitlines()[1] == f'  weights: {tmp_path}/models/net_g_6.pth'  # 7 came after the step
    assert report.splitlines()[2] == '  first at lq as it was fed; samples: 2.png (seed 102): lq, result'
    assert report.splitlines()[-1] == '  sample 2: 2.png (seed 102): lq, result'
    named = options.model_copy(update={'path': options.path.model_copy(update={'pretrain_network_g': 'x.pth'})})
    assert with_weights_before(named, file) == (named, 'x.pth')


def test_a_replay_does_not_ask_how_long_epochs_are(build, tmp_path, plain_options):
    file = written(build(breakable=False), tmp_path)
    train = {'total_iter': ..., 'epochs': 3, 'scheduler': {'type': 'CosineAnnealingRestartLR'}}
    options = validate(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False, 'train': train}))
    assert 'first at lq as it was fed' in replay_file(options, file)


def test_a_replay_needs_a_model_of_ours_and_a_train_section(build, tmp_path, plain_options):
    file = written(build(breakable=False), tmp_path)
    with pytest.raises(OptionError, match='train: missing'):
        replay_file(validate(plain_options({'datasets': ..., 'val': ..., 'train': ...})), file)
    theirs = plain_options({'datasets': ..., 'val': ..., 'model_type': 'SRModel_basicsr', 'train': {'scheduler': {
        'type': 'MultiStepLR', 'milestones': [5]}}})
    with pytest.raises(OptionError, match='model_type: SRModel_basicsr cannot replay; accepted: RealESRNetModel'):
        replay_file(validate(theirs), file)


def test_seeds_of_a_batch_on_its_own(build):
    model = build(breakable=False)
    pairs = Pairs(torch.full((1, 3, 4, 4), NAN), *2 * [torch.rand(1, 3, 8, 8)], torch.tensor([-1]))
    assert str(diagnose(model, pairs).samples[0]) == 'number 0 of the batch: lq, result'
