"""Weights become a network without an option file."""
import json
import os
from pathlib import Path

import pytest
import torch

from effsr.inference.weights import ARCH_REGISTRY, load_model, newest_quickstart_weights
from effsr.runtime.checkpoint import CheckpointError, save_atomic
from effsr.runtime.sidecar import sidecar_path, write_sidecar

SRVGG = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_conv': 3, 'upscale': 4, 'act_type': 'prelu'}
RRDB = {'num_in_ch': 3, 'num_out_ch': 3, 'scale': 4, 'num_feat': 8, 'num_block': 2, 'num_grow_ch': 4}
SRRESNET = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 3, 'upscale': 4}
EFFICIENT = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 3, 'upscale': 4}


def save_weights(path: Path, arch: str, args: dict, key: str | None = 'params') -> torch.nn.Module:
    torch.manual_seed(0)
    net = ARCH_REGISTRY.get(arch)(**args)
    save_atomic({key: net.state_dict()} if key else net.state_dict(), path)
    return net.eval()


@pytest.mark.parametrize(('arch', 'args', 'key'), [
    ('SRVGGNetCompact', SRVGG, 'params'),
    ('SRVGGNetCompact', {**SRVGG, 'upscale': 2, 'num_conv': 0}, None),
    ('SRVGGNetCompact', {**SRVGG, 'upscale': 1, 'act_type': 'relu'}, 'params'),
    ('RRDBNet', RRDB, 'params_ema'),
    ('RRDBNet', {**RRDB, 'scale': 2}, 'params_ema'),
    ('RRDBNet', {**RRDB, 'scale': 1, 'num_block': 1}, 'params'),
    ('SRResNet', SRRESNET, 'params'),
    ('SRResNet', {**SRRESNET, 'upscale': 2}, 'params_ema'),
    ('SRResNet', {**SRRESNET, 'upscale': 3, 'num_feat': 5}, None),
    ('EfficientSRNet', EFFICIENT, 'params'),
    ('EfficientSRNet', {**EFFICIENT, 'upscale': 2}, 'params_ema'),
    ('EfficientSRNet', {**EFFICIENT, 'upscale': 3, 'num_feat': 5}, 'params'),
])
def test_networks_are_recognised_and_compute_the_same(tmp_path, arch, args, key):
    path = tmp_path / 'net.pth'
    net = save_weights(path, arch, args, key)
    model = load_model(path)
    scale = args.get('upscale', args.get('scale'))
    assert (model.arch, model.args, model.scale, model.path) == (arch, args, scale, path)
    assert model.key == (key or 'bare')
    assert not model.net.training and not any(p.requires_grad for p in model.net.parameters())
    assert model.multiple == ({1: 4, 2: 2, 4: 1}[scale] if arch == 'RRDBNet' else 1)
    assert bool(model.note) == (args.get('act_type') == 'relu')
    lq = torch.rand(1, 3, 8, 12)
    with torch.no_grad():
        sr = model.net(lq)
        assert sr.shape == (1, 3, 8 * scale, 12 * scale)
        torch.testing.assert_close(sr, net(lq))


def test_public_weights_have_these_names(tmp_path):
    """SRVGGNetCompact of 64 features and 32 convolutions has the names and shapes of realesr-general-x4v3.pth."""
    compact = {'body.0.weight': (64, 3, 3, 3), 'body.1.weight': (64,), 'body.66.weight': (48, 64, 3, 3)}
    net = save_weights(tmp_path / 'a.pth', 'SRVGGNetCompact', {'num_feat': 64, 'num_conv': 32, 'upscale': 4})
    assert {name: tuple(net.state_dict()[name].shape) for name in compact} == compact
    model = load_model(tmp_path / 'a.pth')
    assert (model.args['num_feat'], model.args['num_conv'], model.scale) == (64, 32, 4)


def test_weights_in_esrgans_first_layout_upscale(tmp_path):
    net = save_weights(tmp_path / 'new.pth', 'RRDBNet', RRDB)
    numbers = {'conv_first': '0', 'conv_body': f'1.sub.{RRDB["num_block"]}', 'conv_up1': '3', 'conv_up2': '6',
               'conv_hr': '8', 'conv_last': '10'}
    old = {}
    for name, value in net.state_dict().items():
        layer, _, kind = name.rpartition('.')
        block = layer.replace('body.', '1.sub.').replace('rdb', 'RDB') + '.0'
        old[f'model.{numbers.get(layer, block)}.{kind}'] = value
    assert 'model.1.sub.1.RDB3.conv5.0.weight' in old
    save_atomic(old, tmp_path / 'old.pth')
    model = load_model(tmp_path / 'old.pth')
    assert (model.arch, model.args, model.scale, model.key) == ('RRDBNet', RRDB, 4, 'bare')
    lq = torch.rand(1, 3, 6, 5)
    assert torch.equal(model.net(lq), net(lq))


def test_half_precision_weights_become_float32(tmp_path):
    net = ARCH_REGISTRY.get('SRVGGNetCompact')(**SRVGG).half()
    save_atomic({'params': net.state_dict()}, tmp_path / 'a.pth')
    assert {p.dtype for p in load_model(tmp_path / 'a.pth').net.parameters()} == {torch.float32}


