"""Perceptual loss: BasicSR's numbers, values by hand, gradients, real tiles, what is refused."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from basicsr.utils.registry import LOSS_REGISTRY
from PIL import Image

from effsr.losses.perceptual import CRITERIA, content_distance, frobenius, gram, style_distance
from effsr.losses.perceptual_loss import PerceptualLoss

SHARED = Path(__file__).parents[3] / 'shared/data'
MOBILENET = SHARED / 'features/mobilenetv1_100.safetensors'
VGG19 = 'vgg19-dcbb9e9d.pth'


@pytest.fixture(scope='session')
def vgg_weights(tmp_path_factory):
    """vgg_weights(vgg_type): weights in torchvision's layout, random but fixed, of the features alone."""
    folder = tmp_path_factory.mktemp('vgg')

    def make(vgg_type):
        path = folder / f'{vgg_type}.pth'
        if not path.exists():
            with torch.device('meta'):
                features = torchvision.models.get_model(vgg_type).features
            generator = torch.Generator().manual_seed(0)
            state = {}
            for name, value in features.state_dict().items():
                spread = math.sqrt(2 / value[0].numel()) if value.dim() == 4 else 0.2
                drawn = torch.randn(value.shape, generator=generator) * spread
                state[f'features.{name}'] = drawn.abs() + 0.5 if 'var' in name else drawn
            torch.save(state, path)
        return str(path)
    return make


def pictures(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(*shape, generator=generator, dtype=dtype) for _ in range(2)]


def basicsrs(monkeypatch, path, arguments):
    """BasicSR's loss with the weights of a file."""
    from basicsr.archs import vgg_arch

    def make(pretrained):
        with torch.device('meta'):
            net = torchvision.models.get_model(arguments.get('vgg_type', 'vgg19'))
        net.load_state_dict(torch.load(path, weights_only=True), strict=False, assign=True)
        return net
    monkeypatch.setattr(vgg_arch.vgg, arguments.get('vgg_type', 'vgg19'), make)
    return LOSS_REGISTRY.get('PerceptualLoss_basicsr')(**arguments)


@pytest.mark.parametrize('arguments', [
    {'layer_weights': {'conv1_2': 0.1, 'conv2_2': 0.1, 'conv3_4': 1, 'conv4_4': 1, 'conv5_4': 1}, 'style_weight': 3.0},
    {'layer_weights': {'relu5_4': 1.0}, 'perceptual_weight': 0.3, 'use_input_norm': False},
    {'layer_weights': {'conv5_4': 1.0, 'relu3_1': 2}, 'range_norm': True, 'criterion': 'fro', 'style_weight': 1.0},
    {'layer_weights': {'relu5_3': 1.0, 'pool2': 0.5}, 'vgg_type': 'vgg16', 'perceptual_weight': 0, 'style_weight': 2},
    {'layer_weights': {'bn2_1': 1.0, 'conv3_3': 0.5}, 'vgg_type': 'vgg16_bn', 'style_weight': 2},
], ids=['realesrgan', 'after', 'fro', 'vgg16 style', 'vgg16_bn'])
def test_basicsrs_numbers_and_gradients(arguments, vgg_weights, monkeypatch):
    path = vgg_weights(arguments.get('vgg_type', 'vgg19'))
    theirs, ours = basicsrs(monkeypatch, path, arguments), PerceptualLoss(**arguments, weights=path)
    pred, target = pictures(2, 3, 40, 33)
    results = []
    for loss in (theirs, ours):
        x = pred.clone().requires_grad_()
        parts = loss(x, target)
        sum(part for part in parts if part is not None).backward()
        results.append((*parts, x.grad))
    for expected, found in zip(*results, strict=True):
        assert (expected is None) == (found is None)
        if expected is not None:
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


def test_no_more_of_the_network_than_needed(vgg_weights):
    loss = PerceptualLoss({'conv1_2': 1}, weights=vgg_weights('vgg19'))
    assert sum(parameter.numel() for parameter in loss.parameters()) == 3 * 64 * 9 + 64 + 64 * 64 * 9 + 64
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_gram_by_hand():
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 1, 2)
    assert gram(features)[0].tolist() == [[5 / 4, 11 / 4], [11 / 4, 25 / 4]]
    assert gram(torch.rand(2, 5, 3, 4)).shape == (2, 5, 5)


