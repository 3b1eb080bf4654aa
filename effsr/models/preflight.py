"""Checks of what a run is about to do, before anything is written: samples, networks, loggers."""
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import torch
from basicsr.models.base_model import BaseModel
from torch import nn

from effsr.data.image_io import to_uint8
from effsr.metrics import compute_metrics
from effsr.models.adversarial import LAYERS_KEY
from effsr.models.features import captured, outputs
from effsr.models.step.compilation import uncompiled
from effsr.options import Component, OptionError, Options

# Of BasicSR, for pairs of single pictures.
PAIRED_MODELS = ('SRModel_basicsr', 'SRGANModel_basicsr', 'ESRGANModel_basicsr', 'SwinIRModel')


def check_logger(options: Options) -> None:
    """Check that what the logger section asks for can be had.

    Raises:
        OptionError: Weights & Biases without its package or without TensorBoard's log, which it copies.
    """
    wandb = options.logger.wandb or {}
    if wandb.get('project') is None:
        return
    if find_spec('wandb') is None:
        raise OptionError('logger.wandb: the package wandb is not installed; pip install wandb, or wandb: ~')
    if not options.logger.use_tb_logger:
        raise OptionError('logger.use_tb_logger: false, but logger.wandb copies its log; set it true, or wandb: ~')


def is_own(model: BaseModel) -> bool:
    """Whether a model is one of effsr's or derived from one; BasicSR's keep their own ways."""
    return hasattr(model, 'pairs')


def check_training(options: Options, model: BaseModel, sample: Mapping[str, Any], batch_size: int) -> None:
    """Check that what the training set gives, the networks and the pixel loss go together.

    Models that are neither effsr's nor among BasicSR's for single pictures are left to themselves.

    Raises:
        OptionError: They do not.
    """
    if is_own(model):
        check_training_sample(options, sample, batch_size)
    elif options.model_type in PAIRED_MODELS:
        missing = [key for key in ('lq', 'gt') if key not in sample]
        if missing:
            given = options.datasets['train'].type
            raise OptionError(f'datasets.train.type: {given} gives no {" and no ".join(missing)}; {options.model_type} '
                              f'trains on lq and gt: use a PairedImageDataset')
    else:
        return
    degraded = is_own(model) and options.high_order_degradation and options.gt_size is not None
    side = options.gt_size if degraded else min(sample['gt'].shape[-2:])
    check_networks(options, model, side)
    check_losses(model, side)
    if is_own(model) and model.cri_color is not None:
        _check_color(model.cri_color, torch.zeros(1, 3, side, side, device=model.device), options.scale)


def check_training_sample(options: Options, sample: Mapping[str, Any], batch_size: int) -> None:
    """Check that pairs can be made of what the training set gives.

    Args:
        options: scale, gt_size, queue_size, degradation and high_order_degradation are read.
        sample: One sample: gt (3, H, W) and perhaps lq.
        batch_size: Images in a batch of this process.

    Raises:
        OptionError: No gt; an lq that degradation would not use, or none where there is no degradation; a crop larger
            than the image; a pool smaller than a batch.
    """
    where = f'datasets.train.type: {options.datasets["train"].type}'
    if 'gt' not in sample:
        raise OptionError(f'{where} gives {", ".join(sample)}; a training needs gt: use a RealESRGANDataset')
    if not options.high_order_degradation:
        if 'lq' not in sample:
            raise OptionError(f'{where} gives no lq, but high_order_degradation is off; set high_order_degradation: '
                              'true, or use a RealESRGANPairedDataset')
        return
    if 'lq' in sample and 'degraded' not in sample:
        raise OptionError(f'{where} brings its own lq, but high_order_degradation is on; set high_order_degradation: '
                          'false, or use a RealESRGANDataset')
    if options.degradation.where == 'workers' and 'lq' not in sample:
        raise OptionError(f'degradation.where: workers, but {where} does not degrade; set where: device, or use a '
                          'RealESRGANDataset')
    height, width = sample['gt'].shape[-2:]
    if options.gt_size is not None and options.gt_size > min(height, width):
        raise OptionError(f'gt_size: {options.gt_size} does not fit into gt of {width}x{height}; lower gt_size or '
                          'raise datasets: train: crop_pad_size')
    if 0 < options.queue_size < batch_size:
        raise OptionError(f'queue_size: a pool of {options.queue_size} pairs is smaller than a batch of {batch_size}; '
                          f'set queue_size to {batch_size} or more, or to 0 for none')


def check_validation_sample(options: Options, key: str, sample: Mapping[str, Any]) -> None:
    """Check that a validation or test set gives what the networks and metrics take.

    Raises:
        OptionError: No lq, a gt of another size than lq times scale, or one that a metric refuses.
    """
    scale = options.scale
    missing = [part for part in ('lq', 'lq_path') if part not in sample]
    if missing:
        raise OptionError(f'datasets.{key}: gives no {" and no ".join(missing)}; to validate use a DegradedDataset or '
                          'a PairedImageDataset')
    if 'gt' in sample:
        (height, width), (gt_height, gt_width) = sample['lq'].shape[-2:], sample['gt'].shape[-2:]
        if (gt_height, gt_width) != (height * scale, width * scale):
            raise OptionError(f'datasets.{key}: gt is {gt_width}x{gt_height}, {scale} times lq is '
                              f'{width * scale}x{height * scale}; give pairs of this scale')
        gt = to_uint8(sample['gt'])
        metrics = options.val.metrics if options.val is not None else {}
        compute_metrics({label: entry.model_dump() for label, entry in metrics.items()}, gt, gt)


