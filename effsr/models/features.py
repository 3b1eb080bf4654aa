"""What a network's inner modules put out, by their names, caught while the network runs."""
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from effsr.options import OptionError
from effsr.options.messages import nearest


def check_layers(net: nn.Module, layers: Sequence[str], key: str) -> None:
    """Check that a network has modules of these names.

    Args:
        net: Bare.
        layers: As net.named_modules() calls them, such as body.3.
        key: The option they stand under, for messages.

    Raises:
        OptionError: It has no such module; the message names one that it has.
    """
    known = [name for name, _ in net.named_modules() if name]
    for layer in layers:
        if layer not in known:
            raise OptionError(f'{key}: {type(net).__name__} has no module {layer}; {_some(layer, known)}')


def _some(layer: str, known: list[str]) -> str:
    hint = nearest(layer, known)
    shown = ', '.join(known[:12])
    return hint if hint.startswith('did you mean') else f'it has {shown}{" ..." if len(known) > 12 else ""}'


@contextmanager
def captured(net: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Within it the output of each named module is kept, in the order of the names once all have run.

    A module that runs more than once gives the output of its last run. What the network then changes in place, as an
    activation with inplace=True does, is seen as changed. A network that is compiled is not to be compiled meanwhile.

    Args:
        net: Bare; it is run within the context.
        layers: Names of modules, see :func:`check_layers`.

    Raises:
        OptionError: A module puts out something else than one tensor.
    """
    seen: dict[str, Tensor] = dict.fromkeys(layers)
    hooks = [net.get_submodule(layer).register_forward_hook(partial(_keep, seen, layer)) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def outputs(seen: Mapping[str, Tensor | None], layers: Sequence[str], key: str) -> list[Tensor]:
    """What :func:`captured` has seen, in the order of the names, each as often as it is named.

    Args:
        seen: After the network has run.
        layers: Names that were given to captured; one may stand there twice.
        key: The option they stand under, for messages.

    Raises:
        OptionError: A module does not run when the network does, as a list of modules does not.
    """
    idle = next((layer for layer in layers if seen[layer] is None), None)
    if idle is not None:
        raise OptionError(f'{key}: module {idle} does not run by itself; name one that does, such as one inside of it')
    return [seen[layer] for layer in layers]


def _keep(seen: dict[str, Tensor], layer: str, module: nn.Module, args: Any, output: Any) -> None:
    if not isinstance(output, Tensor):
        raise OptionError(f'module {layer}, {type(module).__name__}, puts out a {type(output).__name__}; features are '
                          'single tensors: name a module inside of it')
    seen[layer] = output
