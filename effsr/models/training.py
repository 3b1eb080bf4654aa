"""Parts of a training step that RealESRNet and RealESRGAN share: losses, optimizers, schedules, moving average."""
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from basicsr.models import lr_scheduler as basicsr_schedulers
from basicsr.utils.registry import ARCH_REGISTRY, LOSS_REGISTRY
from torch import Tensor, nn

from effsr.options import Component, OptionError
from effsr.runtime.distributed import average

VGG_REMEDY = ("it needs torchvision's VGG weights; put their file (vgg19-dcbb9e9d.pth for vgg19) into "
              'experiments/pretrained_models, or train without it: --force_yml train:perceptual_opt=~')


def build_network(component: Component, key: str) -> nn.Module:
    """Build a network from the registry.

    Args:
        component: Its type and arguments.
        key: The option it stands under, for messages.

    Raises:
        OptionError: No network of that name, or arguments that it does not take.
    """
    return _build(ARCH_REGISTRY, component, key, 'network')


def build_loss(component: Component | None, key: str, device: torch.device) -> nn.Module | None:
    """Build a loss from the registry, or None for none.

    Raises:
        OptionError: No loss of that name, wrong arguments, or weights that it needs and cannot get.
    """
    if component is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', module='torchvision')  # BasicSR asks for VGG the old way
            return _build(LOSS_REGISTRY, component, f'train.{key}', 'loss').to(device)
    except OSError as error:
        raise OptionError(f'train.{key}: {component.type}: {error}; {VGG_REMEDY}') from error


def _build(registry: Any, component: Component, key: str, what: str) -> nn.Module:
    name = component.type
    if name not in registry and f'{name}_basicsr' not in registry:
        raise OptionError(f'{key}.type: no {what} is called {name}; known: {", ".join(sorted(registry.keys()))}')
    cls = registry.get(name)
    try:
        inspect.signature(cls).bind(**component.arguments)
    except TypeError as error:
        accepted = ', '.join(inspect.signature(cls).parameters)
        raise OptionError(f'{key}: {name}: {error}; accepted: {accepted}') from None
    return _construct(cls, component, key)


def _construct(cls: Callable[..., Any], component: Component, key: str, *positional: Any) -> Any:
    try:
        return cls(*positional, **component.arguments)
    except OSError:
        raise
    # Classes refuse their arguments in any way: TypeError, AssertionError, NotImplementedError, RuntimeError ...
    except Exception as error:
        kind = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
        reason = next(iter(str(error).splitlines()), '')
        raise OptionError(f'{key}: {component.type}: {kind}{reason}; check its arguments: {component.arguments}'
                          ) from error


def build_optimizer(component: Component, parameters: Iterable[Tensor], key: str) -> torch.optim.Optimizer:
    """Build an optimizer of torch.optim.

    Raises:
        OptionError: No optimizer of that name, or arguments that it does not take.
    """
    cls = getattr(torch.optim, component.type, None)
    if not (isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)):
        raise OptionError(f'train.{key}.type: torch.optim has no optimizer called {component.type}; for example Adam, '
                          'AdamW, SGD')
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    return _construct(cls, component, f'train.{key}', trained)


def build_scheduler(component: Component | None, optimizer: torch.optim.Optimizer, total_iter: int) -> Any:
    """Build a schedule: BasicSR's MultiStepLR (MultiStepRestartLR) and CosineAnnealingRestartLR, or torch's by name.

    None gives a constant learning rate.

    Raises:
        OptionError: No schedule of that name, arguments that it does not take, or a schedule that ends before
            total_iter.
    """
    if component is None:
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    name = 'MultiStepRestartLR' if component.type == 'MultiStepLR' else component.type
    cls = getattr(basicsr_schedulers, name, None) or getattr(torch.optim.lr_scheduler, name, None)
    if not (isinstance(cls, type) and issubclass(cls, torch.optim.lr_scheduler.LRScheduler)):
        raise OptionError(f'train.scheduler.type: no schedule is called {component.type}; for example MultiStepLR, '
                          'CosineAnnealingRestartLR, or any of torch.optim.lr_scheduler')
    if cls is torch.optim.lr_scheduler.ReduceLROnPlateau:
        raise OptionError('train.scheduler.type: ReduceLROnPlateau follows a metric, which a step does not have; use a '
                          'schedule by iteration, for example MultiStepLR')
    scheduler = _construct(cls, component, 'train.scheduler', optimizer)
    # These two end training with an error when they are asked for a step past their last.
    for name, length in (('periods', sum(getattr(scheduler, 'periods', ()))),
                         ('total_steps', getattr(scheduler, 'total_steps', 0))):
        if 0 < length < total_iter - 1:
            raise OptionError(f'train.scheduler.{name}: {component.type} ends after {length} iterations, train: '
                              f'total_iter is {total_iter}; give {name} of {total_iter} in all')
    return scheduler


def make_ema(net: nn.Module) -> nn.Module:
    """A copy of a network for the moving average of its weights."""
    ema = deepcopy(net).eval()
    return ema.requires_grad_(False)


def ema_decay_at(iteration: int, decay: float, warmup: bool) -> float:
    """Decay of the moving average after an iteration (from 1): at first lower, min(decay, (1 + t) / (10 + t)).

    Without warm-up an average of decay 0.999 is still a third of the untrained network after 1,000 iterations.
    """
    return min(decay, (1 + iteration) / (10 + iteration)) if warmup else decay


@torch.no_grad()
def update_ema(ema: nn.Module, net: nn.Module, decay: float) -> None:
    """ema = decay * ema + (1 - decay) * net for parameters; buffers (batch-norm statistics) are copied."""
    weights = dict(net.named_parameters())
    for name, average_weight in ema.named_parameters():
        average_weight.lerp_(weights[name], 1 - decay)
    for own, other in zip(ema.buffers(), net.buffers(), strict=True):
        own.copy_(other)


def generator_losses(result: Tensor, gt: Tensor, cri_pix: nn.Module | None, percep_gt: Tensor,
                     cri_perceptual: nn.Module | None) -> dict[str, Tensor]:
    """Pixel, perceptual and style loss by their names, as far as they are switched on."""
    losses = {}
    if cri_pix is not None:
        losses['pix'] = cri_pix(result, gt)
    if cri_perceptual is not None:
        percep, style = cri_perceptual(result, percep_gt)
        losses.update({name: value for name, value in (('percep', percep), ('style', style)) if value is not None})
    return losses


class LossMeter:
    """Losses of the steps since they were last read, summed on their device, so that no step waits for it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in one step's losses; not every step need have all of them."""
        for name, value in losses.items():
            value = value.detach().float().mean()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, Tensor]:
        """Means by name, and begin anew."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means


def readable_log(log: Mapping[str, Tensor], iteration: int) -> dict[str, float]:
    """Losses as numbers, averaged over all processes; a collective call, and the only one that waits for the device.

    Raises:
        ValueError: A loss is not a finite number.
    """
    if not log:
        return {}
    values = average(torch.stack([value.detach().float().mean() for value in log.values()])).tolist()
    bad = [name for name, value in zip(log, values, strict=True) if not abs(value) < float('inf')]
    if bad:
        raise ValueError(f'iteration {iteration}: {", ".join(bad)} is not a finite number; lower the learning rate, or '
                         'go on from an earlier checkpoint: path:resume_state')
    return dict(zip(log, values, strict=True))
