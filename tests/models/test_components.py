"""Networks and losses by name."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import socket
import urllib.error

import pytest
import torch

from effsr.models.components import build_loss, build_network
from effsr.options import Component, OptionError

CPU = torch.device('cpu')


def refused(match, call, *args):
    with pytest.raises(OptionError, match=match) as caught:
        call(*args)
    assert '\n' not in str(caught.value)


def test_a_loss_by_name():
    loss = build_loss(Component(type='L1Loss', loss_weight=2.0), 'pixel_opt', CPU)
    assert float(loss(torch.zeros(2, 3), torch.full((2, 3), 0.5))) == 1.0
    assert build_loss(None, 'pixel_opt', CPU) is None


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'L7Loss'}, r'train\.gan_opt\.type: no loss is called L7Loss; known: .*L1Loss'),
    ({'type': 'GANLoss', 'gan_typ': 'vanilla'}, r'train\.gan_opt: GANLoss: .*accepted: gan_type'),
    ({'type': 'GANLoss', 'gan_type': 'waffle'}, r'train\.gan_opt: GANLoss: gan_type is .waffle'),
    ({'type': 'L1Loss', 'reduction': 'most'}, r'train\.gan_opt: L1Loss: .*most'),
])
def test_loss_errors(options, match):
    refused(match, build_loss, Component(**options), 'gan_opt', CPU)


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'EfficientNet'}, r'network_g\.type: no network is called EfficientNet'),
    ({'type': 'SRVGGNetCompact', 'num_feats': 3}, r'network_g: SRVGGNetCompact: .*num_feats.*accepted: .*num_feat'),
    ({'type': 'SRVGGNetCompact', 'num_feat': 'many'}, r'network_g: SRVGGNetCompact: .*many'),
    ({'type': 'UNetDiscriminatorSN'}, r"network_g: UNetDiscriminatorSN: missing a required argument: 'num_in_ch'"),
])
def test_network_errors(options, match):
    refused(match, build_network, Component(**options), 'network_g')


def test_vgg_that_cannot_be_had_names_the_remedy(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise urllib.error.URLError('no network')
    monkeypatch.setattr(torch.hub, 'download_url_to_file', offline)
    monkeypatch.setattr(socket, 'create_connection', offline)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    options = Component(type='PerceptualLoss', layer_weights={'conv1_2': 1.0})
    refused(r'train\.perceptual_opt: PerceptualLoss: .*no network.*--force_yml train:perceptual_opt=~',
            build_loss, options, 'perceptual_opt', CPU)
