"""SRResNet, SRGAN's generator: residual blocks with batch normalisation between two 9x9 convolutions."""
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

# Factors of the pixel shuffles, one for each stage.
STAGES = {2: (2,), 3: (3,), 4: (2, 2)}
# How much is added to the identity at first: by each residual branch, in each stage, and in the last convolution.
BRANCH_GAIN = 0.1
TAIL_GAIN = 0.03
CENTRE = 4  # of a 9x9 kernel


class ResidualBlock(nn.Module):
    """3x3 convolution -> BatchNorm -> PReLU -> 3x3 convolution -> BatchNorm, added to the input.

    (B, C, H, W) -> (B, C, H, W).

    Args:
        num_feat: Channels C.
    """

    def __init__(self, num_feat: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(num_feat)
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(num_feat)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))


@ARCH_REGISTRY.register()
class SRResNet(nn.Module):
    """SRGAN's generator.

    (B, num_in_ch, H, W) -> (B, num_out_ch, H * upscale, W * upscale), RGB in [0, 1]; the output is not clipped.
    9x9 convolution and PReLU -> residual blocks -> 3x3 convolution and BatchNorm, plus the first features -> (3x3
    convolution -> pixel shuffle -> PReLU) once for x2 and x3, twice for x4 -> 9x9 convolution.

    Batch normalisation takes its statistics from the batch in training and from their running averages in evaluation,
    which are part of the weights. Crops of a batch should be many and varied for the two to agree.

    Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017
    (arXiv 1609.04802), figure 4; inputs and outputs are in [0, 1] here. Not theirs is the initialisation, see
    ``_init_weights``.

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        num_feat: Channels inside.
        num_block: Number of residual blocks.
        upscale: 2, 3 or 4.

    Raises:
        ValueError: Another upscale, or a number below 1.
    """

    def __init__(self, num_in_ch: int = 3, num_out_ch: int = 3, num_feat: int = 64, num_block: int = 16,
                 upscale: int = 4) -> None:
        super().__init__()
        if upscale not in STAGES:
            raise ValueError(f'SRResNet: upscale is {upscale!r}; accepted: 2, 3, 4')
        if min(num_in_ch, num_out_ch, num_feat, num_block) < 1:
            raise ValueError('SRResNet: num_in_ch, num_out_ch, num_feat and num_block must be at least 1; '
                             f'got {num_in_ch}, {num_out_ch}, {num_feat}, {num_block}')
        self.upscale = upscale
        self.head = nn.Sequential(nn.Conv2d(num_in_ch, num_feat, 9, 1, 4), nn.PReLU())
        self.body = nn.Sequential(*[ResidualBlock(num_feat) for _ in range(num_block)])
        self.trunk = nn.Sequential(nn.Conv2d(num_feat, num_feat, 3, 1, 1), nn.BatchNorm2d(num_feat))
        stages: list[nn.Module] = []
        for factor in STAGES[upscale]:
            stages += [nn.Conv2d(num_feat, num_feat * factor**2, 3, 1, 1), nn.PixelShuffle(factor), nn.PReLU()]
        self.upsample = nn.Sequential(*stages)
        self.tail = nn.Conv2d(num_feat, num_out_ch, 9, 1, 4)
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        """Begin as a nearest-neighbour upscaler with little on top.

        No path leads from the picture to the output around the network, so with random weights it first has to learn
        to copy. Here the first features are the picture's channels, branches begin small, the pixel shuffles repeat
        each pixel (Aitken et al., arXiv 1707.02937, for all features: no checkerboard), and the last convolution reads
        the channels back.
        """
        head, tail = self.head[0], self.tail
        lanes = min(head.in_channels, head.out_channels)
        for block in self.body:
            nn.init.constant_(block.bn2.weight, BRANCH_GAIN)
        nn.init.constant_(self.trunk[1].weight, BRANCH_GAIN)
        self.trunk[1].weight[:lanes] = 0.0
        for conv, gain in ((head, 1.0), (tail, TAIL_GAIN)):
            nn.init.kaiming_normal_(conv.weight, nonlinearity='linear').mul_(gain)
            nn.init.zeros_(conv.bias)
        head.weight[:lanes] = 0.0
        for lane in range(lanes):
            head.weight[lane, lane, CENTRE, CENTRE] = 1.0
        for channel in range(tail.out_channels):
            tail.weight[channel, min(channel, lanes - 1), CENTRE, CENTRE] += 1.0
        for conv in self.upsample:
            if isinstance(conv, nn.Conv2d):
                _repeat_pixels(conv)

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> (B, num_out_ch, H * upscale, W * upscale)."""
        features = self.head(x)
        features = features + self.trunk(self.body(features))
        return self.tail(self.upsample(features))


def _repeat_pixels(conv: nn.Conv2d) -> None:
    """Let a convolution before a pixel shuffle give each feature, plus a little of all, to all pixels of its square."""
    repeats = conv.out_channels // conv.in_channels
    kernel = conv.weight.new_empty(conv.in_channels, *conv.weight.shape[1:])
    nn.init.kaiming_normal_(kernel, nonlinearity='linear').mul_(BRANCH_GAIN)
    for channel in range(conv.in_channels):
        kernel[channel, channel, 1, 1] += 1.0
    conv.weight.copy_(kernel.repeat_interleave(repeats, dim=0))
    nn.init.zeros_(conv.bias)
