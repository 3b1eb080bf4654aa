"""Distillation: a trained network as teacher, its results, and its features through adapters trained along."""
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.inference.weights import load_model
from effsr.losses.pixels import absolute, charbonnier
from effsr.models.components import build_network
from effsr.models.features import captured, check_layers, outputs
from effsr.models.step.compilation import uncompiled
from effsr.models.step.precision import Precision
from effsr.options import OptionError, Options
from effsr.options.loss_options import DistillOptions
from effsr.runtime.checkpoint import CheckpointError, load_network
from effsr.runtime.distributed import wrap

logger = logging.getLogger('basicsr')

KEY = 'train.distill_opt'
PROBE = 32  # pixels, side of the lq that layers are tried on where gt_size does not say
CRITERIA = {'l1': absolute, 'l2': lambda pred, target: (pred - target).square(), 'charbonnier': charbonnier}


def feature_error(own: Tensor, target: Tensor) -> Tensor:
    """Squared distance of features as a share of the target's square, of each sample, mean over the samples; 0-dim.

    After FitNets (Romero et al., arXiv 1412.6550, equation 3), which do not divide: so it says the same of layers of
    any size. Where the sizes differ, the larger is averaged down.

    Args:
        own: (B, C, h, w).
        target: (B, C, H, W), sizes that are whole multiples of one another.
    """
    own, target = pooled(own, target), pooled(target, own)
    distance = (own - target).square().flatten(1).mean(1)
    return (distance / (target.square().flatten(1).mean(1) + 1e-12)).mean()


def pooled(features: Tensor, like: Tensor) -> Tensor:
    """Features averaged down to the size of others, where these are smaller."""
    factor = features.shape[-1] // like.shape[-1]
    return F.avg_pool2d(features, factor) if factor > 1 else features


class Adapters(nn.Module):
    """A 1x1 convolution for each pair of layers, from the student's channels to the teacher's."""

    def __init__(self, channels: Sequence[tuple[int, int]]):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(own, wanted, 1) for own, wanted in channels)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """(B, C, H, W) of each layer of the student -> of the teacher's channels."""
        return [conv(part) for conv, part in zip(self.convs, features, strict=True)]


class Distillation:
    """The terms of a teacher in the generator's loss.

    Args:
        settings: Which terms, with which weights.
        student: network_g, not wrapped.
        teacher: Frozen, in evaluation mode, on the device.
        adapters: For the features, wrapped for several processes; None: the features do not count.
        precision: In what the teacher computes.
    """

    def __init__(self, settings: DistillOptions, student: nn.Module, teacher: nn.Module, adapters: nn.Module | None,
                 precision: Precision):
        self.settings, self.student, self.teacher, self.adapters = settings, student, teacher, adapters
        self._precision = precision
        self._features: list[Tensor] = []

    def watching(self) -> AbstractContextManager:
        """Within it the student runs, once; :meth:`losses` then knows its features."""
        return self._watching() if self.adapters is not None else nullcontext()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        layers = student_layers(self.settings)
        with captured(self.student, layers) as seen:
            yield
        self._features = outputs(seen, layers, f'{KEY}.student_layers')

    def losses(self, lq: Tensor, output: Tensor) -> dict[str, Tensor]:
        """The terms by name: distill_pix, distill_feat.

        Args:
            lq: What the student was given last, within :meth:`watching`.
            output: What it made.
        """
        settings, losses = self.settings, {}
        layers = settings.layers if self.adapters is not None else ()
        with torch.no_grad(), self._precision.autocast(), captured(self.teacher, layers) as seen:
            wanted = self.teacher(lq).float()
        if settings.pixel_weight:
            losses['distill_pix'] = settings.pixel_weight * CRITERIA[settings.pixel_criterion](output, wanted).mean()
        if self.adapters is not None:
            adapted = self.adapters([features.float() for features in self._features])
            targets = outputs(seen, layers, f'{KEY}.layers')
            errors = [feature_error(own, target.float()) for own, target in zip(adapted, targets, strict=True)]
            losses['distill_feat'] = settings.feature_weight * torch.stack(errors).mean()
            self._features = []
        return losses

    def modules(self) -> list[nn.Module]:
        """What of it has weights."""
        return [self.teacher, *([self.adapters] if self.adapters is not None else [])]

    def parameters(self) -> list[Tensor]:
        """The weights that are trained."""
        return [] if self.adapters is None else list(self.adapters.parameters())

    def state_dict(self) -> dict[str, Any]:
        """The adapters' weights, by place."""
        return {'adapters': [parameter.detach().cpu().clone() for parameter in self.parameters()]}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what state_dict gave.

        Raises:
            CheckpointError: The adapters are of other sizes.
        """
        was, now = ([tuple(weights.shape) for weights in side] for side in (state['adapters'], self.parameters()))
        if was != now:
            raise CheckpointError(f'{KEY}: the adapters of the training state are {was}, here they are {now}; keep '
                                  'layers and networks as they were, or start anew from the weights')
        for parameter, value in zip(self.parameters(), state['adapters'], strict=True):
            parameter.copy_(value)


def student_layers(settings: DistillOptions) -> tuple[str, ...]:
    """Modules of network_g that are compared with the teacher's layers."""
    return settings.student_layers or settings.layers


