"""The moving average (EMA) of a network's weights."""
from copy import deepcopy

import torch
from torch import Tensor, nn

from effsr.models.step import guard


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
def update_ema(ema: nn.Module, net: nn.Module, decay: float, ok: Tensor | None = None) -> Tensor:
    """ema = decay * ema + (1 - decay) * net for parameters; buffers (batch-norm statistics) are copied.

    The average stays bit for bit where ``ok`` is not set, and where the network holds a number that is not finite:
    nothing would ever take that out of it again. The host does not wait for either.

    Args:
        ema: The average; changed.
        net: Of the same architecture, on the same device.
        decay: Share of the average that stays.
        ok: Whether the step was taken, 0-dim bool; None: it was.

    Returns:
        Whether the network was finite, 0-dim bool. A buffer that is not finite in the average either does not count.
    """
    weights = dict(net.named_parameters())
    averages = list(ema.parameters())
    currents = [weights[name] for name, _ in ema.named_parameters()]
    buffers = list(zip(ema.buffers(), net.buffers(), strict=True))
    if not currents:
        return torch.tensor(True)
    finite = guard.all_finite(currents, currents[0].device)
    floating = [pair for pair in buffers if guard.can_break(pair[0])]
    if floating:
        finite = finite & guard.stay_finite(*zip(*floating, strict=True))
    ok = finite if ok is None else ok & finite
    looks = guard.host_may_look(ok)
    if looks and not ok:
        return finite
    if looks:
        torch._foreach_lerp_(averages, currents, 1 - decay)
    else:
        for own, new in zip(averages, torch._foreach_lerp(averages, currents, 1 - decay), strict=True):
            torch.where(ok, new, own, out=own)
    for own, other in buffers:
        own.copy_(other if looks else torch.where(ok, other, own))
    return finite
