"""RealESRNet: the first stage, trained with a pixel loss on second-order degradation."""
from collections.abc import Mapping
from typing import Any

from basicsr.models.sr_model import SRModel
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor

from effsr.models import lifecycle
from effsr.models.pairs import Pairs
from effsr.models.step.failures import explained
from effsr.models.training import end_step, fed, generator_losses, generator_step, guiding_losses, parts_of
from effsr.models.training_settings import make_update, start
from effsr.options import OptionError, Options


@MODEL_REGISTRY.register()
@lifecycle.bound
class RealESRNetModel(SRModel):
    """Generator with pixel and, if wanted, perceptual loss (section 4.1 of Real-ESRGAN, arXiv 2107.10833).

    Args:
        opt: Options, or a plain dict of an option file's shape; see :func:`effsr.options.as_options`.

    Raises:
        ValueError: Options that are wrong, or weights that are missing or do not fit.
    """

    def __init__(self, opt: Options | Mapping[str, Any]):
        lifecycle.begin(self, opt)
        if self.is_train:
            self.init_training_settings()

    def init_training_settings(self) -> None:
        """Losses, moving average, optimizer and schedule; a second call changes nothing."""
        if self.optimizers:
            return
        train = self.options.train
        if train is None:
            raise OptionError('train: missing; training needs it')
        if train.pixel_opt is None and train.perceptual_opt is None and train.distill_opt is None:
            raise OptionError('train: neither pixel_opt nor perceptual_opt is given; one is needed, or distill_opt')
        start(self, self.sharpens(self.options))
        self.update_g = make_update(self, self.net_g, 'g')
        self.optimizer_g = self.update_g.optimizer
        self.setup_schedulers()

    @staticmethod
    def sharpens(options: Options) -> bool:
        """Whether gt is sharpened (USM) before it is degraded."""
        return options.gt_usm and options.high_order_degradation

    @explained
    def optimize_parameters(self, current_iter: int) -> None:
        """One step on the pairs that were fed.

        Raises:
            ValueError: Out of memory, or too many steps were not finite.
        """
        self.current_iter = current_iter
        parts = parts_of(fed(self), self.options.train)
        losses = generator_step(self, parts, self.generator_losses, 'l_')
        end_step(self, [self.update_g], losses)

    def generator_losses(self, pairs: Pairs, output: Tensor) -> dict[str, Tensor]:
        """Losses by name of what network_g made of pairs.lq."""
        losses = generator_losses(output, pairs.gt_usm, self.cri_pix, pairs.gt_usm, self.cri_perceptual)
        return losses | guiding_losses(self, pairs, output)
