"""Losses on Fourier spectra, under the names that option files give."""
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.losses.common import TO_ONE, checked_count, checked_number, checked_reduction
from effsr.losses.spectrum import NORMS, PARTS, focal_frequency, spectrum_difference

MOST_PATCHES = 64  # in height and width


@LOSS_REGISTRY.register()
class FFTLoss(nn.Module):
    """L1 distance of Fourier spectra; see :func:`effsr.losses.spectrum.spectrum_difference`.

    Args:
        loss_weight: What it is multiplied with. The 0.1 that papers give is for norm backward; with ortho it is
            0.1 sqrt(H W), for a gt of 128 pixels 12.8.
        reduction: mean or sum.
        part: complex, or amplitude: only how strong a frequency is, not where.
        norm: ortho, the same for any size of crop; backward, as in MIMO-UNet.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean', part: str = 'complex', norm: str = 'ortho'):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction, TO_ONE)
        for name, value, accepted in (('part', part, PARTS), ('norm', norm, NORMS)):
            if value not in accepted:
                raise ValueError(f'{name} is {value!r}; accepted: {", ".join(accepted)}')
        self.part, self.norm = part, norm

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Of pictures (B, C, H, W).

        Raises:
            ValueError: Pictures that differ in shape.
        """
        return self.loss_weight * spectrum_difference(pred, target, self.part, self.norm, self.reduction)


@LOSS_REGISTRY.register()
class FocalFrequencyLoss(nn.Module):
    """Squared distance of Fourier spectra, where frequencies that are further off weigh more.

    See :func:`effsr.losses.spectrum.focal_frequency`.

    Args:
        loss_weight: What it is multiplied with.
        reduction: mean or sum.
        alpha: How much more, from 0.
        patch_factor: Height and width are divided into so many patches each, with spectra of their own.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean', alpha: float = 1.0, patch_factor: int = 1):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction, TO_ONE)
        self.alpha = checked_number('alpha', alpha)
        self.patch_factor = checked_count('patch_factor', patch_factor, MOST_PATCHES)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Of pictures (B, C, H, W).

        Raises:
            ValueError: Pictures that differ in shape, or cannot be divided by patch_factor.
        """
        value = focal_frequency(pred, target, self.alpha, self.patch_factor, self.reduction)
        return self.loss_weight * value
