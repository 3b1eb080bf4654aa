"""UNetDiscriminatorSN, Real-ESRGAN's discriminator: one score for each pixel."""
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

POWER_ITERATIONS = 15


def _normed(in_ch: int, out_ch: int, kernel: int, stride: int) -> nn.Conv2d:
    return spectrally_normed(nn.Conv2d(in_ch, out_ch, kernel, stride, 1, bias=False))


def spectrally_normed(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution under spectral normalisation, its singular vectors already close to the true ones.

    spectral_norm draws them at random and improves them by one step in each training forward. Until then it divides by
    a norm far too small: a fresh discriminator in eval mode answers with huge scores, and its first gradients are too
    large.
    """
    conv = spectral_norm(conv)
    with torch.no_grad():
        matrix = conv.weight_orig.flatten(1)
        u, v = conv.weight_u, conv.weight_v
        for _ in range(POWER_ITERATIONS):
            v.copy_(F.normalize(matrix.t() @ u, dim=0))
            u.copy_(F.normalize(matrix @ v, dim=0))
    return conv


@ARCH_REGISTRY.register()
class UNetDiscriminatorSN(nn.Module):
    """A U-Net that judges every pixel, its inner convolutions under spectral normalisation.

    (B, num_in_ch, H, W) -> (B, 1, H, W), raw scores before any sigmoid. H and W must be divisible by 8, for three
    halvings. Parameters are named as in the public Real-ESRGAN weights (``conv1.weight_orig`` ...), which load
    unchanged. The inner layers' initial scale is divided out by the normalisation, so PyTorch's initialisation is kept.

    Upstream, on other sizes, fails in adding the skip connections with a message about tensor sizes, or, without skip
    connections, answers with a smaller map; here both are a ValueError.

    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, ICCVW 2021
    (arXiv 2107.10833). Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018
    (arXiv 1802.05957).

    Args:
        num_in_ch: Channels of the image.
        num_feat: Channels of the first layer; the deepest has eight times as many.
        skip_connection: Whether to add each encoder level to the decoder's level of its size.
    """

    def __init__(self, num_in_ch: int, num_feat: int = 64, skip_connection: bool = True) -> None:
        super().__init__()
        if min(num_in_ch, num_feat) < 1:
            raise ValueError('UNetDiscriminatorSN: num_in_ch and num_feat must be at least 1; '
                             f'got {num_in_ch} and {num_feat}')
        self.skip_connection = skip_connection
        self.feature_layers = ('conv0', 'conv1', 'conv2', 'conv3')
        self.conv0 = nn.Conv2d(num_in_ch, num_feat, 3, 1, 1)
        self.conv1 = _normed(num_feat, num_feat * 2, 4, 2)
        self.conv2 = _normed(num_feat * 2, num_feat * 4, 4, 2)
        self.conv3 = _normed(num_feat * 4, num_feat * 8, 4, 2)
        self.conv4 = _normed(num_feat * 8, num_feat * 4, 3, 1)
        self.conv5 = _normed(num_feat * 4, num_feat * 2, 3, 1)
        self.conv6 = _normed(num_feat * 2, num_feat, 3, 1)
        self.conv7 = _normed(num_feat, num_feat, 3, 1)
        self.conv8 = _normed(num_feat, num_feat, 3, 1)
        self.conv9 = nn.Conv2d(num_feat, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> scores (B, 1, H, W).

        Raises:
            ValueError: H or W is not divisible by 8.
        """
        height, width = x.shape[-2:]
        if height % 8 or width % 8:
            raise ValueError(f'UNetDiscriminatorSN: the input is {height} x {width} (height x width); '
                             'both must be divisible by 8')
        levels = [_lrelu(self.conv0(x))]
        for down in (self.conv1, self.conv2, self.conv3):
            levels.append(_lrelu(down(levels[-1])))
        out = levels.pop()
        for up in (self.conv4, self.conv5, self.conv6):
            out = F.interpolate(out, scale_factor=2, mode='bilinear', align_corners=False)
            out = _lrelu(up(out))
            if self.skip_connection:
                out = out + levels.pop()
        return self.conv9(_lrelu(self.conv8(_lrelu(self.conv7(out)))))


def _lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, negative_slope=0.2, inplace=True)