def test_distances_by_hand():
    first = {'a': torch.tensor([3.0, 0.0]).view(1, 1, 1, 2), 'b': torch.ones(1, 1, 1, 1)}
    second = {'a': torch.tensor([0.0, -4.0]).view(1, 1, 1, 2), 'b': torch.zeros(1, 1, 1, 1)}
    weights = {'a': 2.0, 'b': 10.0}
    assert [content_distance(first, second, weights, CRITERIA[name]).item() for name in ('l1', 'l2', 'fro')] == [
        2 * 3.5 + 10, 2 * 12.5 + 10, 2 * 5 + 10]
    # Grams: 9/2 and 16/2; 1 and 0.
    assert style_distance(first, second, weights, CRITERIA['l1']).item() == 2 * 3.5 + 10


def test_the_norm_of_nothing_has_a_gradient():
    x = torch.zeros(1, 2, 2, 2, requires_grad=True)
    frobenius(x, torch.zeros(1, 2, 2, 2)).backward()
    assert (x.grad == 0).all()


def test_l2_is_the_mean_square(vgg_weights):
    loss = PerceptualLoss({'conv1_1': 1.0}, weights=vgg_weights('vgg11'), vgg_type='vgg11', criterion='l2')
    pred, target = pictures(1, 3, 8, 8)
    expected = (loss.extractor(pred)['conv1_1'] - loss.extractor(target)['conv1_1']).square().mean()
    torch.testing.assert_close(loss(pred, target)[0], expected)


@pytest.mark.parametrize('criterion', ['l1', 'l2', 'fro'])
def test_gradients(criterion, vgg_weights):
    loss = PerceptualLoss({'conv1_1': 1.0, 'relu2_1': 0.5}, weights=vgg_weights('vgg11'), vgg_type='vgg11',
                          criterion=criterion, style_weight=2.0).double()
    pred, target = pictures(1, 3, 4, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), pred.requires_grad_())


def test_the_target_gets_no_gradient_and_equal_pictures_no_loss(vgg_weights):
    loss = PerceptualLoss({'conv2_1': 1.0}, weights=vgg_weights('vgg11'), vgg_type='vgg11', style_weight=1.0).train()
    pred, target = (picture.requires_grad_() for picture in pictures(1, 3, 16, 16))
    sum(loss(pred, target)).backward()
    assert target.grad is None and pred.grad.abs().sum() > 0
    assert [part.item() for part in loss(pred, pred)] == [0, 0]


def test_layers_of_a_vgg_by_number_and_by_either_name(vgg_weights):
    pred, target = pictures(1, 3, 16, 16)
    values = [PerceptualLoss(**arguments, vgg_type='vgg11', weights=vgg_weights('vgg11'))(pred, target)[0].item()
              for arguments in ({'layer_weights': {'conv2_1': 0.5}}, {'layers': {3: 0.5}}, {'layers': {'3': 0.5}},
                                {'layers': {'conv2_1': 0.5, 'conv5_2': 0}})]
    assert len(set(values)) == 1


def test_bf16_changes_nothing(vgg_weights):
    loss = PerceptualLoss({'conv3_1': 1.0}, weights=vgg_weights('vgg11'), vgg_type='vgg11', style_weight=1.0)
    pred, target = pictures(2, 3, 32, 32)
    expected = loss(pred, target)
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(pred, target)
    assert all(torch.equal(a, b) and a.dtype == torch.float32 for a, b in zip(expected, found, strict=True))


def test_channels_last_changes_no_value(vgg_weights):
    loss = PerceptualLoss({'conv3_1': 1.0}, weights=vgg_weights('vgg11'), vgg_type='vgg11', style_weight=1.0)
    pred, target = pictures(2, 3, 32, 32)
    last = [picture.contiguous(memory_format=torch.channels_last) for picture in (pred, target)]
    torch.testing.assert_close(loss(*last), loss(pred, target))


