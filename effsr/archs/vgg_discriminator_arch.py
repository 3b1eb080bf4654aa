"""VGGStyleDiscriminator, ESRGAN's: one score for a crop of 128 or 256 pixels."""
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.bridge import claim

HALVINGS = {128: 5, 256: 6}  # input_size -> how often it is halved, down to SIDE
SIDE = 4
MOST_WIDTH = 8  # times num_feat
NUM_DENSE = 100

claim(ARCH_REGISTRY, 'VGGStyleDiscriminator')


@ARCH_REGISTRY.register()
class VGGStyleDiscriminator(nn.Module):
    """A network in VGG's style, with BatchNorm and a dense head.

    (B, num_in_ch, input_size, input_size) -> (B, 1), raw scores before any sigmoid. At each size a 3x3 convolution and
    one of 4x4 with stride 2, from num_feat to 8 num_feat channels, all but the first with BatchNorm, each with
    LeakyReLU 0.2; then a dense layer of 100, LeakyReLU 0.2, and one of 1.

    Names, shapes and, from the same seed, initial values of the parameters are those of BasicSR's VGGStyleDiscriminator
    (here VGGStyleDiscriminator_basicsr), and so is the output. That one fails on images laid out channels last, and
    does not say which of its modules give features.

    Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCVW 2018 (arXiv 1809.00219).

    Args:
        num_in_ch: Channels of the image.
        num_feat: Channels of the first convolution.
        input_size: Side of the crops: 128 or 256.

    Raises:
        ValueError: Another input_size, or a number below 1.
    """

    def __init__(self, num_in_ch: int = 3, num_feat: int = 64, input_size: int = 128) -> None:
        super().__init__()
        if input_size not in HALVINGS:
            raise ValueError(f'VGGStyleDiscriminator: input_size is {input_size!r}; accepted: 128, 256')
        if min(num_in_ch, num_feat) < 1:
            raise ValueError('VGGStyleDiscriminator: num_in_ch and num_feat must be at least 1; '
                             f'got {num_in_ch} and {num_feat}')
        self.input_size = input_size
        channels = num_in_ch
        for level in range(HALVINGS[input_size]):
            width = num_feat * min(2**level, MOST_WIDTH)
            # BatchNorm takes a bias out again.
            self.add_module(f'conv{level}_0', nn.Conv2d(channels, width, 3, 1, 1, bias=level == 0))
            if level:
                self.add_module(f'bn{level}_0', nn.BatchNorm2d(width))
            self.add_module(f'conv{level}_1', nn.Conv2d(width, width, 4, 2, 1, bias=False))
            self.add_module(f'bn{level}_1', nn.BatchNorm2d(width))
            channels = width
        # Feature matching compares these; the activations work on them in place.
        self.feature_layers = ('conv0_0', *(name for name, _ in self.named_children() if name.startswith('bn')))
        self.linear1 = nn.Linear(channels * SIDE**2, NUM_DENSE)
        self.linear2 = nn.Linear(NUM_DENSE, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, input_size, input_size) -> scores (B, 1).

        Raises:
            ValueError: Another height or width.
        """
        height, width = x.shape[-2:]
        if (height, width) != (self.input_size, self.input_size):
            raise ValueError(f'VGGStyleDiscriminator: the input is {height} x {width} (height x width), input_size is '
                             f'{self.input_size}; give crops of this size, or input_size as it is')
        for name, layer in self.named_children():
            if name.startswith('linear'):
                break
            x = layer(x)
            if name in self.feature_layers:
                x = F.leaky_relu(x, negative_slope=0.2, inplace=True)
        return self.linear2(F.leaky_relu(self.linear1(x.flatten(1)), negative_slope=0.2))
