"""A teacher in the step: its terms, its adapters, in parts, in both models, and what is said where it does not fit."""
import effsr

# isort: split
import copy

import pytest
import torch
from torch import nn

from effsr.models.distillation import feature_error
from effsr.models.nonfinite.diagnosis import diagnose
from effsr.models.training import fed
from effsr.runtime.checkpoint import save_atomic
from effsr.runtime.sidecar import write_sidecar

SGD = {'type': 'SGD', 'lr': 0.05}
TEACHER = {'type': 'SRVGGNetCompact', 'num_feat': 6, 'num_conv': 3, 'upscale': 2}
FEATURES = {'feature_weight': 0.5, 'layers': ['body.2', 'body.6'], 'student_layers': ['body.0', 'body.2']}


@pytest.fixture
def weights(tmp_path):
    """A teacher's file, with the .json beside it that says what it is."""
    torch.manual_seed(7)
    net = effsr.archs.srvgg_arch.SRVGGNetCompact(num_feat=6, num_conv=3, upscale=2)
    path = tmp_path / 'teacher.pth'
    save_atomic({'params': net.state_dict()}, path)
    write_sidecar(path, {'arch': {'type': TEACHER['type'], 'args': {k: v for k, v in TEACHER.items() if k != 'type'}},
                         'scale': 2})
    return str(path)


def batch(iteration, count=5):
    generator = torch.Generator().manual_seed(iteration)
    return {'lq': torch.rand(count, 3, 8, 8, generator=generator),
            'gt': torch.rand(count, 3, 16, 16, generator=generator)}


@pytest.fixture
def build(plain_options, weights):
    def make(settings=None, gan=False, **train):
        torch.manual_seed(0)
        distill = {'weights': weights, **(settings or {})}
        return effsr.build_model(plain_options({'datasets': ..., 'val': ..., 'high_order_degradation': False,
                                                'train': {'distill_opt': distill, **train}}, gan))
    return make


def step(model, iteration):
    model.feed_data(batch(iteration))
    model.optimize_parameters(iteration)
    return model.get_current_log()


def test_features_by_hand():
    own, target = torch.zeros(2, 1, 2, 2), torch.tensor([2.0, 1.0])[:, None, None, None].expand(2, 1, 2, 2)
    assert feature_error(own, target).item() == pytest.approx(1)
    assert feature_error(target * 1.5, target).item() == pytest.approx(0.25)
    assert feature_error(target.repeat(1, 1, 3, 3), target).item() == 0  # averaged down
    assert feature_error(target, target.repeat(1, 1, 2, 2)).item() == 0
    mine = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: feature_error(x, torch.ones(2, 3, 2, 2, dtype=torch.float64)), (mine,))


@pytest.mark.parametrize('gan', [False, True])
def test_the_terms_and_who_learns(build, gan):
    model = build(FEATURES, gan)
    teacher = copy.deepcopy(model.distillation.teacher.state_dict())
    adapters = [parameter.clone() for parameter in model.distillation.parameters()]
    assert [tuple(weights.shape) for weights in adapters] == [(6, 4, 1, 1), (6,)] * 2
    log = step(model, 1)
    prefix = 'l_g_' if gan else 'l_'
    assert log[f'{prefix}distill_pix'] > 0 and log[f'{prefix}distill_feat'] > 0
    assert all(torch.equal(value, teacher[key]) for key, value in model.distillation.teacher.state_dict().items())
    assert all(not torch.equal(*pair) for pair in zip(adapters, model.distillation.parameters(), strict=True))


@pytest.mark.parametrize(('criterion', 'distance'), [('l1', nn.L1Loss()), ('l2', nn.MSELoss())])
def test_the_pixel_term_by_hand(build, criterion, distance):
    model = build({'pixel_weight': 0.25, 'pixel_criterion': criterion})
    assert model.distillation.parameters() == []
    expected = distance(model.net_g(batch(1)['lq']), model.distillation.teacher(batch(1)['lq'])).item() / 4
    assert step(model, 1)['l_distill_pix'] == pytest.approx(expected, rel=1e-5)


def test_the_student_comes_close_to_its_teacher(build):
    model = build(FEATURES, pixel_opt=..., optim_g={'lr': 0.01})
    logs = [step(model, 1) for _ in range(60)]
    assert logs[-1]['l_distill_pix'] < 0.5 * logs[0]['l_distill_pix']
    assert logs[-1]['l_distill_feat'] < 0.7 * logs[0]['l_distill_feat']


@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('parts', [2, 5])
def test_parts_are_the_whole(build, gan, parts):
    whole, split = (build(FEATURES, gan, optim_g=SGD, accumulate=count, **({'optim_d': SGD} if gan else {}))
                    for count in (1, parts))
    for iteration in (1, 2):
        assert step(split, iteration) == pytest.approx(step(whole, iteration), abs=1e-5)
    for one, other in ((whole.net_g, split.net_g), (whole.distillation.adapters, split.distillation.adapters)):
        for key, value in one.state_dict().items():
            torch.testing.assert_close(other.state_dict()[key], value, rtol=0, atol=2e-6)


