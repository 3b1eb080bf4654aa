"""effsr.build_model: the models in a user's own loop, from a plain dict."""
import effsr

# isort: split
import copy

import pytest
import torch

from effsr.runtime.checkpoint import load_network
from effsr.runtime.sidecar import read_sidecar


@pytest.fixture
def bare(plain_options):
    """What a script would write: no datasets, no logger."""
    def make(changes=None, gan=False):
        return plain_options({'datasets': ..., 'logger': ..., 'val': ..., 'name': ..., 'num_gpu': ...,
                              **(changes or {})}, gan)
    return make


@pytest.mark.parametrize('gan', [False, True])
@pytest.mark.parametrize('key', ['type', 'model_type'])
def test_a_users_own_loop(bare, tmp_path, key, gan):
    opt = bare({'path': {'models': str(tmp_path / 'models'), 'training_states': str(tmp_path / 'states')}}, gan)
    opt[key] = opt.pop('model_type')
    given = copy.deepcopy(opt)
    model = effsr.build_model(opt)
    assert opt == given
    model.init_training_settings()
    for iteration in range(1, 4):
        model.feed_data({'gt': torch.rand(2, 3, 24, 24)})
        model.optimize_parameters(iteration)
    log = model.get_current_log()
    assert log and all(isinstance(value, float) for value in log.values())
    model.test()
    visuals = model.get_current_visuals()
    assert {name: tuple(value.shape) for name, value in visuals.items()} == {
        'lq': (2, 3, 8, 8), 'result': (2, 3, 16, 16), 'gt': (2, 3, 16, 16)}
    model.save(0, 3)
    model.save(-1, -1)
    nets = ['g', 'd'] if gan else ['g']
    assert sorted(path.name for path in (tmp_path / 'models').glob('*.pth')) == sorted(
        f'net_{net}_{label}.pth' for net in nets for label in (3, 'latest'))
    assert (tmp_path / 'states/3.state').is_file()
    fresh = copy.deepcopy(model.net_g)
    for entry, net in (('params', model.net_g), ('params_ema', model.net_g_ema)):
        assert load_network(fresh, tmp_path / 'models/net_g_latest.pth', entry) == entry
        assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), net.parameters(), strict=True))
    assert read_sidecar(tmp_path / 'models/net_g_3.pth')['iteration'] == 3


def test_an_empty_path_or_none(bare):
    for path in ({}, None, ...):
        model = effsr.build_model(bare({'path': path}))
        assert model.is_train and model.options.path.models is None
        with pytest.raises(ValueError, match=r'path: models: missing'):
            model.save(0, 1)


@pytest.mark.parametrize('where', ['top', 'train', 'degradation'])
def test_degradation_keys_in_each_place(bare, where):
    keys = {'blur_sigma': [0.5, 0.6], 'jpeg_range2': [80, 90]}
    opt = bare({'degradation': ...})
    if where == 'top':
        opt.update(keys)
    else:
        opt[where] = {**opt.get(where, {}), **keys}
    settings = effsr.build_model(opt).pairs.degradation.settings
    assert settings.blur_sigma == (0.5, 0.6) and settings.jpeg_range2 == (80, 90)


def test_the_switches_may_stand_under_train(bare):
    opt = bare({'gt_size': ..., 'queue_size': ..., 'train': {'gt_size': 12, 'queue_size': 3}})
    pairs = effsr.build_model(opt).pairs
    assert pairs.gt_size == 12 and pairs.pool.size == 3


def test_for_inference_no_train_section_is_needed(bare):
    model = effsr.build_model(bare({'train': ..., 'is_train': False}))
    model.feed_data({'lq': torch.rand(1, 3, 9, 7)})
    model.test()
    assert model.output.shape == (1, 3, 18, 14)
    assert set(model.get_current_visuals()) == {'lq', 'result'}


@pytest.mark.parametrize(('changes', 'match'), [
    ({'model_type': 'RealESRNet'}, r'model_type: no model is called RealESRNet; did you mean RealESRNetModel'),
    ({'network_g': {'type': 'EfficientSR'}}, r'network_g\.type: no network is called EfficientSR; did you mean Eff'),
    ({'network_g': {'width': 3}}, r'network_g\.width: unknown argument of SRVGGNetCompact; known: '),
    ({'network_g': ...}, 'network_g: missing'),
    ({'trian': {}}, 'trian: .*did you mean train'),
    ({'path': {'pretrain_network_g': 'nowhere.pth'}}, 'nowhere.pth: no such file'),
])
def test_what_is_wrong_is_named(bare, changes, match):
    with pytest.raises(ValueError, match=match):
        effsr.build_model(bare(changes))


def test_basicsrs_own_models_build_too(bare):
    model = effsr.build_model(bare({'model_type': 'SRModel_basicsr', 'high_order_degradation': False, 'train': {
        'scheduler': {'type': 'MultiStepLR', 'milestones': [5]}}}))
    model.feed_data({'lq': torch.rand(1, 3, 8, 8), 'gt': torch.rand(1, 3, 16, 16)})
    model.optimize_parameters(1)
    assert type(model).__module__.startswith('basicsr.')
