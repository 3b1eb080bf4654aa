"""RealESRGAN: the second stage, trained with pixel, perceptual and adversarial loss on second-order degradation."""
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from basicsr.losses.loss_util import get_refined_artifact_map
from basicsr.models.srgan_model import SRGANModel
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor

from effsr.models import lifecycle, training
from effsr.models.adversarial import Adversary, Ahead
from effsr.models.balance import Balance, GradientRatio
from effsr.models.components import build_loss
from effsr.models.discriminating import discriminator_step, real_of
from effsr.models.pairs import Pairs
from effsr.models.step.failures import explained
from effsr.models.step.guard import Buffers
from effsr.models.training import Part
from effsr.models.training_settings import make_update, start
from effsr.options import OptionError, Options

LDL_WINDOW = 7  # pixels, side of the window of local variance (LDL, arXiv 2203.09195, section 3.3)


@MODEL_REGISTRY.register()
@lifecycle.bound
class RealESRGANModel(SRGANModel):
    """Generator and discriminator (section 4.1 of Real-ESRGAN, arXiv 2107.10833).

    l1_gt_usm, percep_gt_usm and gan_gt_usm choose for each loss whether it sees the sharpened gt.

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
        """Discriminator, losses, moving average, optimizers and schedules; a second call changes nothing."""
        if self.optimizers:
            return
        train = self.options.train
        if train is None or train.gan_opt is None or self.options.network_d is None:
            raise OptionError(f'train, train: gan_opt and network_d: {self.options.model_type} trains with all three; '
                              'for pixel loss alone use model_type: RealESRNetModel or SRModel')
        options = self.options
        self.net_d = lifecycle.make_network(self, options.network_d, 'network_d').train()
        start(self, self.sharpens(options))
        self.cri_gan = build_loss(train.gan_opt, 'gan_opt', self.device)
        self.cri_ldl = build_loss(train.ldl_opt, 'ldl_opt', self.device)
        self.adversary = Adversary(self.cri_gan, self.net_d, self.precision, train)
        self.balance = Balance(train.gan_balance.window, train.gan_balance.limit, self.device)
        self.gradient_ratio = GradientRatio()
        self.net_d_iters, self.net_d_init_iters = train.net_d_iters, train.net_d_init_iters
        self.update_g, self.update_d = make_update(self, self.net_g, 'g'), make_update(self, self.net_d, 'd')
        self.optimizer_g, self.optimizer_d = self.optimizers
        self.setup_schedulers()

    @staticmethod
    def sharpens(options: Options) -> bool:
        """Whether gt is sharpened (USM): what is degraded always, pairs of one's own where a loss compares with it."""
        return options.high_order_degradation or options.l1_gt_usm or options.percep_gt_usm or options.gan_gt_usm

    @explained
    def optimize_parameters(self, current_iter: int) -> None:
        """One step of the generator (every net_d_iters iterations) and one of the discriminator.

        Raises:
            ValueError: Out of memory, or too many steps were not finite.
        """
        self.current_iter = current_iter
        parts = training.parts_of(training.fed(self), self.options.train)
        if current_iter % self.net_d_iters == 0 and current_iter > self.net_d_init_iters:
            updates = [self.update_g, self.update_d]
            log = self._step_generator(parts)
            log |= discriminator_step(self, parts)
        else:
            updates, buffers = [self.update_d], Buffers(self.net_g, 'network_g')
            self._generate(parts)
            log = discriminator_step(self, parts, buffers)
        training.end_step(self, updates, log)
        self.balance.look(current_iter)

    @torch.no_grad()
    def _generate(self, parts: list[Part]) -> None:
        self.doing = 'the forward pass of network_g'
        self.output = training.joined([training.forward(self.precision, self.net_g, part.pairs.lq) for part in parts])

    def _step_generator(self, parts: list[Part]) -> dict[str, Tensor]:
        self.net_d.requires_grad_(False)
        self.gradient_ratio.begin()
        self.doing = 'a look ahead at the whole batch'
        ahead = self.adversary.look_ahead(self.net_g, [part.pairs.lq for part in parts],
                                          [real_of(self, part.pairs) for part in parts])
        losses = training.generator_step(self, parts, partial(self.generator_losses, ahead=ahead), 'l_g_')
        self.net_d.requires_grad_(True)
        return losses | self.gradient_ratio.value()

    def generator_losses(self, pairs: Pairs, output: Tensor, ahead: Ahead | None = None) -> dict[str, Tensor]:
        """Losses by name of what network_g made of pairs.lq; the discriminator stays as it is.

        Args:
            pairs: A batch, or a part of one.
            output: What network_g made of it last.
            ahead: Answers of network_d on the whole batch, where a part is compared with it.
        """
        options = self.options
        losses = training.generator_losses(output, _target(pairs, options.l1_gt_usm), self.cri_pix,
                                           _target(pairs, options.percep_gt_usm), self.cri_perceptual)
        losses |= training.guiding_losses(self, pairs, output)
        if self.cri_ldl is not None:
            with torch.no_grad():
                ema_output = training.forward(self.precision, self.net_g_ema, pairs.lq)
            weight = get_refined_artifact_map(pairs.gt, output, ema_output, LDL_WINDOW)
            losses['ldl'] = self.cri_ldl(weight * output, weight * pairs.gt)
        self.doing = "the generator's pass through network_d"
        watched = self.gradient_ratio.watched(output)
        return losses | self.adversary.generator_losses(watched, real_of(self, pairs), ahead)


def _target(pairs: Pairs, sharpened: bool) -> Tensor:
    return pairs.gt_usm if sharpened else pairs.gt
