"""Losses on pixels and their neighbours, under the names that option files give."""
import basicsr.losses  # noqa: F401  BasicSR must have registered its own before they can be renamed
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.bridge import claim
from effsr.losses.common import TO_ONE, checked_count, checked_number, checked_reduction, reduced
from effsr.losses.pixels import MOST_LEVELS, charbonnier, gradient_difference, total_variation, wavelet_difference

claim(LOSS_REGISTRY, 'CharbonnierLoss')


@LOSS_REGISTRY.register()
class CharbonnierLoss(nn.Module):
    """Charbonnier loss, L1 that is smooth near 0; see :func:`effsr.losses.pixels.charbonnier`.

    Args:
        loss_weight: What it is multiplied with.
        reduction: mean, sum or, in programs of one's own, none.
        eps: Square of the difference below which it is smooth; 1e-6 in LapSRN, 1e-12 in BasicSR.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean', eps: float = 1e-12):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction)
        self.eps = checked_number('eps', eps, above=True)

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Of pictures (B, C, H, W); weight is (B, C, H, W) or (B, 1, H, W).

        Raises:
            ValueError: Pictures that differ in shape.
        """
        return self.loss_weight * reduced(charbonnier(pred, target, self.eps), self.reduction, weight)


@LOSS_REGISTRY.register()
class TVLoss(nn.Module):
    """Total variation of a picture, whatever it is compared with: less of it is smoother; a term beside others.

    See :func:`effsr.losses.pixels.total_variation`.

    Args:
        loss_weight: What it is multiplied with.
        reduction: mean or sum.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean'):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction, TO_ONE)

    def forward(self, pred: Tensor, target: Tensor | None = None) -> Tensor:
        """Of pictures (B, C, H, W); the target is not looked at.

        Raises:
            ValueError: Pictures of less than 2 x 2 pixels.
        """
        return self.loss_weight * total_variation(pred, self.reduction)


@LOSS_REGISTRY.register()
class GradientLoss(nn.Module):
    """Absolute difference of slopes (Sobel), which sees edges; see :func:`effsr.losses.pixels.gradient_difference`.

    Args:
        loss_weight: What it is multiplied with.
        reduction: mean, sum or, in programs of one's own, none.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean'):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Of pictures (B, C, H, W).

        Raises:
            ValueError: Pictures that differ in shape, or of less than 3 x 3 pixels.
        """
        return self.loss_weight * reduced(gradient_difference(pred, target), self.reduction)


@LOSS_REGISTRY.register()
class WaveletLoss(nn.Module):
    """Absolute difference of the detail bands of Haar wavelets; see :func:`effsr.losses.pixels.wavelet_difference`.

    Args:
        loss_weight: What it is multiplied with.
        reduction: mean or sum of each band; bands are added up.
        levels: Of details, 1 to 8: of pixels 1, 2, 4 ... apart.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean', levels: int = 2):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction, TO_ONE)
        self.levels = checked_count('levels', levels, MOST_LEVELS)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Of pictures (B, C, H, W).

        Raises:
            ValueError: Pictures that differ in shape, or are smaller than 2^levels.
        """
        return self.loss_weight * wavelet_difference(pred, target, self.levels, self.reduction)