def check_losses(model: Any, gt_side: int) -> None:
    """Try the pixel and the perceptual loss on a blank crop of the training's size.

    A pixel loss must compare two pictures and end in one number.

    Raises:
        OptionError: It does not, or in a model of BasicSR's it ends in components too; or the perceptual loss cannot
            take such a crop.
    """
    blank = torch.zeros(1, 3, gt_side, gt_side, device=model.device)
    _check_perceptual(getattr(model, 'cri_perceptual', None), blank)
    if getattr(model, 'cri_pix', None) is None:
        return
    name = type(model.cri_pix).__name__
    try:
        value = model.cri_pix(blank, blank)
    # A loss refuses what it is given in any way.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise OptionError(f'train.pixel_opt: {name} cannot compare two pictures: {reason}; change gt_size or its '
                          'arguments, or use L1Loss, MSELoss or CharbonnierLoss') from error
    if isinstance(value, tuple) and not is_own(model):
        raise OptionError(f'train.pixel_opt: {name} ends in a total and its components, which a model of BasicSR '
                          'does not take; use model_type: RealESRNetModel or RealESRGANModel')
    if not _ends_well(value):
        raise OptionError(f'train.pixel_opt: {name} does not end in one number; set reduction: mean or sum')


def _check_color(loss: nn.Module, blank: torch.Tensor, scale: int) -> None:
    name, lq = type(loss).__name__, blank[..., ::scale, ::scale]
    try:
        value = loss(blank, lq)
    # A loss refuses what it is given in any way.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise OptionError(f'train.color_opt: {name} cannot compare a result with its lq: {reason}; raise gt_size or '
                          'change its arguments, or use ColorLoss') from error
    if not torch.is_tensor(value) or value.numel() != 1:
        raise OptionError(f'train.color_opt: {name} does not end in one number; use ColorLoss')


def _check_perceptual(loss: nn.Module | None, blank: torch.Tensor) -> None:
    if loss is None:
        return
    name, side = type(loss).__name__, blank.shape[-1]
    try:
        with torch.no_grad():
            value = loss(blank, blank)
    # A network refuses a picture in any way.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise OptionError(f'train.perceptual_opt: {name} cannot compare pictures of {side} x {side}: {reason}; raise '
                          'gt_size, or take earlier layers') from error
    if not (isinstance(value, tuple) and len(value) == 2 and any(map(torch.is_tensor, value)) and
            all(part is None or _ends_well(part) for part in value)):
        raise OptionError(f'train.perceptual_opt: {name} does not end in a perceptual and a style loss; accepted: '
                          'PerceptualLoss, LPIPSLoss, DISTSLoss, or one of your own that answers (loss, None)')


def _ends_well(value: Any) -> bool:
    """Whether a loss's answer is one number, or (total, components) that add up to it."""
    if not isinstance(value, tuple):
        return torch.is_tensor(value) and value.numel() == 1
    if len(value) != 2 or not isinstance(value[1], Mapping) or not value[1]:
        return False
    total, components = value[0], list(value[1].values())
    return all(map(_ends_well, (total, *components))) and torch.isclose(total, sum(components), rtol=1e-3).item()


def check_networks(options: Options, model: BaseModel, gt_side: int) -> None:
    """Run the networks once on a blank crop of the training's size; only effsr's own models are checked.

    Raises:
        OptionError: A network cannot take a crop of that size, or answers in another size than scale says; features
            are to be matched of a module that does not run.
    """
    gt = torch.zeros(1, 3, gt_side, gt_side, device=model.device)
    lq = gt[..., :gt_side // options.scale, :gt_side // options.scale]
    result = _try(model.get_bare_model(model.net_g), lq, 'network_g', options.network_g)
    if result.shape != gt.shape:
        raise OptionError(f'network_g: {options.network_g.type} makes {tuple(result.shape[1:])} of '
                          f'{tuple(lq.shape[1:])}, scale {options.scale} needs {tuple(gt.shape[1:])}; make its '
                          'arguments (upscale, num_out_ch) and scale agree')
    if getattr(model, 'net_d', None) is not None:
        net_d, layers = model.get_bare_model(model.net_d), getattr(getattr(model, 'adversary', None), 'layers', ())
        with captured(net_d, layers) as seen:
            _try(net_d, gt, 'network_d', options.network_d)
        outputs(seen, layers, LAYERS_KEY)


@torch.no_grad()
def _try(net: nn.Module, images: torch.Tensor, key: str, component: Component) -> torch.Tensor:
    was_training = net.training
    net.eval()  # statistics and spectral norms stay as they are
    try:
        with uncompiled():
            return net(images)
    # A network refuses an input in any way: RuntimeError, AssertionError, ValueError.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise OptionError(f'{key}: {component.type} cannot take an image of {tuple(images.shape[1:])}: {reason}; '
                          f'change gt_size or its arguments: {component.arguments}') from error
    finally:
        net.train(was_training)
