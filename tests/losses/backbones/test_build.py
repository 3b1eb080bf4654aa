"""Networks by name: layers by name and number, weights that fit or do not, what is refused."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import sys

import pytest
import torch
import torchvision
from torch import nn

from effsr.losses.backbones import Backbone, build_extractor
from effsr.losses.backbones.build import layer_name, used_weights
from effsr.losses.backbones.libraries import build_bare, trained_normalisation


@pytest.fixture
def saved(tmp_path):
    """saved(name): a file with random but fixed weights of one of torchvision's networks, and the network."""
    def make(name, change=lambda state: None):
        torch.manual_seed(0)
        net = torchvision.models.get_model(name, weights=None).eval()
        state = net.state_dict()
        change(state)
        torch.save(state, tmp_path / f'{name}.pth')
        return str(tmp_path / f'{name}.pth'), net
    return make


def refused(match, backbone, layers=('layer1',)):
    with pytest.raises(ValueError, match=match) as caught:
        build_extractor(backbone, layers)
    assert '\n' not in str(caught.value)


def test_a_network_of_torchvision(saved):
    path, net = saved('resnet18')
    extractor, names = build_extractor(Backbone('torchvision:resnet18', path, normalise='none'),
                                       ['layer1.0.bn2', 'conv1', 0])
    x = torch.rand(1, 3, 32, 40)
    found = extractor(x)
    assert names == list(extractor.layers) == ['layer1.0.bn2', 'conv1', 'conv1']
    with torch.no_grad():
        torch.testing.assert_close(found['conv1'], net.conv1(x), rtol=0, atol=0)
        inner = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        block = net.layer1[0]
        expected = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(inner)))))
    torch.testing.assert_close(found['layer1.0.bn2'], expected, rtol=0, atol=0)  # the block then adds to it in place


def test_what_is_not_used_is_dropped_and_needs_no_weights(saved):
    def without_the_rest(state):
        for name in [name for name in state if name.startswith(('layer2', 'layer3', 'layer4', 'fc'))]:
            del state[name]
    path, _ = saved('resnet18', without_the_rest)
    extractor, _ = build_extractor(Backbone('torchvision:resnet18', path), ['layer1'])
    assert not any(name.startswith(('net.layer2', 'net.fc')) for name, _ in extractor.named_parameters())
    assert extractor(torch.rand(1, 3, 32, 32))['layer1'].shape == (1, 64, 8, 8)
    refused(r'resnet18.pth: does not fit torchvision:resnet18: layer2.0.conv1.weight and 24 more of 50 missing',
            Backbone('torchvision:resnet18', path), ['layer2'])


def test_used_weights_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.BatchNorm2d(2, affine=False), nn.Conv2d(2, 2, 1))
    found = used_weights(net.requires_grad_().eval(), ['2'], 'it')
    assert found == {'0.weight', '0.bias', '1.weight', '1.bias', '1.running_mean', '1.running_var', '2.running_mean',
                     '2.running_var'}


def test_the_stride_of_the_stem(saved):
    path, net = saved('resnet18')
    sides = [build_extractor(Backbone('torchvision:resnet18', path, stem_stride=stride, upsample=upsample), ['layer1']
                             )[0](torch.rand(1, 3, 32, 32))['layer1'].shape[-1]
             for stride, upsample in ((None, 1), (1, 1), (None, 2), (4, 1))]
    assert sides == [8, 16, 16, 4]


def test_numbers_of_layers():
    assert layer_name(nn.Sequential(nn.Conv2d(3, 1, 1)), 0, 'it') == '0'
    with torch.device('meta'):
        alexnet, resnet = torchvision.models.alexnet(), torchvision.models.resnet18()
    assert [layer_name(alexnet, 3, ''), layer_name(alexnet, 'features.3', ''), layer_name(resnet, '4', '')] == [
        'features.3', 'features.3', 'layer1']