def test_with_recomputed_blocks(build):
    rrdb = {'type': 'RRDBNet', 'num_feat': 4, 'num_block': 2, 'num_grow_ch': 4, 'scale': 2, 'num_in_ch': 3,
            'num_out_ch': 3}
    settings = {'network': TEACHER, 'feature_weight': 0.5, 'layers': ['body.2'], 'student_layers': ['body.0']}
    logs = []
    for recompute in (False, True):
        torch.manual_seed(0)
        options = build(settings).options
        train = options.train.model_copy(update={'gradient_checkpointing': recompute})
        plain = options.model_copy(update={'network_g': type(options.network_g)(**rrdb), 'train': train})
        torch.manual_seed(0)
        model = effsr.build_model(plain)
        logs.append([step(model, 1), step(model, 2)])
    assert logs[0] == logs[1] and logs[0][0]['l_distill_feat'] > 0


def test_a_step_that_is_left_out_never_was(build):
    model = build(FEATURES)
    step(model, 1)
    before = [parameter.clone() for parameter in (*model.net_g.parameters(), *model.distillation.parameters())]
    data = batch(2)
    data['lq'][1, 0, 0, 0] = torch.nan
    model.feed_data(data)
    model.optimize_parameters(2)
    after = [*model.net_g.parameters(), *model.distillation.parameters()]
    assert all(map(torch.equal, before, after)) and model.watch.skipped == 1
    found = diagnose(model, fed(model))
    assert found.failure is None and [sample.index for sample in found.samples] == [1]
    model.feed_data(batch(3))
    assert not diagnose(model, fed(model)).found


@pytest.mark.parametrize(('settings', 'train', 'match'), [
    ({'pixel_weight': 0}, {}, 'train.distill_opt.pixel_weight: and feature_weight are 0'),
    ({'feature_weight': 1}, {}, 'train.distill_opt.layers: missing; with feature_weight name modules'),
    ({'layers': ['body.0']}, {}, 'train.distill_opt.layers: without feature_weight have no effect'),
    ({**FEATURES, 'student_layers': ['body.0']}, {}, 'student_layers: 1 of network_g for 2 layers of the teacher'),
    ({**FEATURES, 'layers': ['body.2', 'body.9']}, {}, 'distill_opt.layers: SRVGGNetCompact has no module body.9'),
    ({**FEATURES, 'student_layers': ['body.0', 'bodies']}, {}, 'distill_opt.student_layers: .*no module bodies'),
    ({**FEATURES, 'layers': ['body.2', 'body']}, {}, 'distill_opt.layers: module body does not run by itself'),
    ({'weights': 'nowhere.pth'}, {}, 'train.distill_opt.weights: nowhere.pth'),
    ({'network': {**TEACHER, 'num_feat': 7}}, {}, 'train.distill_opt.weights: .*teacher.pth'),
    ({'network': {'type': 'Teacher'}}, {}, 'train.distill_opt.network.type: no network is called Teacher'),
    ({'network': {**TEACHER, 'num_feats': 7}}, {}, 'train.distill_opt.network.num_feats: .*did you mean num_feat'),
    (FEATURES, {'compile': True}, 'distill_opt.feature_weight: features are not to be had of a network that is comp'),
    ({'pixel_criterion': 'l3'}, {}, 'train.distill_opt.pixel_criterion: '),
])
def test_what_does_not_fit_is_told(build, settings, train, match):
    with pytest.raises(ValueError, match=match):
        build(settings, **train)


def test_one_layer_of_the_teacher_for_two_of_the_student(build):
    layers = {'feature_weight': 0.5, 'layers': ['body.2', 'body.2'], 'student_layers': ['body.0', 'body.2']}
    model = build(layers)
    assert len(model.distillation.adapters.convs) == 2
    assert step(model, 1)['l_distill_feat'] > 0


def test_layers_that_stand_for_both(build):
    with pytest.raises(ValueError, match='distill_opt.layers: SRVGGNetCompact has no module body.9'):
        build({'feature_weight': 0.5, 'layers': ['body.9']})


def test_a_teacher_of_another_scale(build, tmp_path):
    net = effsr.archs.srvgg_arch.SRVGGNetCompact(num_feat=4, num_conv=1, upscale=4)
    save_atomic({'params_ema': net.state_dict()}, tmp_path / 'x4.pth')
    with pytest.raises(ValueError, match=r'the teacher makes \(3, 32, 32\) of \(3, 8, 8\), network_g \(3, 16, 16\)'):
        build({'weights': str(tmp_path / 'x4.pth')})  # recognised from its weights
