"""In what the networks compute: fp32, or mixed precision with bf16 or fp16, the latter with a loss scale."""
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from effsr.models.step.optimizers import gradients_of
from effsr.options import OptionError

logger = logging.getLogger('basicsr')

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
AMPERE = (8, 0)  # the first CUDA capability with bf16 in its tensor cores
# torch.amp.GradScaler's arithmetic.
FIRST_SCALE, GROWTH, BACKOFF, GROWTH_INTERVAL = 65536.0, 2.0, 0.5, 2000


def does_bf16_well(device: torch.device) -> bool:
    """Whether bf16 is faster than fp32 there: CUDA capability 8.0, or a CPU with AMX or AVX512-BF16."""
    if device.type == 'cuda':
        return torch.cuda.get_device_capability(device) >= AMPERE
    # Older versions of torch lack them.
    asked = (getattr(torch.cpu, name, None) for name in ('_is_amx_tile_supported', '_is_avx512_bf16_supported'))
    return device.type == 'cpu' and any(ask is not None and ask() for ask in asked)


def resolve(name: str, device: torch.device) -> torch.dtype:
    """The type that `train: precision` means on a device.

    Args:
        name: fp32, bf16, fp16 or auto (bf16 where the device does it well, else fp32).
        device: Where the networks are.

    Raises:
        OptionError: fp16 on a CPU.
    """
    if name == 'fp16' and device.type == 'cpu':
        raise OptionError('train.precision: fp16 needs a GPU, this run computes on the CPU; accepted there: fp32, '
                          'bf16, auto')
    if name != 'auto':
        return DTYPES[name]
    well = does_bf16_well(device)
    chosen = 'bf16' if well else 'fp32'
    logger.info('train: precision: auto: %s; this %s %s bf16 well', chosen, 'GPU' if device.type == 'cuda' else 'CPU',
                'does' if well else 'does not do')
    return DTYPES[chosen]


class LossScale:
    """What losses are multiplied with, so that small gradients do not vanish in fp16; kept on the device.

    Halved after a step whose gradients overflowed, doubled after GROWTH_INTERVAL steps without: the arithmetic of
    torch.amp.GradScaler (Micikevicius et al., Mixed Precision Training, arXiv 1710.03740, section 3.2), which asks
    the device in every step.
    """

    def __init__(self, device: torch.device):
        self.value = torch.tensor(FIRST_SCALE, device=device)
        self._good_steps = torch.tensor(0, device=device)

    @torch.no_grad()
    def update(self, ok: Tensor) -> None:
        """Take in whether a step's gradients were finite (0-dim bool)."""
        good = torch.where(ok, self._good_steps + 1, 0)
        grown = self.value * GROWTH
        grows = (good == GROWTH_INTERVAL) & grown.isfinite()
        self.value = torch.where(ok, torch.where(grows, grown, self.value), self.value * BACKOFF)
        self._good_steps = torch.where(good == GROWTH_INTERVAL, 0, good)

    def state_dict(self) -> dict[str, Any]:
        """Scale and steps since it last changed, as numbers."""
        return {'scale': self.value.item(), 'good_steps': int(self._good_steps)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what state_dict gave."""
        self.value = self.value.new_tensor(state['scale'])
        self._good_steps = self._good_steps.new_tensor(state['good_steps'])


class Precision:
    """What a step needs to compute in the precision that the options name.

    Args:
        name: fp32, bf16, fp16 or auto.
        device: Where the networks are.

    Raises:
        OptionError: fp16 on a CPU.
    """

    def __init__(self, name: str, device: torch.device):
        self.device = device
        self.dtype = resolve(name, device)
        self.loss_scale = LossScale(device) if self.dtype == torch.float16 else None

    def autocast(self) -> AbstractContextManager:
        """Within it, forward passes compute in this precision; losses and backward passes belong outside."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scale(self, loss: Tensor) -> Tensor:
        """A loss as it is to be differentiated."""
        return loss if self.loss_scale is None else loss * self.loss_scale.value

    @torch.no_grad()
    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide an optimizer's gradients by the scale, in place."""
        if self.loss_scale is None:
            return
        gradients = gradients_of(optimizer)
        if gradients:
            torch._foreach_mul_(gradients, self.loss_scale.value.double().reciprocal().float())

    def update(self, ok: Tensor) -> None:
        """Move the scale on, once an iteration.

        Args:
            ok: Whether all gradients of the iteration were finite, 0-dim bool.
        """
        if self.loss_scale is not None:
            self.loss_scale.update(ok)

    def overflow_is_ordinary(self) -> Tensor | None:
        """Whether an overflow of gradients is cured by a lower scale, 0-dim bool; None where there is no scale."""
        return None if self.loss_scale is None else self.loss_scale.value * BACKOFF >= 1

    def state_dict(self) -> dict[str, Any]:
        """The loss scale; empty without one."""
        return {} if self.loss_scale is None else self.loss_scale.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what state_dict gave; a state of a run in another precision has nothing to take up."""
        if self.loss_scale is not None and state:
            self.loss_scale.load_state_dict(state)
