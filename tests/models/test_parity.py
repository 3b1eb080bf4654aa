"""One training step on given pairs is BasicSR's own: SRModel's, SRGANModel's and, relativistic, ESRGANModel's.

The discriminator has no spectral norm here. BasicSR lets the generator's pass through it improve the norm's vectors,
which here only the discriminator's own passes do: with one, the two differ by design.
"""
import effsr

# isort: split
import pytest
import torch
from basicsr.models import build_model as basicsr_build_model
from basicsr.utils.registry import ARCH_REGISTRY, LOSS_REGISTRY
from torch import nn

from effsr.options import as_options, to_plain

BASICSR_TYPES = {'no': 'SRModel_basicsr', 'yes': 'SRGANModel_basicsr', 'relativistic': 'ESRGANModel_basicsr'}


class PlainDiscriminator(nn.Sequential):
    """Two convolutions."""

    def __init__(self, num_feat=4):
        super().__init__(nn.Conv2d(3, num_feat, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(num_feat, 1, 3, 1, 1))


@pytest.mark.parametrize('kind', BASICSR_TYPES)
def test_three_steps_give_the_same_weights(plain_options, kind, monkeypatch):
    gan = kind != 'no'
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'PlainDiscriminator', PlainDiscriminator)
    network_d = {'type': 'PlainDiscriminator', 'num_in_ch': ...} if gan else ...
    plain = plain_options({'network_d': network_d, 'datasets': ..., 'val': ..., 'high_order_degradation': False,
                           'train': {
        'scheduler': {'type': 'MultiStepLR', 'milestones': [2], 'gamma': 0.5},
        'optim_g': {'betas': [0.9, 0.99], 'weight_decay': 0.01}}}, gan)
    given = as_options(plain)
    if kind == 'relativistic':
        plain['train']['gan_opt']['relativistic'] = 'average'
    ours = effsr.build_model(plain)
    monkeypatch.setitem(LOSS_REGISTRY._obj_map, 'GANLoss', LOSS_REGISTRY.get('GANLoss_basicsr'))
    theirs = basicsr_build_model({**to_plain(given), 'model_type': BASICSR_TYPES[kind]})
    theirs.net_g.load_state_dict(ours.net_g.state_dict())
    theirs.model_ema(0)
    if gan:
        theirs.net_d.load_state_dict(ours.net_d.state_dict())
    generator = torch.Generator().manual_seed(0)
    for iteration in (1, 2, 3):
        data = {'lq': torch.rand(4, 3, 8, 8, generator=generator), 'gt': torch.rand(4, 3, 16, 16, generator=generator)}
        for model in (ours, theirs):
            model.update_learning_rate(iteration)
            model.feed_data(data)
            model.optimize_parameters(iteration)
        log, expected = ours.get_current_log(), theirs.get_current_log()
        assert {name: log[name] for name in expected} == pytest.approx(expected, abs=1e-6)
        assert ours.get_current_learning_rate() == theirs.get_current_learning_rate()
    for name in ('net_g', 'net_g_ema', *(['net_d'] if gan else [])):
        expected = getattr(theirs, name).state_dict()
        for key, value in getattr(ours, name).state_dict().items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=1e-6, msg=f'{name}.{key}')