def test_the_sidecar_is_believed(tmp_path):
    args = {**SRVGG, 'act_type': 'leakyrelu'}
    save_weights(tmp_path / 'a.pth', 'SRVGGNetCompact', args)
    write_sidecar(tmp_path / 'a.pth', {'effsr': '0', 'arch': {'type': 'SRVGGNetCompact', 'args': args}, 'scale': 4})
    model = load_model(tmp_path / 'a.pth')
    assert model.args == args and model.note == ''


def test_scale_comes_from_arguments_or_defaults(tmp_path):
    save_weights(tmp_path / 'a.pth', 'EfficientSRNet', {'upscale': 2})
    for args in ({'upscale': 2}, {'upscale': 2, 'num_feat': 32}):
        write_sidecar(tmp_path / 'a.pth', {'arch': {'type': 'EfficientSRNet', 'args': args}})
        assert load_model(tmp_path / 'a.pth').scale == 2
    save_weights(tmp_path / 'b.pth', 'EfficientSRNet', {})
    write_sidecar(tmp_path / 'b.pth', {'arch': {'type': 'EfficientSRNet'}})
    assert load_model(tmp_path / 'b.pth').scale == 4


def test_a_sidecar_without_architecture_leaves_recognition(tmp_path):
    save_weights(tmp_path / 'a.pth', 'RRDBNet', RRDB)
    write_sidecar(tmp_path / 'a.pth', {'iteration': 5})
    assert load_model(tmp_path / 'a.pth').arch == 'RRDBNet'


@pytest.mark.parametrize(('info', 'match'), [
    ({'arch': {'type': 'SRVGGNetCompat', 'args': SRVGG}}, "unknown architecture 'SRVGGNetCompat'.*SRVGGNetCompact"),
    ({'arch': {'type': 'SRVGGNetCompact', 'args': {'width': 3}}}, r'cannot be built with \(width=3\)'),
    ({'arch': {'type': 'SRVGGNetCompact', 'args': {**SRVGG, 'act_type': 'x'}}}, 'cannot be built'),
    ({'arch': {'type': 'SRVGGNetCompact', 'args': SRVGG}, 'scale': 2}, 'scale is 2, but .* upscale 4'),
    ({'arch': {'type': 'SRVGGNetCompact', 'args': SRVGG}, 'scale': '4'}, "scale is '4'"),
    ({'arch': {'type': 'SRVGGNetCompact', 'args': {**SRVGG, 'num_in_ch': 1}}}, 'num_in_ch 1'),
    ({'arch': 'SRVGGNetCompact'}, 'arch is'),
    ({'arch': {'type': 'SRVGGNetCompact', 'args': {**SRVGG, 'upscale': 2}}}, 'another scale'),
])
def test_a_wrong_sidecar_is_one_clear_error(tmp_path, info, match):
    save_weights(tmp_path / 'a.pth', 'SRVGGNetCompact', SRVGG)
    sidecar_path(tmp_path / 'a.pth').write_text(json.dumps(info))
    with pytest.raises(CheckpointError, match=match) as caught:
        load_model(tmp_path / 'a.pth')
    assert str(tmp_path) in str(caught.value) and '\n' not in str(caught.value)


def test_unknown_weights_list_what_can_be_recognised(tmp_path):
    save_atomic({'params': torch.nn.Linear(2, 2).state_dict()}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='EfficientSRNet, SRVGGNetCompact, RRDBNet, SRResNet.*a.json'):
        load_model(tmp_path / 'a.pth')


def test_a_recognised_name_with_odd_shapes_is_an_error(tmp_path):
    odd = [{'body.0.weight': torch.zeros(8, 3, 3, 3), 'body.2.weight': torch.zeros(10, 8, 3, 3)},
           {'body.0.weight': torch.zeros(8), 'body.2.weight': torch.zeros(12, 8, 3, 3)},
           {'body.0.weight': torch.zeros(8, 3, 3, 3), 'body.2.weight': torch.zeros(12, 8, 3, 3)},
           {'head.weight': torch.zeros(8, 3, 3, 3), 'tail.weight': torch.zeros(3, 8, 3, 3),
            'upsample.0.weight': torch.zeros(8, 8, 3, 3), 'blocks.0.depthwise.weight': torch.zeros(8, 1, 3, 3)}]
    for state_dict in odd:
        save_atomic({'params': state_dict}, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match='a.pth'):
            load_model(tmp_path / 'a.pth')


def test_newest_quickstart_weights(tmp_path):
    assert newest_quickstart_weights(tmp_path / 'missing') is None
    names = ['quickstart_esrnet_x4', 'quickstart_esrgan_x4', 'train_esrgan_x4']
    for age, name in zip((20, 30, 10), names, strict=True):
        path = tmp_path / name / 'models/net_g_latest.pth'
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert newest_quickstart_weights(tmp_path) == tmp_path / 'quickstart_esrnet_x4/models/net_g_latest.pth'
