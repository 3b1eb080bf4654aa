"""RealESRNet: the first stage, trained with a pixel loss on second-order degradation."""
from collections.abc import Mapping
from typing import Any

from basicsr.models.sr_model import SRModel
from basicsr.utils.registry import MODEL_REGISTRY

from effsr.models import lifecycle
from effsr.models.pairs import PairSource
from effsr.models.training import build_loss, build_optimizer, ema_decay_at, generator_losses, update_ema
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
        self.net_g.train()
        self.ema_decay = train.ema_decay
        self.net_g_ema = lifecycle.start_ema(self, train.ema_decay)
        self.cri_pix = build_loss(train.pixel_opt, 'pixel_opt', self.device)
        self.cri_perceptual = build_loss(train.perceptual_opt, 'perceptual_opt', self.device)
        if self.cri_pix is None and self.cri_perceptual is None:
            raise OptionError('train: neither pixel_opt nor perceptual_opt is given; one is needed')
        sharpen = self.options.gt_usm and self.options.high_order_degradation
        self.pairs = PairSource(self.options, self.device, sharpen)
        self.optimizer_g = build_optimizer(train.optim_g, self.net_g.parameters(), 'optim_g')
        self.optimizers = [self.optimizer_g]
        self.setup_schedulers()

    def optimize_parameters(self, current_iter: int) -> None:
        """One step on the pairs that were fed."""
        self.current_iter = current_iter
        self.optimizer_g.zero_grad(set_to_none=True)
        self.output = self.net_g(self.lq)
        losses = generator_losses(self.output, self.gt_usm, self.cri_pix, self.gt_usm, self.cri_perceptual)
        sum(losses.values()).backward()
        self.optimizer_g.step()
        self.losses.add({f'l_{name}': value for name, value in losses.items()})
        if self.net_g_ema is not None:
            decay = ema_decay_at(current_iter, self.ema_decay, self.options.train.ema_warmup)
            update_ema(self.net_g_ema, self.get_bare_model(self.net_g), decay)
