"""No non-finite number reaches weights or an optimizer's state: a step that is taken or not, decided on the device.

The host gives its orders well ahead of an accelerator. To ask whether a loss was finite it would have to wait in every
step; here it does not ask.
"""
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch import distributed as dist


def all_finite(tensors: Iterable[Tensor]) -> Tensor:
    """Whether every number of all tensors is finite: a 0-dim bool tensor on the device of the first.

    Args:
        tensors: Of any shape and type; none at all are finite.
    """
    flags = [tensor.detach().isfinite().all() for tensor in tensors]
    if not flags:
        return torch.tensor(True)
    return torch.stack([flag.to(flags[0].device) for flag in flags]).all()


def agree(ok: Tensor) -> Tensor:
    """Whether a flag (0-dim bool) is set on every process; without a process group the flag itself.

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


@torch.no_grad()
def guarded_step(optimizer: torch.optim.Optimizer, ok: Tensor, host_knows: bool | None = None) -> None:
    """Take an optimizer's step where ``ok``; otherwise weights and the tensors of its state stay bit for bit.

    Fused optimizers are told by their ``found_inf``, in the kernel. For others the gradients of a bad step become zero,
    and what the step has changed is put back. The step in which an optimizer makes its state is the one for which the
    host waits: what the state was before cannot be told from the state itself. Counters that an optimizer keeps on the
    host while its weights are on an accelerator (those that are neither fused nor capturable) count a bad step, too.

    Args:
        optimizer: Its gradients are unscaled.
        ok: 0-dim bool tensor, on the device of the weights.
        host_knows: Whether the host reads ``ok`` and decides; None: on the CPU, where it costs nothing.
    """
    looks = host_may_look(ok) if host_knows is None else host_knows
    if looks or _makes_state(optimizer):
        if bool(ok):
            optimizer.step()
    elif _takes_found_inf(optimizer):
        _fused_step(optimizer, ok)
    else:
        _undone_step(optimizer, ok)


def _with_gradient(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group['params']
            if parameter.grad is not None]


def _makes_state(optimizer: torch.optim.Optimizer) -> bool:
    """Whether this step would be the first of some weight; fused SGD would begin with memory as it finds it."""
    if isinstance(optimizer, torch.optim.SGD) and not any(group['momentum'] for group in optimizer.param_groups):
        return False
    return any(not optimizer.state.get(parameter) for parameter in _with_gradient(optimizer))


def _takes_found_inf(optimizer: torch.optim.Optimizer) -> bool:
    return all(group.get('fused') for group in optimizer.param_groups) and \
        getattr(optimizer, '_step_supports_amp_scaling', False)


def _fused_step(optimizer: torch.optim.Optimizer, ok: Tensor) -> None:
    optimizer.found_inf = (~ok).float()
    try:
        optimizer.step()
    finally:
        del optimizer.found_inf


def _undone_step(optimizer: torch.optim.Optimizer, ok: Tensor) -> None:
    bad = ~ok
    for parameter in _with_gradient(optimizer):
        parameter.grad.masked_fill_(bad, 0)
    # The state's entries by name: some optimizers replace a tensor instead of writing into it.
    before = [(tensor, tensor.clone()) for tensor in _with_gradient(optimizer)]
    state_before = {(id(state), name): value.clone() for state, name, value in _state_tensors(optimizer, ok)}
    optimizer.step()
    for tensor, old in before:
        tensor.copy_(torch.where(ok, tensor, old))
    for state, name, value in _state_tensors(optimizer, ok):
        value.copy_(torch.where(ok, value, state_before[id(state), name]))


def _state_tensors(optimizer: torch.optim.Optimizer, ok: Tensor) -> Iterator[tuple[dict, str, Tensor]]:
    """(state of a weight, name, tensor) on the flag's device, weights without a gradient included."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if torch.is_tensor(value) and value.device == ok.device:
                yield state, name, value


class Buffers:
    """A network's buffers before a pass: batch-norm statistics, singular vectors of spectral normalisation.

    Args:
        net: Its buffers are copied, on their device.
    """

    @torch.no_grad()
    def __init__(self, net: nn.Module):
        self._saved = [(buffer, buffer.clone()) for buffer in net.buffers()]

    @torch.no_grad()
    def restore_unless(self, ok: Tensor, host_knows: bool | None = None) -> None:
        """Put the buffers back as they were, unless ``ok`` (0-dim bool): what a bad batch left does not stay.

        Args:
            ok: On the device of the buffers.
            host_knows: As in :func:`guarded_step`.
        """
        looks = host_may_look(ok) if host_knows is None else host_knows
        if looks and bool(ok):
            return
        for buffer, old in self._saved:
            buffer.copy_(old if looks else torch.where(ok, buffer, old))
