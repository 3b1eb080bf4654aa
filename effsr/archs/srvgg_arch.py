"""SRVGGNetCompact, the plain stack of 3x3 convolutions of Real-ESRGAN's small models."""
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_SLOPE = 0.1
PRELU_SLOPE = 0.25
LAST_LAYER_GAIN = 0.1


def _activation(act_type: str, num_feat: int) -> nn.Module:
    if act_type == 'relu':
        return nn.ReLU(inplace=True)
    if act_type == 'prelu':
        return nn.PReLU(num_parameters=num_feat, init=PRELU_SLOPE)
    if act_type == 'leakyrelu':
        return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
    raise ValueError(f"SRVGGNetCompact: act_type is {act_type!r}; accepted: 'relu', 'prelu', 'leakyrelu'")


@ARCH_REGISTRY.register()
class SRVGGNetCompact(nn.Module):
    """Convolutions at the input's size, one pixel shuffle at the end, on top of the nearest-neighbour upscaled input.

    (B, num_in_ch, H, W) -> (B, num_out_ch, H * upscale, W * upscale), RGB in [0, 1] in Real-ESRGAN's weights; the
    output is not clipped. The receptive field reaches ``num_conv + 2`` input pixels to each side. The parameters are
    named as in the public weights (``body.0.weight`` ...), which load unchanged.

    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, ICCVW 2021
    (arXiv 2107.10833), whose repository introduced this network.

    Args:
        num_in_ch: Channels of the input; must equal num_out_ch or be 1, as the input is added to the output.
        num_out_ch: Channels of the output.
        num_feat: Channels between the convolutions.
        num_conv: Convolutions between the first and the last.
        upscale: Any whole factor from 1.
        act_type: 'relu', 'prelu' (one slope a channel, learnt) or 'leakyrelu' (slope 0.1).

    Raises:
        ValueError: An unknown act_type, channels that cannot be added, or a number out of range.
    """

    def __init__(
        self,
        num_in_ch: int = 3,
        num_out_ch: int = 3,
        num_feat: int = 64,
        num_conv: int = 16,
        upscale: int = 4,
        act_type: str = 'prelu',
    ) -> None:
        super().__init__()
        if num_in_ch not in (1, num_out_ch):
            raise ValueError(f'SRVGGNetCompact: num_in_ch {num_in_ch} cannot be added to num_out_ch {num_out_ch}; '
                             'accepted: equal numbers, or num_in_ch 1')
        if min(num_in_ch, num_out_ch, num_feat, upscale) < 1 or num_conv < 0:
            raise ValueError('SRVGGNetCompact: num_in_ch, num_out_ch, num_feat and upscale must be at least 1 and '
                             f'num_conv at least 0; got {num_in_ch}, {num_out_ch}, {num_feat}, {upscale}, {num_conv}')
        self.upscale = upscale
        layers: list[nn.Module] = []
        channels = num_in_ch
        for _ in range(num_conv + 1):
            layers += [nn.Conv2d(channels, num_feat, 3, 1, 1), _activation(act_type, num_feat)]
            channels = num_feat
        layers.append(nn.Conv2d(channels, num_out_ch * upscale**2, 3, 1, 1))
        self.body = nn.ModuleList(layers)
        self.upsampler = nn.PixelShuffle(upscale)
        self._init_weights({'relu': 0.0, 'prelu': PRELU_SLOPE, 'leakyrelu': LEAKY_SLOPE}[act_type])

    @torch.no_grad()
    def _init_weights(self, slope: float) -> None:
        """He's initialisation for this slope, the last convolution scaled down.

        PyTorch's own shrinks the variance to about a fifth in every layer: after 17 layers nothing of the image is
        left, and what arrives at the output is biases. A small last layer lets training start at the nearest-neighbour
        picture rather than at noise.
        """
        convolutions = [layer for layer in self.body if isinstance(layer, nn.Conv2d)]
        for conv in convolutions:
            nn.init.kaiming_normal_(conv.weight, a=slope)
            nn.init.zeros_(conv.bias)
        convolutions[-1].weight.mul_(LAST_LAYER_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> (B, num_out_ch, H * upscale, W * upscale)."""
        features = x
        for layer in self.body:
            features = layer(features)
        return self.upsampler(features) + F.interpolate(x, scale_factor=self.upscale, mode='nearest')
