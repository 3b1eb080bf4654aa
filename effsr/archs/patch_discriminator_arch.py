"""PatchDiscriminator, which judges overlapping patches, and MultiScaleDiscriminator, which judges at several sizes."""
from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.archs.discriminator_arch import spectrally_normed

NORMS = ('batch', 'instance', 'spectral', 'none')
MOST_WIDTH = 8  # times num_feat
SLOPE = 0.2


def smallest_input(num_layer: int) -> int:
    """Least height and width, in pixels, that leave one score."""
    return 3 * 2**num_layer


@ARCH_REGISTRY.register()
class PatchDiscriminator(nn.Module):
    """Convolutions of 4x4, the first num_layer of them with stride 2, and one score for each patch.

    (B, num_in_ch, H, W) -> (B, 1, H / 2^num_layer - 2, W / 2^num_layer - 2), raw scores before any sigmoid, of patches
    of 70 x 70 pixels with the paper's three layers, 34 with two. Sizes that are not divisible are rounded down.

    Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017 (arXiv 1611.07004),
    section 6.1.2, with its initialisation (normal, deviation 0.02).

    Args:
        num_in_ch: Channels of the image.
        num_feat: Channels of the first layer; they double with each one, up to eight times as many.
        num_layer: Layers of stride 2.
        norm: Between the first and the last convolution: batch, as in the paper; instance; spectral (all convolutions,
            Miyato et al., arXiv 1802.05957); none, which wgan-gp and r1_weight go best with.

    Raises:
        ValueError: An unknown norm, or a number out of range.
    """

    def __init__(self, num_in_ch: int = 3, num_feat: int = 64, num_layer: int = 3, norm: str = 'batch') -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f'PatchDiscriminator: norm is {norm!r}; accepted: {", ".join(NORMS)}')
        if min(num_in_ch, num_feat, num_layer) < 1:
            raise ValueError('PatchDiscriminator: num_in_ch, num_feat and num_layer must be at least 1; got '
                             f'{num_in_ch}, {num_feat} and {num_layer}')
        self.num_layer = num_layer
        widths = [num_feat * min(2**level, MOST_WIDTH) for level in range(num_layer + 1)]
        self.layers = nn.ModuleList([_layer(num_in_ch, widths[0], 2, 'spectral' if norm == 'spectral' else 'none')])
        for level in range(1, num_layer + 1):
            self.layers.append(_layer(widths[level - 1], widths[level], 2 if level < num_layer else 1, norm))
        self.score = _conv(widths[-1], 1, 1, norm == 'spectral')
        self.feature_layers = tuple(f'layers.{level}' for level in range(num_layer + 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> scores (B, 1, h, w).

        Raises:
            ValueError: An image too small for one score.
        """
        smallest = smallest_input(self.num_layer)
        if min(x.shape[-2:]) < smallest:
            raise ValueError(f'PatchDiscriminator: the input is {x.shape[-2]} x {x.shape[-1]} (height x width); with '
                             f'num_layer {self.num_layer} it needs {smallest} x {smallest}')
        for layer in self.layers:
            x = layer(x)
        return self.score(x)


def _layer(in_ch: int, out_ch: int, stride: int, norm: str) -> nn.Sequential:
    # A bias before batch norm would be taken out again.
    layers = [_conv(in_ch, out_ch, stride, norm == 'spectral', bias=norm not in ('batch', 'instance'))]
    if norm in ('batch', 'instance'):
        layers.append(nn.BatchNorm2d(out_ch) if norm == 'batch' else nn.InstanceNorm2d(out_ch, affine=True))
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE, inplace=True))


def _conv(in_ch: int, out_ch: int, stride: int, spectral: bool, bias: bool = True) -> nn.Conv2d:
    conv = nn.Conv2d(in_ch, out_ch, 4, stride, 1, bias=bias)
    nn.init.normal_(conv.weight, 0, 0.02)
    if bias:
        nn.init.zeros_(conv.bias)
    return spectrally_normed(conv) if spectral else conv


@ARCH_REGISTRY.register()
class MultiScaleDiscriminator(nn.Module):
    """Discriminators of one kind, each on the image at half the size of the one before.

    (B, C, H, W) -> a list of their answers, finest first, which losses average.

    Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, CVPR 2018 (arXiv
    1711.11585), section 3.2.

    Args:
        discriminator: Block of a registered network with one answer: type and arguments, as network_d would have it.
        num_scale: How many; 3 in the paper.

    Raises:
        ValueError: No such network, arguments that it does not take, or a number out of range.
    """

    def __init__(self, discriminator: dict[str, Any], num_scale: int = 3) -> None:
        super().__init__()
        if num_scale < 1:
            raise ValueError(f'MultiScaleDiscriminator: num_scale is {num_scale}; accepted: a whole number from 1')
        self.scales = nn.ModuleList(_built(discriminator) for _ in range(num_scale))
        self.feature_layers = tuple(f'scales.{number}.{layer}' for number, scale in enumerate(self.scales)
                                    for layer in getattr(scale, 'feature_layers', ()))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> the answers at H x W, H/2 x W/2, H/4 x W/4 ...

        Raises:
            ValueError: From the discriminators, which a size does not suit.
        """
        answers = []
        for number, scale in enumerate(self.scales):
            if number:
                x = F.avg_pool2d(x, 2)
            answers.append(scale(x))
        return answers


def _built(block: Any) -> nn.Module:
    where = 'MultiScaleDiscriminator: discriminator'
    if not isinstance(block, Mapping) or not isinstance(block.get('type'), str):
        raise ValueError(f'{where} is {block!r}; accepted: a block, such as {{type: PatchDiscriminator, num_feat: 64}}')
    arguments = {str(key): value for key, value in block.items() if key != 'type'}
    known = {name.removesuffix('_basicsr') for name in ARCH_REGISTRY.keys()}  # noqa: SIM118  a registry is no mapping
    if block['type'] not in known - {MultiScaleDiscriminator.__name__}:
        raise ValueError(f'{where}.type is {block["type"]!r}; accepted: a registered network with one answer, such as '
                         'PatchDiscriminator or UNetDiscriminatorSN')
    try:
        return ARCH_REGISTRY.get(block['type'])(**arguments)
    except TypeError as error:
        raise ValueError(f'{where}: {block["type"]}: {error}') from error
