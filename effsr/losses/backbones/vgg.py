"""The convolutions of VGG under the names that papers give them, as deep as they are needed.

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv 1409.1556, table 1.
"""
import re
from collections.abc import Mapping

from torch import Tensor, nn

BLOCKS = {'vgg11': (1, 1, 2, 2, 2), 'vgg13': (2, 2, 2, 2, 2), 'vgg16': (2, 2, 3, 3, 3), 'vgg19': (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)
VGG_TYPES = tuple(name + ending for ending in ('', '_bn') for name in BLOCKS)


def layer_names(vgg_type: str) -> list[str]:
    """Names of all layers in the order in which torchvision counts them: conv1_1, relu1_1 ... pool5.

    convN_M is before the activation, reluN_M after it; with batch normalisation bnN_M is between them.
    """
    kinds = ('conv', 'bn', 'relu') if vgg_type.endswith('_bn') else ('conv', 'relu')
    names = []
    for block, count in enumerate(BLOCKS[vgg_type.removesuffix('_bn')], start=1):
        names += [f'{kind}{block}_{number}' for number in range(1, count + 1) for kind in kinds]
        names.append(f'pool{block}')
    return names


def build_vgg(vgg_type: str, last: str) -> nn.Sequential:
    """Layers of a VGG up to `last`, by their names; (B, 3, H, W), normalised for ImageNet."""
    net, channels = nn.Sequential(), 3
    for name in layer_names(vgg_type):
        kind, block = re.match(r'([a-z]+)([1-5])', name).groups()
        width = WIDTHS[int(block) - 1]
        if kind == 'conv':
            layer, channels = nn.Conv2d(channels, width, 3, padding=1), width
        else:
            layer = {'bn': nn.BatchNorm2d(width), 'relu': nn.ReLU(inplace=True), 'pool': nn.MaxPool2d(2)}[kind]
        net.add_module(name, layer)
        if name == last:
            break
    return net


def named_weights(state: Mapping[str, Tensor], vgg_type: str) -> dict[str, Tensor]:
    """Weights of torchvision's VGG, or of its `features` alone, under the names of :func:`layer_names`."""
    names = dict(enumerate(layer_names(vgg_type)))
    renamed = {}
    for key, value in state.items():
        number, _, parameter = key.removeprefix('features.').partition('.')
        if number.isdigit() and int(number) in names:
            renamed[f'{names[int(number)]}.{parameter}'] = value
    return renamed
