"""Colour consistency with the picture that was upscaled, under the name that option files give."""
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.losses.color import MOST_WINDOW, color_difference
from effsr.losses.common import checked_count, checked_number


@LOSS_REGISTRY.register()
class ColorLoss(nn.Module):
    """Absolute difference of the low frequencies of a result and of its lq; see effsr.losses.color.color_difference.

    It holds colours and brightness where adversarial and perceptual losses let them drift.

    Args:
        loss_weight: What it is multiplied with.
        window: Side of the squares whose means are compared, in pixels of lq: larger ones see less of lq's noise.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, loss_weight: float = 1.0, window: int = 8):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.window = checked_count('window', window, MOST_WINDOW)

    def forward(self, pred: Tensor, lq: Tensor) -> Tensor:
        """Of a result (B, C, h*scale, w*scale) and its lq (B, C, h, w).

        Raises:
            ValueError: They are not of a whole factor, or smaller than the window.
        """
        return self.loss_weight * color_difference(pred, lq, self.window).mean()
