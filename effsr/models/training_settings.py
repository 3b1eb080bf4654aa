"""What a model needs to train, as far as the models share it: built once, by init_training_settings."""
from typing import Any

from torch import nn

from effsr.models import lifecycle
from effsr.models.components import build_loss
from effsr.models.distillation import build_distillation
from effsr.models.nonfinite.watch import Watch
from effsr.models.pairs import PairSource
from effsr.models.step.optimizers import build_optimizer
from effsr.models.step.precision import Precision
from effsr.models.step.update import Update


def start(model: Any, sharpen: bool) -> None:
    """Precision, watch, moving average, the generator's losses, its teacher and the source of pairs.

    Args:
        model: RealESRNetModel or RealESRGANModel, with net_g.
        sharpen: Whether gt is sharpened, see :class:`effsr.models.pairs.PairSource`.

    Raises:
        OptionError: Losses or a teacher that cannot be built, or a precision that the device does not have.
    """
    train = model.options.train
    model.precision = Precision(train.precision, model.device)
    model.watch = Watch(model.options, model.device)
    model.net_g.train()
    model.ema_decay = train.ema_decay
    model.net_g_ema = lifecycle.start_ema(model, train.ema_decay)
    model.cri_pix = build_loss(train.pixel_opt, 'pixel_opt', model.device)
    model.cri_perceptual = build_loss(train.perceptual_opt, 'perceptual_opt', model.device)
    model.cri_color = build_loss(train.color_opt, 'color_opt', model.device)
    model.distillation = build_distillation(model)
    model.pairs = PairSource(model.options, model.device, sharpen)


def make_update(model: Any, net: nn.Module, label: str) -> Update:
    """The optimizer of a network (of network_g: and of its adapters to a teacher), which joins the model's; its steps.

    Args:
        model: RealESRNetModel or RealESRGANModel; start comes before.
        net: network_g or network_d.
        label: g or d.

    Raises:
        OptionError: The optimizer cannot be built.
    """
    train = model.options.train
    parameters = list(net.parameters())
    if label == 'g' and model.distillation is not None:
        parameters += model.distillation.parameters()
    optimizer = build_optimizer(getattr(train, f'optim_{label}'), parameters, f'optim_{label}')
    model.optimizers.append(optimizer)
    return Update(optimizer, f'network_{label}', model.precision, train.clip_grad_norm)
