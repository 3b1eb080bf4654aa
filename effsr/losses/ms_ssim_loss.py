"""MS-SSIM as a loss, under the name that option files give."""
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.losses.common import checked_count, checked_number, checked_reduction, reduced
from effsr.losses.ms_ssim import WEIGHTS, ms_ssim


@LOSS_REGISTRY.register()
class MSSSIMLoss(nn.Module):
    """1 less the multi-scale structural similarity of each channel; see :func:`effsr.losses.ms_ssim.ms_ssim`.

    Args:
        loss_weight: What it is multiplied with.
        reduction: mean or sum over pictures and channels or, in programs of one's own, none.
        levels: Scales, 1 to 5; 5 need a gt of 161 pixels, 4 of 81, 3 of 41, 2 of 21, 1 of 11.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean', levels: int = len(WEIGHTS)):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.reduction = checked_reduction(reduction)
        self.levels = checked_count('levels', levels, len(WEIGHTS))

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Of pictures (B, C, H, W) in [0, 1].

        Raises:
            ValueError: Pictures that differ in shape, or are too small for so many scales.
        """
        return self.loss_weight * reduced(1 - ms_ssim(pred, target, self.levels), self.reduction)
