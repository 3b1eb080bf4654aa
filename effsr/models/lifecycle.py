"""What both models do alike around a step: begin, feed, test, validate; saving is in checkpoints.

A model is composed of these functions by :func:`bound`, since its place in BasicSR's class tree is taken.
"""
import logging
from collections.abc import Mapping
from typing import Any

import torch
from basicsr.models.base_model import BaseModel
from torch import nn
from torch.utils.data import DataLoader

from effsr.models.checkpoints import save
from effsr.models.components import build_network
from effsr.models.resuming import resume_training, take_up_random_state
from effsr.models.step.acceleration import accelerate
from effsr.models.step.average import make_ema
from effsr.models.step.compilation import uncompiled
from effsr.models.step.failures import explained
from effsr.models.step.meter import LossMeter, readable_log
from effsr.models.step.optimizers import averaged
from effsr.models.step.schedule import LearningRate
from effsr.models.validation import Validator
from effsr.options import Component, OptionError, Options, as_options, to_plain
from effsr.runtime.checkpoint import CheckpointError, load_network
from effsr.runtime.distributed import wrap

logger = logging.getLogger('basicsr')


def begin(model: Any, opt: Options | Mapping[str, Any]) -> None:
    """Give a model its options, its device, all its attributes, its generator and its validator.

    It stands in for SRModel.__init__, which builds the network in ways that end without a readable message.

    Args:
        model: RealESRNetModel or RealESRGANModel.
        opt: Options, or a plain dict of an option file's shape.
    """
    model.options = as_options(opt)
    BaseModel.__init__(model, to_plain(model.options))
    model.lq = model.gt = model.gt_usm = model.seeds = model.output = None
    model.losses = LossMeter()
    model.current_iter = model.current_epoch = 0
    model.saved_iter = -1
    # Within a pipeline a checkpoint that is due waits for the validation of its iteration.
    model.defers_saving = model.save_is_due = False
    model.position = {}  # what the order of samples follows from, see TrainSampler.describe
    model.rng_to_restore = None
    model.watch = model.precision = model.learning_rate = model.update_g = model.update_d = None
    model.doing = 'its preparation'  # what a step is at, for messages
    model.saved_validated = {}
    model.validated = {}  # dataset -> iteration of its last validation
    model.pairs = model.net_d = model.net_g_ema = model.optimizer_g = model.optimizer_d = None
    model.cri_pix = model.cri_perceptual = model.cri_gan = model.cri_ldl = model.cri_color = None
    model.adversary = model.balance = model.gradient_ratio = model.distillation = None
    model.ema_decay = 0.0
    model.net_d_iters, model.net_d_init_iters = 1, 0
    model.net_g = make_network(model, model.options.network_g, 'network_g')
    model.validator = Validator(model.options) if model.options.val is not None else None


def make_network(model: Any, component: Component, key: str) -> nn.Module:
    """Build network_g or network_d, load its pretrained weights, move it to the model's device.

    Raises:
        ValueError: Unknown network, wrong arguments, or weights that are missing or do not fit.
    """
    options = model.options
    net = build_network(component, key)
    label = key.removeprefix('network_')
    path = getattr(options.path, f'pretrain_{key}')
    if path is not None:
        wanted = getattr(options.path, f'param_key_{label}')
        try:
            used = load_network(net, path, wanted, getattr(options.path, f'strict_load_{label}'))
        except CheckpointError as error:
            raise OptionError(f'path.pretrain_{key}: {error}; give weights of this {key}, or set {key} to theirs'
                              ) from error
        if wanted not in (None, used, 'params', 'params_ema'):  # of these two, one stands in for the other
            raise OptionError(f'path.param_key_{label}: {path} holds no {wanted}; accepted: params, params_ema')
        logger.info('%s: weights of %s (%s)', component.type, path, used)
    accelerate(net, options, key, model.device)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    logger.info('%s: %s, %s parameters', key, component.type, f'{parameters:,}')
    return wrap(net, model.device, options.runtime.dist, options.num_gpu, options.find_unused_parameters)


