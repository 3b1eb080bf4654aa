"""SRGANDiscriminator: one score for a crop of one size."""
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

# Width of each convolution in multiples of num_feat, and its stride: four halvings.
LAYERS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))
HALVED = 16


@ARCH_REGISTRY.register()
class SRGANDiscriminator(nn.Module):
    """SRGAN's discriminator.

    (B, num_in_ch, input_size, input_size) -> (B, 1), raw scores before any sigmoid. Eight 3x3 convolutions, strides 1
    and 2 in turn, from num_feat to 8 num_feat channels, all but the first with BatchNorm, each with LeakyReLU 0.2; then
    a dense layer of num_dense, LeakyReLU 0.2, and one of 1.

    The dense layer has num_feat * num_dense * input_size^2 / 32 weights, most of all: 33.6 million for crops of 128,
    134 million for 256. num_dense and num_feat make it smaller.

    Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017
    (arXiv 1609.04802), figure 4.

    Args:
        num_in_ch: Channels of the image.
        num_feat: Channels of the first convolution.
        input_size: Side of the crops, divisible by 16.
        num_dense: Width of the dense layer.

    Raises:
        ValueError: A number below 1, or an input_size that is not divisible by 16.
    """

    def __init__(self, num_in_ch: int = 3, num_feat: int = 64, input_size: int = 128, num_dense: int = 1024) -> None:
        super().__init__()
        if min(num_in_ch, num_feat, input_size, num_dense) < 1:
            raise ValueError('SRGANDiscriminator: num_in_ch, num_feat, input_size and num_dense must be at least 1; '
                             f'got {num_in_ch}, {num_feat}, {input_size}, {num_dense}')
        if input_size % HALVED:
            raise ValueError(f'SRGANDiscriminator: input_size is {input_size}; accepted: what 16 divides, such as '
                             f'{max(1, round(input_size / HALVED)) * HALVED}')
        self.input_size = input_size
        layers: list[nn.Module] = []
        channels = num_in_ch
        for width, stride in LAYERS:
            # BatchNorm takes a bias out again.
            normed = bool(layers)
            layers.append(nn.Conv2d(channels, num_feat * width, 3, stride, 1, bias=not normed))
            layers += [nn.BatchNorm2d(num_feat * width)] if normed else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            channels = num_feat * width
        self.body = nn.Sequential(*layers)
        # Feature matching compares these.
        self.feature_layers = tuple(f'body.{number}' for number, layer in enumerate(layers)
                                    if isinstance(layer, nn.LeakyReLU))
        side = input_size // HALVED
        self.dense = nn.Sequential(nn.Linear(channels * side**2, num_dense), nn.LeakyReLU(0.2, inplace=True),
                                   nn.Linear(num_dense, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, input_size, input_size) -> scores (B, 1).

        Raises:
            ValueError: Another height or width.
        """
        height, width = x.shape[-2:]
        if (height, width) != (self.input_size, self.input_size):
            raise ValueError(f'SRGANDiscriminator: the input is {height} x {width} (height x width), input_size is '
                             f'{self.input_size}; give crops of this size, or input_size as it is')
        return self.dense(self.body(x).flatten(1))