@pytest.mark.parametrize(('arguments', 'message'), [
    ({}, 'layer_weights is None; accepted: weights by layer, such as {conv5_4: 1}'),
    ({'layer_weights': ['conv5_4']}, r"layer_weights is \['conv5_4'\]; accepted: weights by layer"),
    ({'layer_weights': {'conv5_4': 1}, 'layers': {'conv5_4': 1}}, 'two names for the same'),
    ({'layer_weights': {'conv5_4': -1}}, 'layer_weights: conv5_4 is -1; accepted: a number from 0'),
    ({'layers': {'conv5_4': 0}}, 'layers: all weights are 0'),
    ({'layers': {'conv1_1': 1, 0: 2}}, 'layers: conv1_1 is given twice, by name and by number'),
    ({'layer_weights': {'conv1_1': 1}, 'perceptual_weight': 0}, 'perceptual_weight and style_weight are 0'),
    ({'layer_weights': {'conv1_1': 1}, 'style_weight': -1}, 'style_weight is -1'),
    ({'layer_weights': {'conv1_1': 1}, 'criterion': 'l3'}, "criterion is 'l3'; accepted: l1, l2, fro"),
    ({'layer_weights': {'conv1_1': 1}, 'vgg_type': 'vgg12'}, "vgg_type is 'vgg12'; accepted: vgg11, vgg13"),
    ({'layer_weights': {'conv1_1': 1}, 'normalise': 'zero'}, "normalise is 'zero'; accepted: imagenet, minus_one_one"),
    ({'layer_weights': {'conv1_1': 1}, 'normalise': 'imagenet', 'use_input_norm': False}, 'use_input_norm is false'),
    ({'layer_weights': {'conv1_1': 1}, 'upsample': 3}, 'upsample is 3; accepted: 1, 2'),
    ({'layer_weights': {'conv1_1': 1}, 'stem_stride': 0}, 'stem_stride is 0; accepted: a whole number from 1 to 4'),
    ({'layer_weights': {'conv1_1': 1}, 'backbone_args': {'a': 1}}, 'backbone_args are for a backbone of torchvision'),
])
def test_arguments_that_are_refused(arguments, message, vgg_weights):
    with pytest.raises(ValueError, match=message):
        PerceptualLoss(**{'weights': vgg_weights('vgg19'), **arguments})


def test_pictures_that_differ(vgg_weights):
    loss = PerceptualLoss({'conv1_1': 1}, weights=vgg_weights('vgg19'))
    with pytest.raises(ValueError, match=r'perceptual: pictures of different shapes'):
        loss(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))


@pytest.mark.skipif(not MOBILENET.is_file(), reason='no ../shared/data/features beside the repository')
@pytest.mark.parametrize('finer', [{'stem_stride': 1}, {'upsample': 2}, {}], ids=['stride', 'upsample', 'as it is'])
def test_real_tiles_through_trained_features(finer):
    """Features of ImageNet see blur, noise and blocks that leave little in the pixels, and more the more there is."""
    pytest.importorskip('timm')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        loss = PerceptualLoss(backbone='timm:mobilenetv1_100', weights=str(MOBILENET), normalise='minus_one_one',
                              layers={'blocks.0': 1, 'blocks.1': 1, 'blocks.2': 1}, style_weight=1.0,
                              backbone_args={'pad_type': 'same', 'act_layer': 'relu6'}, **finer)
    tiles = [np.asarray(Image.open(path))[100:228, 100:228] for path in sorted((SHARED / 'train_hr').glob('*'))[:3]]
    gt = torch.stack([torch.tensor(tile).permute(2, 0, 1) / 255 for tile in tiles])
    softer = [torch.nn.functional.avg_pool2d(gt, size, 1, size // 2, count_include_pad=False) for size in (3, 5, 7)]
    values = [loss(picture, gt) for picture in softer]
    for part in (0, 1):
        assert 0 < values[0][part] < values[1][part] < values[2][part] < 10
