"""No non-finite number reaches weights or an optimizer's state: a step that is taken or not, decided on the device.

The host gives its orders well ahead of an accelerator. To ask whether a loss was finite it would have to wait in every
step; here it does not ask. On the CPU, where it costs nothing, it does.

On an accelerator fused optimizers are told by their ``found_inf``, in the kernel. For others the gradients of a bad
step become zero, and what the step has changed is put back. The step in which an optimizer makes its state is the one
for which the host waits: what the state was before cannot be told from the state itself. Of a fused optimizer's state
there is no copy there: made of gradients whose squares are finite, it is finite itself; should it not be, that is told.

Two kinds of counters count a step that was left out: those that an optimizer keeps on the host while its weights are on
an accelerator (where it is neither fused nor capturable); and those in its groups (schedule-free's k), there and, where
it is the step itself that broke, on a CPU, too.
"""
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch import distributed as dist

from effsr.models.step.optimizers import gradients_of, weights_of


def all_finite(tensors: Iterable[Tensor], device: torch.device) -> Tensor:
    """Whether every number of all tensors is finite, 0-dim bool; of none at all they are.

    Args:
        tensors: On the device; those of integers are passed over.
        device: Where the answer is wanted.
    """
    tensors = [tensor.detach() for tensor in tensors if can_break(tensor)]
    yes = torch.ones((), dtype=torch.bool, device=device)
    # A CPU is faster at squares; but what Adam remembers of sound gradients may have a square that is infinite.
    if not tensors or (host_may_look(yes) and torch.stack(torch._foreach_norm(tensors)).isfinite().all()):
        return yes
    return _sizes(tensors).isfinite().all()


def stay_finite(before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
    """Whether each tensor that was finite still is, 0-dim bool; a mask that holds infinity from the start may.

    Args:
        before: Floating, at least one, on one device.
        after: The same later.
    """
    return (_sizes(after).isfinite() | ~_sizes(before).isfinite()).all()


def can_break(tensor: Tensor) -> bool:
    """Whether a tensor can hold a number that is not finite."""
    return tensor.is_floating_point() and tensor.numel() > 0


def _sizes(tensors: Sequence[Tensor]) -> Tensor:
    """Sum of the absolute values of each tensor (N,): not finite where one of them is not."""
    return torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors], 1))


def agree(ok: Tensor) -> Tensor:
    """Whether a flag (bool, any shape) is set on every process; without a process group the flag itself.

    A collective call, queued on the flag's device.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return ok
    value = ok.to(torch.int32)
    dist.all_reduce(value, dist.ReduceOp.MIN)
    return value > 0


def host_may_look(ok: Tensor) -> bool:
    """Whether reading the flag costs the host nothing: it is on the CPU already."""
    return ok.device.type == 'cpu'


class Copies:
    """Tensors as they are now, to be put back.

    Args:
        tensors: Copied, on their device.
    """

    @torch.no_grad()
    def __init__(self, tensors: Iterable[Tensor]):
        self.tensors = list(tensors)
        self.before = [torch.empty_like(tensor) for tensor in self.tensors]
        if self.tensors:
            torch._foreach_copy_(self.before, self.tensors)

    @torch.no_grad()
    def restore_unless(self, ok: Tensor, into: Sequence[Tensor] | None = None) -> None:
        """Make the tensors again what they were, unless ``ok``.

        Args:
            ok: 0-dim bool, on their device.
            into: The tensors that have taken their place, where that may be others.
        """
        looks = host_may_look(ok)
        if looks and ok:
            return
        for tensor, before in zip(self.tensors if into is None else into, self.before, strict=True):
            if looks:
                tensor.copy_(before)
            else:
                torch.where(ok, tensor, before, out=tensor)


@torch.no_grad()
def guarded_step(optimizer: torch.optim.Optimizer, ok: Tensor) -> tuple[Tensor, Tensor]:
    """Take an optimizer's step where ``ok``; otherwise weights and the tensors of its state stay bit for bit.

    They stay as well where the step itself makes them not finite, of gradients that are: Adam with an eps of 0 divides
    by 0 where there is no gradient, Adagrad adds up squares for ever.

    Args:
        optimizer: Its gradients are unscaled.
        ok: 0-dim bool tensor, on the device of the weights.

    Returns:
        Whether the weights that it made were finite, and whether the tensors of its state were: 0-dim bool each, set
        where the step was not to be taken.
    """
    fresh = _without_state(optimizer)
    looks = host_may_look(ok) or bool(fresh)
    if looks and not ok:
        return ~ok, ~ok
    fused = not looks and _takes_found_inf(optimizer)
    weights, state = weights_of(optimizer), [] if fused else list(_state_of(optimizer, ok))
    copies = Copies([*weights, *(value for _, _, value in state)])
    if looks:
        optimizer.step()
    elif fused:
        _fused_step(optimizer, ok)
    else:
        for gradient in gradients_of(optimizer):
            gradient.masked_fill_(~ok, 0)
        optimizer.step()
    weights_finite = all_finite(weights, ok.device)
    state_finite = all_finite((value for _, _, value in _state_of(optimizer, ok)), ok.device)
    stays = ok & weights_finite & state_finite
    # The state's entries by name: some optimizers replace a tensor instead of writing into it.
    copies.restore_unless(stays, [*weights, *(values[name] for values, name, _ in state)])
    if fresh and not stays:
        for weight in fresh:
            optimizer.state.pop(weight, None)
    return weights_finite | ~ok, state_finite | ~ok


def _without_state(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Weights whose first step this would be; fused SGD would begin with memory as it finds it."""
    if isinstance(optimizer, torch.optim.SGD) and not any(group['momentum'] for group in optimizer.param_groups):
        return []
    return [weight for weight in weights_of(optimizer) if weight.grad is not None and not optimizer.state.get(weight)]


def _takes_found_inf(optimizer: torch.optim.Optimizer) -> bool:
    return all(group.get('fused') for group in optimizer.param_groups) and \
        getattr(optimizer, '_step_supports_amp_scaling', False)


def _fused_step(optimizer: torch.optim.Optimizer, ok: Tensor) -> None:
    optimizer.found_inf = (~ok).float()
    try:
        optimizer.step()
    finally:
        del optimizer.found_inf


def _state_of(optimizer: torch.optim.Optimizer, ok: Tensor) -> Iterator[tuple[dict, str, Tensor]]:
    """(state of a weight, name, tensor) on the flag's device, weights without a gradient included."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if torch.is_tensor(value) and value.device == ok.device:
                yield state, name, value


class Buffers:
    """A network's buffers before a pass: batch-norm statistics, singular vectors of spectral normalisation.

    Args:
        net: Its buffers are copied, on their device.
        network: The network's name in the log of what was not finite, such as network_g.
    """

    def __init__(self, net: nn.Module, network: str):
        self.network = network
        self._copies = Copies(net.buffers())

    def restore_unless(self, ok: Tensor) -> None:
        """Put the buffers back as they were, unless ``ok`` (0-dim bool): what a bad batch left does not stay."""
        self._copies.restore_unless(ok)

    def flags(self) -> dict[str, Tensor]:
        """Whether they stayed finite, 0-dim bool by name; nothing for a network that has none.

        Activations beyond 1.8e19 have an infinite variance, and nevertheless a finite loss and gradient.
        """
        pairs = [pair for pair in zip(self._copies.before, self._copies.tensors, strict=True) if can_break(pair[1])]
        return {f'statistics of {self.network}': stay_finite(*zip(*pairs, strict=True))} if pairs else {}