def start_ema(model: Any, decay: float) -> nn.Module | None:
    """The moving average of net_g, or None: from params_ema of the pretrained file, else from net_g itself."""
    if decay == 0:
        return None
    ema = make_ema(model.get_bare_model(model.net_g)).to(model.device)
    path = model.options.path
    if path.pretrain_network_g is not None:
        load_network(ema, path.pretrain_network_g, 'params_ema', path.strict_load_g)
    return ema


def setup_schedulers(model: Any) -> None:
    """One schedule for each optimizer, and the warm-up before it."""
    train = model.options.train
    if train.total_iter is None:
        raise OptionError(f'train.epochs: how many iterations {train.epochs} epochs have follows from a training set, '
                          'which a model by itself does not know; give total_iter')
    model.learning_rate = LearningRate(model.optimizers, train.scheduler, train.total_iter, train.warmup_iter)
    model.schedulers = model.learning_rate.schedulers


def update_learning_rate(model: Any, current_iter: int, warmup_iter: int = -1) -> None:
    """Set the learning rates of an iteration, at its start."""
    # BasicSR's loop hands on the option file's; a resumed run may go by that of its state.
    given = warmup_iter if warmup_iter != model.options.train.warmup_iter else -1
    model.learning_rate.step(current_iter, given)


@explained
def feed_data(model: Any, data: Mapping[str, Any]) -> None:
    """Take a batch: pairs are made from gt in training, unless the batch brings its own lq.

    Args:
        model: Gets lq, gt and gt_usm; in training also the samples' seeds.
        data: `gt` (B, 3, H, W) RGB in [0, 1] and `seed` (B,) for degradation; or `lq` and, if there is one, `gt`.
    """
    take_up_random_state(model)
    model.doing = 'making pairs of a batch'
    if model.is_train and 'gt' in data:
        model.lq, model.gt, model.gt_usm, model.seeds = model.pairs(data, model.current_iter + 1)
        return
    model.lq = data['lq'].to(model.device)
    model.gt = model.gt_usm = data['gt'].to(model.device) if 'gt' in data else None


def test(model: Any) -> None:
    """Compute output from lq, with the averaged weights where there are any."""
    net = model.net_g_ema if model.net_g_ema is not None else model.get_bare_model(model.net_g)
    was_training = net.training
    net.eval()
    with torch.no_grad(), averaged(model.optimizer_g), uncompiled():
        model.output = model.validator.infer(net, model.lq) if model.validator is not None else net(model.lq)
    net.train(was_training)


def validation(model: Any, dataloader: DataLoader, current_iter: int | str, tb_logger: Any,
               save_img: bool = False) -> None:
    """Validate on one dataset, each process its share of the pictures; not twice at the same iteration.

    BasicSR's loop labels the last validation of a run with total_iter + 1; the model counts its own steps.
    """
    if model.validator is None:
        return
    iteration = model.current_iter if model.is_train and model.current_iter else current_iter
    dataset = dataloader.dataset.opt['name']
    if model.validated.get(dataset) == iteration:
        return
    model.validated[dataset] = iteration
    net = model.net_g_ema if model.net_g_ema is not None else model.get_bare_model(model.net_g)
    was_training = net.training
    net.eval()
    with averaged(model.optimizer_g), uncompiled():
        model.validator.run(net, dataloader, model.device, iteration, tb_logger, save_img)
    net.train(was_training)


def get_current_log(model: Any) -> dict[str, float]:
    """The losses as numbers, means over the steps since the last call; and how many steps were skipped, if any were."""
    log = readable_log(model.losses.read())
    if model.watch is not None and model.watch.skipped:
        log['skipped'] = float(model.watch.skipped)
    return log


def get_current_visuals(model: Any) -> dict[str, torch.Tensor]:
    """lq, result and, where there is one, gt, on the CPU."""
    visuals = {'lq': model.lq, 'result': model.output, 'gt': model.gt}
    return {name: value.detach().cpu() for name, value in visuals.items() if value is not None}


def bound(cls: type) -> type:
    """Class decorator: make the functions above methods of a model."""
    for function in (feed_data, test, validation, get_current_log, get_current_visuals, setup_schedulers,
                     update_learning_rate, save, resume_training):
        setattr(cls, function.__name__, function)
    return cls
