"""RealESRGAN: the second stage, trained with pixel, perceptual and adversarial loss on second-order degradation."""
from collections.abc import Mapping
from typing import Any

import torch
from basicsr.losses.loss_util import get_refined_artifact_map
from basicsr.models.srgan_model import SRGANModel
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor

from effsr.models import lifecycle
from effsr.models.pairs import PairSource
from effsr.models.training import build_loss, build_optimizer, ema_decay_at, generator_losses, update_ema
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
            raise OptionError('train, train: gan_opt and network_d: RealESRGANModel trains with all three; for pixel '
                              'loss alone use model_type: RealESRNetModel')
        self.net_g.train()
        self.net_d = lifecycle.make_network(self, self.options.network_d, 'network_d').train()
        self.ema_decay = train.ema_decay
        self.net_g_ema = lifecycle.start_ema(self, train.ema_decay)
        self.cri_pix = build_loss(train.pixel_opt, 'pixel_opt', self.device)
        self.cri_perceptual = build_loss(train.perceptual_opt, 'perceptual_opt', self.device)
        self.cri_gan = build_loss(train.gan_opt, 'gan_opt', self.device)
        self.cri_ldl = build_loss(train.ldl_opt, 'ldl_opt', self.device)
        self.net_d_iters, self.net_d_init_iters = train.net_d_iters, train.net_d_init_iters
        options = self.options
        sharpen = options.high_order_degradation or options.l1_gt_usm or options.percep_gt_usm or options.gan_gt_usm
        self.pairs = PairSource(options, self.device, sharpen)
        self.optimizer_g = build_optimizer(train.optim_g, self.net_g.parameters(), 'optim_g')
        self.optimizer_d = build_optimizer(train.optim_d, self.net_d.parameters(), 'optim_d')
        self.optimizers = [self.optimizer_g, self.optimizer_d]
        self.setup_schedulers()

    def optimize_parameters(self, current_iter: int) -> None:
        """One step of the generator (every net_d_iters iterations) and one of the discriminator."""
        self.current_iter = current_iter
        step_g = current_iter % self.net_d_iters == 0 and current_iter > self.net_d_init_iters
        with torch.set_grad_enabled(step_g):
            self.output = self.net_g(self.lq)
        losses = self._step_generator() if step_g else {}
        losses.update(self._step_discriminator(self._target(self.options.gan_gt_usm)))
        self.losses.add(losses)
        if self.net_g_ema is not None:
            decay = ema_decay_at(current_iter, self.ema_decay, self.options.train.ema_warmup)
            update_ema(self.net_g_ema, self.get_bare_model(self.net_g), decay)

    def _target(self, sharpened: bool) -> Tensor:
        return self.gt_usm if sharpened else self.gt

    def _step_generator(self) -> dict[str, Tensor]:
        self.net_d.requires_grad_(False)
        self.optimizer_g.zero_grad(set_to_none=True)
        losses = generator_losses(self.output, self._target(self.options.l1_gt_usm), self.cri_pix,
                                  self._target(self.options.percep_gt_usm), self.cri_perceptual)
        if self.cri_ldl is not None:
            with torch.no_grad():
                ema_output = self.net_g_ema(self.lq)
            weight = get_refined_artifact_map(self.gt, self.output, ema_output, LDL_WINDOW)
            losses['ldl'] = self.cri_ldl(weight * self.output, weight * self.gt)
        losses['gan'] = self.cri_gan(self.net_d(self.output), True, is_disc=False)
        sum(losses.values()).backward()
        self.optimizer_g.step()
        self.net_d.requires_grad_(True)
        return {f'l_g_{name}': value for name, value in losses.items()}

    def _step_discriminator(self, real: Tensor) -> dict[str, Tensor]:
        """Real and fake in passes of their own: batch norm must not mix them."""
        self.optimizer_d.zero_grad(set_to_none=True)
        log = {}
        for name, images, is_real in (('real', real, True), ('fake', self.output.detach(), False)):
            prediction = self.net_d(images)
            loss = self.cri_gan(prediction, is_real, is_disc=True)
            loss.backward()
            log[f'l_d_{name}'] = loss
            log[f'out_d_{name}'] = prediction.detach().mean()
        self.optimizer_d.step()
        return log
