"""RRDBNet, ESRGAN's generator: residual in residual dense blocks."""
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.bridge import claim

# What the picture is folded by before the network, which always enlarges by 4.
FOLDS = {4: 1, 2: 2, 1: 4}
INITIAL_GAIN = 0.1


class ResidualDenseBlock(nn.Module):
    """Five 3x3 convolutions, each seeing the outputs of all before; the last is scaled and added to the input.

    (B, C, H, W) -> (B, C, H, W).

    Args:
        num_feat: Channels C.
        num_grow_ch: Channels that each of the first four convolutions adds.
        residual_scale: Factor of what is added.
    """

    def __init__(self, num_feat: int = 64, num_grow_ch: int = 32, residual_scale: float = 0.2) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.conv1 = nn.Conv2d(num_feat, num_grow_ch, 3, 1, 1)
        self.conv2 = nn.Conv2d(num_feat + num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv3 = nn.Conv2d(num_feat + 2 * num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv4 = nn.Conv2d(num_feat + 3 * num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv5 = nn.Conv2d(num_feat + 4 * num_grow_ch, num_feat, 3, 1, 1)
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        """He's initialisation, scaled down: ESRGAN's way to train a deep network without batch normalisation."""
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            nn.init.kaiming_normal_(conv.weight).mul_(INITIAL_GAIN)
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        parts = [x]
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            parts.append(_lrelu(conv(torch.cat(parts, 1))))
        return self.conv5(torch.cat(parts, 1)) * self.residual_scale + x


class RRDB(nn.Module):
    """Three dense blocks in a row, scaled and added to the input: residual in residual.

    (B, C, H, W) -> (B, C, H, W).

    Args:
        num_feat, num_grow_ch, residual_scale: As for :class:`ResidualDenseBlock`.
    """

    def __init__(self, num_feat: int = 64, num_grow_ch: int = 32, residual_scale: float = 0.2) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.rdb1 = ResidualDenseBlock(num_feat, num_grow_ch, residual_scale)
        self.rdb2 = ResidualDenseBlock(num_feat, num_grow_ch, residual_scale)
        self.rdb3 = ResidualDenseBlock(num_feat, num_grow_ch, residual_scale)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return self.rdb3(self.rdb2(self.rdb1(x))) * self.residual_scale + x


claim(ARCH_REGISTRY, 'RRDBNet')


@ARCH_REGISTRY.register()
class RRDBNet(nn.Module):
    """ESRGAN's and Real-ESRGAN's generator.

    (B, num_in_ch, H, W) -> (B, num_out_ch, H * scale, W * scale), RGB in [0, 1]; the output is not clipped. 3x3
    convolution -> RRDBs -> 3x3 convolution, plus the first features -> twice (nearest-neighbour x2 -> 3x3 convolution)
    -> two 3x3 convolutions. For x2 and x1 pixels are folded into channels first, by 2 and by 4, so that H and W must be
    divisible by that. With the defaults it has 16,697,987 parameters for x4.

    Names, shapes and, from the same seed, initial values of the parameters are those of BasicSR's RRDBNet (here
    RRDBNet_basicsr), and so is the output; public weights load unchanged.

    Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCVW 2018 (arXiv 1809.00219);
    folding: Wang et al., Real-ESRGAN, ICCVW 2021 (arXiv 2107.10833).

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        scale: 1, 2 or 4.
        num_feat: Channels between the blocks.
        num_block: Number of RRDBs.
        num_grow_ch: Channels that each convolution of a dense block adds.
        residual_scale: What residuals are multiplied by before they are added (section 3.1; beta), above 0, up to 1.
            Public weights are for 0.2.

    Raises:
        ValueError: Another scale, a residual_scale out of its range, or a number below 1.
    """

    def __init__(self, num_in_ch: int = 3, num_out_ch: int = 3, scale: int = 4, num_feat: int = 64,
                 num_block: int = 23, num_grow_ch: int = 32, residual_scale: float = 0.2) -> None:
        super().__init__()
        if scale not in FOLDS:
            raise ValueError(f'RRDBNet: scale is {scale!r}; accepted: 1, 2, 4')
        if not 0 < residual_scale <= 1:
            raise ValueError(f'RRDBNet: residual_scale is {residual_scale}; accepted: above 0, up to 1')
        if min(num_in_ch, num_out_ch, num_feat, num_block, num_grow_ch) < 1:
            raise ValueError('RRDBNet: num_in_ch, num_out_ch, num_feat, num_block and num_grow_ch must be at least 1; '
                             f'got {num_in_ch}, {num_out_ch}, {num_feat}, {num_block}, {num_grow_ch}')
        self.scale = scale
        self.conv_first = nn.Conv2d(num_in_ch * FOLDS[scale]**2, num_feat, 3, 1, 1)
        self.body = nn.Sequential(*[RRDB(num_feat, num_grow_ch, residual_scale) for _ in range(num_block)])
        self.conv_body = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_up1 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_up2 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_hr = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_last = nn.Conv2d(num_feat, num_out_ch, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> (B, num_out_ch, H * scale, W * scale).

        Raises:
            ValueError: H or W is not divisible by 2 (scale 2) or 4 (scale 1).
        """
        fold = FOLDS[self.scale]
        height, width = x.shape[-2:]
        if height % fold or width % fold:
            raise ValueError(f'RRDBNet: the input is {height} x {width} (height x width); for x{self.scale} both must '
                             f'be divisible by {fold}')
        features = self.conv_first(F.pixel_unshuffle(x, fold) if fold > 1 else x)
        features = features + self.conv_body(self.body(features))
        for conv in (self.conv_up1, self.conv_up2):
            features = _lrelu(conv(F.interpolate(features, scale_factor=2, mode='nearest')))
        return self.conv_last(_lrelu(self.conv_hr(features)))


def _lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, negative_slope=0.2, inplace=True)