def build_distillation(model: Any) -> Distillation | None:
    """The teacher that train: distill_opt names, or None; wraps nothing around network_g.

    Args:
        model: RealESRNetModel or RealESRGANModel, with net_g and precision.

    Raises:
        OptionError: A teacher that cannot be had or does not fit, or layers that do not go together.
    """
    options = model.options
    settings = options.train.distill_opt
    if settings is None:
        return None
    student = model.get_bare_model(model.net_g)
    teacher = load_teacher(settings, model.device)
    if options.train.channels_last:
        teacher.to(memory_format=torch.channels_last)
    side = options.gt_size // options.scale if options.gt_size is not None else PROBE
    shapes = _tried(settings, student, teacher, torch.zeros(1, 3, side, side, device=model.device))
    adapters = None
    if settings.feature_weight:
        _check_way_of_running(options)
        adapters = wrap(Adapters(shapes), model.device, options.runtime.dist, 0, options.find_unused_parameters)
    return Distillation(settings, student, teacher, adapters, model.precision)


def load_teacher(settings: DistillOptions, device: torch.device) -> nn.Module:
    """The teacher with its weights, averaged ones where there are any; frozen, in evaluation mode, in fp32.

    Raises:
        OptionError: No such weights, or not this network's.
    """
    try:
        if settings.network is None:
            loaded = load_model(settings.weights, device)
            net, name = loaded.net, loaded.arch
        else:
            net, name = build_network(settings.network, f'{KEY}.network'), settings.network.type
            load_network(net, settings.weights, 'params_ema')
    except CheckpointError as error:
        raise OptionError(f'{KEY}.weights: {error}; give weights of a trained network, and under network what it is'
                          ) from error
    parameters = sum(parameter.numel() for parameter in net.parameters())
    logger.info('Teacher: %s of %s, %s parameters', name, settings.weights, f'{parameters:,}')
    return net.requires_grad_(False).eval().float().to(device)


def _check_way_of_running(options: Options) -> None:
    if options.train.compile:
        raise OptionError(f'{KEY}.feature_weight: features are not to be had of a network that is compiled; set train: '
                          'compile: false, or feature_weight: 0')
    if options.num_gpu > 1 and not options.runtime.dist:
        raise OptionError(f'{KEY}.feature_weight: with several GPUs each needs a process of its own; start with '
                          'torchrun and --launcher pytorch, or set num_gpu: 1')


@torch.no_grad()
def _tried(settings: DistillOptions, student: nn.Module, teacher: nn.Module,
           lq: Tensor) -> list[tuple[int, int]]:
    """Run both networks once; channels of each pair of layers, the student's first.

    Raises:
        OptionError: Results or features that cannot be compared.
    """
    layers = (student_layers(settings), settings.layers) if settings.feature_weight else ((), ())
    # The teacher's first: they may stand for both, and then `layers` is what the user has written.
    check_layers(teacher, layers[1], f'{KEY}.layers')
    check_layers(student, layers[0], f'{KEY}.student_layers')
    wanted, targets = _run(teacher, lq, layers[1], f'{KEY}.layers')
    result, own = _run(student, lq, layers[0], f'{KEY}.student_layers')
    if result.shape != wanted.shape:
        raise OptionError(f'{KEY}.weights: the teacher makes {tuple(wanted.shape[1:])} of {tuple(lq.shape[1:])}, '
                          f'network_g {tuple(result.shape[1:])}; give a teacher of the same scale')
    for name, other, features, target in zip(*layers, own, targets, strict=True):
        if not _comparable(features, target):
            raise OptionError(f'{KEY}.layers: {other} of the teacher is {tuple(target.shape[1:])}, {name} of network_g '
                              f'{tuple(features.shape[1:])}; accepted: (C, H, W) of sizes that are whole multiples')
    return [(features.shape[1], target.shape[1]) for features, target in zip(own, targets, strict=True)]


def _run(net: nn.Module, lq: Tensor, layers: Sequence[str], key: str) -> tuple[Tensor, list[Tensor]]:
    was_training = net.training
    net.eval()
    try:
        with uncompiled(), captured(net, layers) as seen:
            result = net(lq)
    finally:
        net.train(was_training)
    return result, outputs(seen, layers, key)


def _comparable(one: Tensor, other: Tensor) -> bool:
    if one.dim() != 4 or other.dim() != 4:
        return False
    (height, width), (low, narrow) = sorted((one.shape[-2:], other.shape[-2:]), reverse=True)
    return height % low == 0 and width % narrow == 0 and height // low == width // narrow
