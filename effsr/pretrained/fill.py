"""Putting trained weights into a network."""
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


def fill(net: nn.Module, state: Mapping[str, Tensor], used: Collection[str], what: str, path: Path) -> None:
    """Load the weights that are used, in whatever precision they come.

    Raises:
        ValueError: Some are missing, of another shape, or not finite.
    """
    own = net.state_dict()
    order = [name for name in own if name in used]
    missing = [name for name in order if name not in state]
    if missing:
        more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
        raise ValueError(f'{path}: does not fit {what}: {missing[0]}{more} of {len(order)} missing; give weights of '
                         'this network, in its own layout')
    for name in order:
        if state[name].shape != own[name].shape:
            raise ValueError(f'{path}: does not fit {what}: {name} is {tuple(state[name].shape)}, it needs '
                             f'{tuple(own[name].shape)}; give weights of this network')
        if not state[name].isfinite().all():
            raise ValueError(f'{path}: {name} holds numbers that are not finite; get the file again')
    with torch.no_grad():
        for name in order:  # not by load_state_dict: some networks ask it for a version, which plain files do not have
            own[name].copy_(state[name])