@pytest.mark.parametrize(('backbone', 'layers', 'match'), [
    ('resnet18', ['layer1'], "backbone is 'resnet18'; accepted: torchvision:NAME or timm:NAME"),
    ('torchvision:', ['layer1'], "backbone is 'torchvision:'; accepted"),
    ('torchvision:resnet19', ['layer1'], 'which torchvision does not have; nearest: torchvision:resnet18'),
    ('torchvision:fasterrcnn_resnet50_fpn', ['layer1'], 'which torchvision does not have'),
    ('torchvision:resnet18', ['layr1'], 'layers: layr1: torchvision:resnet18 has no such layer; nearest: layer1'),
    ('torchvision:resnet18', [10], r'layers: 10: .* has no such layer; accepted: 0 to 9 \(conv1 to fc\)'),
    ('torchvision:resnet18', [-1], 'layers: -1: .* accepted: 0 to 9'),
    ('torchvision:resnet18', ['qqqq'], 'layers: qqqq: .* accepted: conv1, bn1, relu'),
    ('torchvision:resnet18', ['fc'], r'layers: fc: answers \(1, 1000\) in .*; accepted: layers that answer in maps'),
    ('torchvision:googlenet', ['aux1.conv'], 'layers: aux1.conv: does not run in torchvision:googlenet'),
    ('vgg19', ['conv5_5'], 'layers: conv5_5: vgg19 has no such layer; nearest: conv5_'),
    ('vgg19', [37], r'layers: 37: vgg19 has no such layer; accepted: 0 to 36 \(conv1_1 to pool5\)'),
])
def test_names_that_are_refused(backbone, layers, match, saved):
    path = saved('resnet18')[0]
    refused(match, Backbone(backbone, path), layers)


def test_weights_that_do_not_fit(saved, tmp_path):
    path, _ = saved('resnet34')
    refused(r'resnet34.pth: does not fit torchvision:resnet50: layer1.0.conv1.weight is \(64, 64, 3, 3\), it needs '
            r'\(64, 64, 1, 1\)', Backbone('torchvision:resnet50', path), ['layer1.0.conv1'])
    refused('does not fit vgg16: conv1_1.weight and 1 more of 2 missing', Backbone('vgg16', path), ['conv1_1'])
    broken, _ = saved('resnet18', lambda state: state['conv1.weight'].fill_(float('nan')))
    refused('resnet18.pth: conv1.weight holds numbers that are not finite', Backbone('torchvision:resnet18', broken))
    refused('no.pth: no such file', Backbone('torchvision:resnet18', str(tmp_path / 'no.pth')))


def test_arguments_of_the_library(saved):
    path = saved('resnet18')[0]
    refused(r"torchvision:resnet18 cannot be built: .*zero_init.*check backbone_args: \{'zero_init': 1\}",
            Backbone('torchvision:resnet18', path, {'zero_init': 1}))
    net = build_bare('torchvision:resnet18', {'zero_init_residual': True})
    assert (net.layer1[0].bn2.weight == 0).all()


def test_a_stem_that_is_none():
    torch.manual_seed(0)
    with pytest.raises(ValueError, match='stem_stride: it does not begin with a convolution of pictures'):
        from effsr.losses.backbones.build import _set_stem_stride
        _set_stem_stride(nn.Sequential(nn.Conv2d(4, 1, 1)), 1, 'it')


def test_what_pictures_weights_were_trained_on():
    assert trained_normalisation('torchvision:resnet50', nn.Identity()) == 'imagenet'
    assert trained_normalisation('torchvision:efficientnet_v2_l', nn.Identity()) == 'minus_one_one'
    net = nn.Identity()
    for mean, std, expected in (((0.5,) * 3, [0.5] * 3, 'minus_one_one'), ((0.0,) * 3, (1.0,) * 3, 'none')):
        net.pretrained_cfg = {'mean': mean, 'std': std}
        assert trained_normalisation('timm:any', net) == expected
    net.pretrained_cfg = {'mean': (0.4,) * 3, 'std': (0.2,) * 3}
    with pytest.raises(ValueError, match=r'normalise: timm:any was trained on pictures .*mean \(0.4, 0.4, 0.4\)'):
        trained_normalisation('timm:any', net)


