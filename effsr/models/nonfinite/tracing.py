"""Where in a network numbers cease to be finite: in a forward pass, or in the backward pass after it."""
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples and dicts."""
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)


def with_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same lists, tuples and dicts with other tensors; what else there is stays."""
    if torch.is_tensor(value):
        return change(value)
    if isinstance(value, dict):
        return {key: with_tensors(change, part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(with_tensors(change, part) for part in value)
    return value


def is_finite(value: Any) -> bool:
    """Whether all numbers of all tensors in nested lists, tuples and dicts are finite; the host waits for them."""
    return all(bool(tensor.detach().isfinite().all()) for tensor in tensors_in(value))


class _Call:
    """One call of a module."""

    def __init__(self, name: str, inputs_finite: bool, outer: '_Call | None'):
        self.name = name
        self.inputs_finite = inputs_finite
        self.outer = outer  # the call that made this one
        self.arrived = False  # a gradient of its output came
        self.broken_arrival: int | None = None  # the gradient of its output is not finite: as the how-manieth event
        # The gradient of its input, of one of its weights, or of the output of a call inside it is not finite.
        self.broken: int | None = None

    def arrives_broken(self, event: int) -> None:
        """The gradient of its output is not finite: it broke within the calls around it, where theirs came finite.

        Nothing else shows what a module does in its own forward where its input, fed from outside, needs no gradient.
        """
        self.broken_arrival = event
        outer = self.outer
        while outer is not None:
            # What did not come by its output came by a way that is not watched, from wherever.
            if outer.arrived and outer.broken is None:
                outer.broken = event
            outer = outer.outer


class Trace:
    """Watches one forward pass of a network, and the backward pass that follows it.

    A context: within it call the network once, then :meth:`forward_ends`, then go backward. Tensors' own hooks are
    used, not modules' backward hooks, which do not go with operations in place.

    Args:
        net: Not wrapped for several processes.
    """

    def __init__(self, net: nn.Module):
        self.net = net
        self.first_forward: str | None = None
        self.weight_gradients_finite = True
        self._calls: list[_Call] = []
        self._open: list[_Call] = []
        self._events = 0
        self._module_hooks: list[Any] = []
        self._weight_hooks: list[Any] = []

    def __enter__(self) -> 'Trace':
        for name, module in self.net.named_modules():
            self._module_hooks += [module.register_forward_pre_hook(partial(self._before, name), with_kwargs=True),
                                   module.register_forward_hook(partial(self._after, name))]
        self._weight_hooks = [parameter.register_hook(partial(self._weight, name.rpartition('.')[0]))
                              for name, parameter in self.net.named_parameters() if parameter.requires_grad]
        return self

    def __exit__(self, *error: Any) -> None:
        self.forward_ends()
        for hook in self._weight_hooks:
            hook.remove()

    def forward_ends(self) -> None:
        """Stop watching calls: gradient checkpointing makes them again in the backward pass."""
        for hook in self._module_hooks:
            hook.remove()
        self._module_hooks = []

    @property
    def gradient_arrives_finite(self) -> bool:
        """Whether the gradient of the network's result was finite."""
        return all(call.broken_arrival is None for call in self._calls if not call.name)

    @property
    def first_backward(self) -> str | None:
        """The first module, in backward order, that makes a gradient that is not finite of one that is.

        The innermost one, '' for the network itself. None: there is no such module.
        """
        guilty = sorted((call for call in self._calls if call.broken is not None and call.broken_arrival is None),
                        key=lambda call: call.broken)
        if not guilty:
            return None
        first = guilty[0]
        # A module and the first one in it have the same input, whose gradient breaks for both at once. What breaks in
        # it only later is not why it broke.
        while inner := [call for call in guilty if call.name != first.name and call.broken <= first.broken
                        and (not first.name or call.name.startswith(f'{first.name}.'))]:
            first = inner[0]
        return first.name

    def _before(self, name: str, module: nn.Module, args: Any, kwargs: Any) -> Any:
        outer = self._open[-1] if self._open else None
        call = _Call(name, is_finite((args, kwargs)), outer)  # asked now, since the module may write into them
        self._calls.append(call)
        self._open.append(call)
        return with_tensors(partial(self._as_input, call), (args, kwargs))

    def _as_input(self, call: _Call, tensor: Tensor) -> Tensor:
        """A view for this module alone: the gradient of the tensor itself comes from all that use it."""
        if not (tensor.requires_grad and torch.is_grad_enabled()):
            return tensor
        own = tensor.view_as(tensor)
        own.register_hook(partial(self._input_gradient, call))
        return own

    def _after(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        call = self._open.pop()
        if self.first_forward is None and call.inputs_finite and not is_finite(output):
            self.first_forward = name
        for tensor in tensors_in(output):
            if tensor.requires_grad:
                tensor.register_hook(partial(self._output_gradient, call))

    def _output_gradient(self, call: _Call, gradient: Tensor) -> None:
        self._events += 1
        call.arrived = True
        if call.broken_arrival is None and not is_finite(gradient):
            call.arrives_broken(self._events)

    def _input_gradient(self, call: _Call, gradient: Tensor) -> None:
        self._events += 1
        if call.broken is None and not is_finite(gradient):
            call.broken = self._events

    def _weight(self, name: str, gradient: Tensor) -> None:
        self._events += 1
        if not is_finite(gradient):
            self.weight_gradients_finite = False
            for call in self._calls:
                if call.name == name and call.broken is None:
                    call.broken = self._events
