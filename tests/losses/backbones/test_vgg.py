"""VGG's layers: their names, BasicSR's order, torchvision's shapes, depth as needed."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
import torchvision
from basicsr.archs.vgg_arch import NAMES, insert_bn

from effsr.losses.backbones.vgg import VGG_TYPES, build_vgg, layer_names, named_weights


@pytest.mark.parametrize('vgg_type', VGG_TYPES)
def test_names_are_basicsrs(vgg_type):
    names = NAMES[vgg_type.removesuffix('_bn')]
    assert layer_names(vgg_type) == (insert_bn(names) if vgg_type.endswith('_bn') else names)


def test_names_by_hand():
    assert layer_names('vgg11')[:5] == ['conv1_1', 'relu1_1', 'pool1', 'conv2_1', 'relu2_1']
    assert layer_names('vgg13_bn')[:7] == ['conv1_1', 'bn1_1', 'relu1_1', 'conv1_2', 'bn1_2', 'relu1_2', 'pool1']


@pytest.mark.parametrize('vgg_type', ['vgg11_bn', 'vgg13'])
def test_the_layers_are_torchvisions(vgg_type):
    with torch.device('meta'):
        theirs, ours = torchvision.models.get_model(vgg_type), build_vgg(vgg_type, 'pool5')
    renamed = named_weights(theirs.state_dict(), vgg_type)
    assert {name: value.shape for name, value in renamed.items()} == {
        name: value.shape for name, value in ours.state_dict().items()}
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs.features]


def test_as_deep_as_needed():
    assert [name for name, _ in build_vgg('vgg19', 'conv1_2').named_children()] == ['conv1_1', 'relu1_1', 'conv1_2']


def test_weights_of_the_features_alone():
    value = torch.zeros(1)
    assert named_weights({'0.weight': value, 'features.2.bias': value, 'classifier.0.weight': value, 'n': value},
                         'vgg16') == {'conv1_1.weight': value, 'conv1_2.bias': value}
