"""EfficientSRNet: depthwise-separable residual blocks with a light channel attention."""
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

# One pixel shuffle for a prime factor; x4 in two steps of 2.
SHUFFLES = {2: (2,), 3: (3,), 4: (2, 2)}
# How much of He's initialisation is kept beside the identity: in each branch, and in the last layer.
BRANCH_GAIN = 0.1
TAIL_GAIN = 0.03


class ECALite(nn.Module):
    """Channel attention: each channel is scaled by one gate in (0, 1), made from the averages of all channels.

    (B, C, H, W) -> (B, C, H, W). Gate: global average -> 1x1 convolution over the channels -> sigmoid. After the idea
    of Wang et al., ECA-Net, CVPR 2020 (arXiv 1910.03151), with a full 1x1 convolution where they slide a short kernel
    along the channels.

    The average runs over the whole picture: a picture cut into tiles gets other gates in each tile.

    Args:
        num_feat: Channels C.
    """

    def __init__(self, num_feat: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv2d(num_feat, num_feat, 1)

    def gate(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> gates (B, C, 1, 1) in (0, 1)."""
        return torch.sigmoid(self.conv(self.pool(x)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x)


class ERBlock(nn.Module):
    """Residual block: depthwise 3x3 -> ReLU -> pointwise 1x1 -> ECALite, added to the input.

    (B, C, H, W) -> (B, C, H, W). The separation is that of MobileNets (Howard et al., 2017, arXiv 1704.04861).

    Args:
        num_feat: Channels C.
    """

    def __init__(self, num_feat: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(num_feat, num_feat, 3, 1, 1, groups=num_feat)
        self.act = nn.ReLU(inplace=True)
        self.pointwise = nn.Conv2d(num_feat, num_feat, 1)
        self.attention = ECALite(num_feat)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.attention(self.pointwise(self.act(self.depthwise(x))))


@ARCH_REGISTRY.register()
class EfficientSRNet(nn.Module):
    """Super-resolution network of ERBlocks with a global residual and pixel-shuffle upsampling.

    (B, num_in_ch, H, W) -> (B, num_out_ch, H * upscale, W * upscale), RGB in [0, 1]; the output is not clipped.
    3x3 convolution -> ERBlocks -> 3x3 convolution, plus the first features -> (3x3 convolution -> pixel shuffle) once
    for x2 and x3, twice for x4 -> 3x3 convolution. The pixel shuffle is that of Shi et al., CVPR 2016
    (arXiv 1609.05158).

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        num_feat: Channels inside.
        num_block: Number of ERBlocks.
        upscale: 2, 3 or 4.

    Raises:
        ValueError: Another upscale, or a number below 1.
    """

    def __init__(
        self,
        num_in_ch: int = 3,
        num_out_ch: int = 3,
        num_feat: int = 32,
        num_block: int = 8,
        upscale: int = 4,
    ) -> None:
        super().__init__()
        if upscale not in SHUFFLES:
            raise ValueError(f'EfficientSRNet: upscale is {upscale!r}; accepted: 2, 3, 4')
        if min(num_in_ch, num_out_ch, num_feat, num_block) < 1:
            raise ValueError('EfficientSRNet: num_in_ch, num_out_ch, num_feat and num_block must be at least 1; '
                             f'got {num_in_ch}, {num_out_ch}, {num_feat}, {num_block}')
        self.upscale = upscale
        self.head = nn.Conv2d(num_in_ch, num_feat, 3, 1, 1)
        self.blocks = nn.Sequential(*[ERBlock(num_feat) for _ in range(num_block)])
        self.trunk = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        steps: list[nn.Module] = []
        for factor in SHUFFLES[upscale]:
            steps += [nn.Conv2d(num_feat, num_feat * factor**2, 3, 1, 1), nn.PixelShuffle(factor)]
        self.upsample = nn.Sequential(*steps)
        self.tail = nn.Conv2d(num_feat, num_out_ch, 3, 1, 1)
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        """Begin as a nearest-neighbour upscaler with little noise on top.

        The network has no path from the picture to its output, so with random weights it spends its first hundreds of
        steps on learning to copy. Here the first features are the picture's channels, the residual branches begin
        small, the pixel shuffles repeat each pixel, and the last convolution reads the channels back. The remaining
        weights are He's, scaled down, so that every parameter gets a gradient. The gates keep PyTorch's
        initialisation: near one half, and different between channels.
        """
        steps = [layer for layer in self.upsample if isinstance(layer, nn.Conv2d)]
        for conv, gain in [(self.head, 1.0), (self.trunk, BRANCH_GAIN), (self.tail, TAIL_GAIN),
                           *[(conv, BRANCH_GAIN) for conv in steps],
                           *[(block.pointwise, BRANCH_GAIN) for block in self.blocks]]:
            nn.init.kaiming_normal_(conv.weight, nonlinearity='linear').mul_(gain)
            nn.init.zeros_(conv.bias)
        for block in self.blocks:
            nn.init.kaiming_normal_(block.depthwise.weight, nonlinearity='relu')
            nn.init.zeros_(block.depthwise.bias)
        lanes = min(self.head.in_channels, self.head.out_channels)
        self.head.weight[:lanes] = 0.0
        for lane in range(lanes):
            self.head.weight[lane, lane, 1, 1] = 1.0
        for conv in steps:
            repeats = conv.out_channels // conv.in_channels
            for channel in range(conv.in_channels):
                conv.weight[channel * repeats:(channel + 1) * repeats, channel, 1, 1] += 1.0
        for channel in range(self.tail.out_channels):
            self.tail.weight[channel, min(channel, lanes - 1), 1, 1] += 1.0

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> (B, num_out_ch, H * upscale, W * upscale)."""
        features = self.head(x)
        features = features + self.trunk(self.blocks(features))
        return self.tail(self.upsample(features))
