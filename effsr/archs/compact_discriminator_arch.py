"""CompactDiscriminator, for generators that are themselves small: a U-Net on pixels folded into channels."""
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.archs.discriminator_arch import UNetDiscriminatorSN


@ARCH_REGISTRY.register()
class CompactDiscriminator(nn.Module):
    """UNetDiscriminatorSN that looks at squares of pixels, whose pixels are its channels, instead of at each pixel.

    (B, num_in_ch, H, W) -> (B, 1, H / fold, W / fold), raw scores before any sigmoid. Nothing of the image is lost
    (pixel unshuffle, Shi et al., arXiv 1609.05158, read backwards), but there are fold^2 times fewer places to compute.
    With fold 2 and half the width it takes a sixteenth of the multiplications of UNetDiscriminatorSN(num_feat=64).

    Args:
        num_in_ch: Channels of the image.
        num_feat: Channels of the first layer; the deepest has eight times as many.
        fold: Side of the squares, in pixels.
        skip_connection: See UNetDiscriminatorSN.

    Raises:
        ValueError: A number out of range.
    """

    def __init__(self, num_in_ch: int = 3, num_feat: int = 32, fold: int = 2, skip_connection: bool = True) -> None:
        super().__init__()
        if min(num_in_ch, num_feat, fold) < 1:
            raise ValueError('CompactDiscriminator: num_in_ch, num_feat and fold must be at least 1; '
                             f'got {num_in_ch}, {num_feat} and {fold}')
        self.fold = fold
        self.unet = UNetDiscriminatorSN(num_in_ch * fold**2, num_feat, skip_connection)
        self.feature_layers = tuple(f'unet.{layer}' for layer in self.unet.feature_layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, num_in_ch, H, W) -> scores (B, 1, H / fold, W / fold).

        Raises:
            ValueError: H or W is not divisible by 8 fold.
        """
        height, width = x.shape[-2:]
        step = 8 * self.fold
        if height % step or width % step:
            raise ValueError(f'CompactDiscriminator: the input is {height} x {width} (height x width); both must be '
                             f'divisible by {step}')
        return self.unet(F.pixel_unshuffle(x, self.fold))
