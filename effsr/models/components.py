"""Networks and losses from the registries, by the names and arguments of the options."""
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import torch
from basicsr.utils.registry import ARCH_REGISTRY, LOSS_REGISTRY
from torch import nn

from effsr.options import Component, OptionError

# What losses of BasicSR do not say themselves.
VGG_REMEDY = ("it needs torchvision's VGG weights; put their file (vgg19-dcbb9e9d.pth for vgg19) into "
              'experiments/pretrained_models, ')


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
        remedy = VGG_REMEDY if component.type.endswith('_basicsr') else ''
        raise OptionError(f'train.{key}: {component.type}: {error}; {remedy}or train without it: --force_yml '
                          f'train:{key}=~') from error


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
    return construct(cls, component, key)


def construct(cls: Callable[..., Any], component: Component, key: str, *positional: Any, **further: Any) -> Any:
    """Call a class with the arguments of a block; whatever it refuses them with becomes a line about the block.

    Args:
        cls: The class.
        component: Its block.
        key: The option it stands under, for messages.
        positional: Arguments that the program passes first.
        further: Arguments that the program adds.

    Raises:
        OptionError: The class refuses its arguments.
        OSError: As it comes from the class.
    """
    try:
        return cls(*positional, **component.arguments, **further)
    except OSError:
        raise
    # Classes refuse their arguments in any way: TypeError, AssertionError, NotImplementedError, RuntimeError ...
    except Exception as error:
        kind = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
        reason = next(iter(str(error).splitlines()), '')
        raise OptionError(f'{key}: {component.type}: {kind}{reason}; check its arguments: {component.arguments}'
                          ) from error