def test_the_network_that_turns_pictures_itself_does():
    assert build_bare('torchvision:googlenet', {}).transform_input
    assert not build_bare('torchvision:googlenet', {'transform_input': False}).transform_input


def test_building_does_not_move_the_random_state(saved):
    path = saved('resnet18')[0]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    build_extractor(Backbone('torchvision:resnet18', path), ['layer1'])
    assert torch.equal(torch.get_rng_state(), before)


def test_fp16_weights_are_computed_in_fp32(saved):
    def halved(state):
        state.update({name: value.half() if value.is_floating_point() else value for name, value in state.items()})
    path, _ = saved('resnet18', halved)
    extractor, _ = build_extractor(Backbone('torchvision:resnet18', path), ['layer1'])
    assert {parameter.dtype for parameter in extractor.parameters()} == {torch.float32}


def test_weights_without_the_version_that_a_network_asks_for(saved):
    path, net = saved('mnasnet0_5')
    extractor, _ = build_extractor(Backbone('torchvision:mnasnet0_5', path, normalise='none'), ['layers.8'])
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(extractor(x)['layers.8'], net.layers[:9](x), rtol=0, atol=0)


def test_timm(tmp_path):
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    net = timm.create_model('mobilenetv1_100', pad_type='same').eval()
    torch.save(net.state_dict(), tmp_path / 'm.pth')
    backbone = Backbone('timm:mobilenetv1_100', str(tmp_path / 'm.pth'), {'pad_type': 'same'}, 'none')
    extractor, names = build_extractor(backbone, ['blocks.0', 2, 'conv_stem'])
    assert names == ['blocks.0', 'blocks.2', 'conv_stem']
    assert build_extractor(Backbone('timm:mobilenetv1_100', str(tmp_path / 'm.pth')), [0])[0].mean[0, 0] == 0.5
    x = torch.rand(1, 3, 33, 32)
    with torch.no_grad():
        inner = net.blocks[0](net.bn1(net.conv_stem(x)))
        torch.testing.assert_close(extractor(x)['blocks.0'], inner, rtol=0, atol=0)
        torch.testing.assert_close(extractor(x)['blocks.2'], net.blocks[2](net.blocks[1](inner)), rtol=0, atol=0)
    refused('which timm does not have; nearest: timm:mobilenetv1_', Backbone('timm:mobilnetv1_10'))
    refused('layers: blocks.7: .*nearest: blocks', backbone, ['blocks.7'])


def test_timm_weights_in_the_folder_and_none(tmp_path, monkeypatch):
    timm = pytest.importorskip('timm')
    monkeypatch.chdir(tmp_path)
    create = timm.create_model

    def offline(name, pretrained=False, **arguments):
        if pretrained:
            raise OSError('no network\nat all')
        return create(name, **arguments)
    monkeypatch.setattr(timm, 'create_model', offline)
    backbone = Backbone('timm:resnet10t')
    with pytest.raises(FileNotFoundError, match=r"timm:resnet10t are neither in timm's cache .*no network\); "
                                                r'put them into experiments.pretrained_models.resnet10t.safetensors '
                                                r'\(or .pth\), or give the path of a file as weights:') as caught:
        build_extractor(backbone, ['layer1'])
    assert '\n' not in str(caught.value)
    (tmp_path / 'experiments/pretrained_models').mkdir(parents=True)
    torch.save(create('resnet10t').state_dict(), tmp_path / 'experiments/pretrained_models/resnet10t.pth')
    assert build_extractor(backbone, ['layer1'])[0](torch.rand(1, 3, 32, 32))['layer1'].shape == (1, 64, 8, 8)


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    refused('backbone timm:resnet18 needs the package timm, which .*; pip install timm', Backbone('timm:resnet18'))
