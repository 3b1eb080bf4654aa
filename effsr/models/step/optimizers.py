"""Optimizers by name: torch.optim's first-order ones, and schedule-free ones, whose weights for use are an average."""
import inspect
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from effsr.models.components import construct
from effsr.options import Component, OptionError
from effsr.options.components import OPTIMIZER, SCHEDULE_FREE, unusable


def build_optimizer(component: Component, parameters: Iterable[Tensor], key: str) -> torch.optim.Optimizer:
    """Build an optimizer of torch.optim, or a schedule-free one of the package schedulefree.

    On CUDA it is a fused one where its class has that and the block does not say otherwise.

    Args:
        component: Its type and arguments.
        parameters: On their device; those that are trained are passed on.
        key: The option below train, for messages.

    Raises:
        OptionError: No optimizer of that name, one that cannot be used, or arguments that it does not take.
    """
    why_not = unusable(component.type, OPTIMIZER)
    if why_not is not None:
        raise OptionError(f'train.{key}.type: {why_not}')
    cls = OPTIMIZER.known().get(component.type)
    if cls is None:
        raise OptionError(f'train.{key}.type: torch.optim has no optimizer called {component.type}; for example Adam, '
                          f'AdamW, SGD, or of the package schedulefree {", ".join(SCHEDULE_FREE)}')
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    fused = {'fused': True} if _wants_fused(cls, component, trained) else {}
    optimizer = construct(cls, component, f'train.{key}', trained, **fused)
    construct(_rehearse, component, f'train.{key}', cls, trained[0], **fused)
    if is_schedule_free(optimizer):
        optimizer.train()
    return optimizer


def _rehearse(cls: type, like: Tensor, /, **arguments: Any) -> None:
    """One step on a weight that is nobody's: some arguments are refused only there (capturable on a CPU, say)."""
    weight = torch.zeros_like(like).requires_grad_()
    weight.grad = torch.zeros_like(weight)
    optimizer = cls([weight], **arguments)
    if is_schedule_free(optimizer):
        optimizer.train()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # they come again from the real one
        optimizer.step()


def _wants_fused(cls: type, component: Component, trained: list[Tensor]) -> bool:
    if not trained or trained[0].device.type != 'cuda' or cls is torch.optim.Adagrad:  # fused on the CPU alone
        return False
    said = {'fused', 'foreach', 'differentiable', 'capturable'} & set(component.arguments)
    return not said and 'fused' in inspect.signature(cls).parameters


def weights_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All weights that an optimizer trains."""
    return [weight for group in optimizer.param_groups for weight in group['params']]


def gradients_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Gradients of the weights that have one."""
    return [weight.grad for weight in weights_of(optimizer) if weight.grad is not None]


def is_schedule_free(optimizer: torch.optim.Optimizer | None) -> bool:
    """Whether the weights in training are not those for use (Defazio et al., arXiv 2405.15682)."""
    return type(optimizer).__name__ in SCHEDULE_FREE


@contextmanager
def averaged(optimizer: torch.optim.Optimizer | None) -> Iterator[None]:
    """Within it the weights of a schedule-free optimizer are those for use; afterwards those of training, bit for bit.

    For any other optimizer, and for None, it does nothing.
    """
    if not is_schedule_free(optimizer) or not optimizer.param_groups[0]['train_mode']:
        yield
        return
    parameters = weights_of(optimizer)
    in_training = [parameter.detach().clone() for parameter in parameters]
    optimizer.eval()
    try:
        yield
    finally:
        optimizer.train()
        # The way there and back rounds.
        with torch.no_grad():
            for parameter, value in zip(parameters, in_training, strict=True):
                parameter.copy_(value)
