"""How the host learns numbers that a device computes, without waiting for it."""
from typing import Protocol

import torch
from torch import Tensor


class Arrival(Protocol):
    """Numbers under way from a device to the host."""

    def ready(self) -> bool:
        """Whether they are there; does not wait."""

    def read(self) -> list[bool]:
        """The numbers; waits for them."""


class Here:
    """Flags (N,) bool that are on the host already."""

    def __init__(self, flags: Tensor):
        self.flags = flags

    def ready(self) -> bool:
        """Always."""
        return True

    def read(self) -> list[bool]:
        """The flags."""
        return self.flags.tolist()


class UnderWay:
    """Flags (N,) bool of an accelerator: their copy is queued behind what computes them, and an event behind the copy.

    Args:
        flags: Not changed afterwards.
    """

    def __init__(self, flags: Tensor):
        self._event = getattr(torch, flags.device.type).Event()  # torch.cuda, torch.xpu, torch.mps
        # Pageable memory would make the copy wait for the device.
        pinned = flags.device.type == 'cuda'
        self._copy = torch.empty(flags.shape, dtype=flags.dtype, pin_memory=pinned)
        self._copy.copy_(flags, non_blocking=True)
        self._event.record()

    def ready(self) -> bool:
        """Whether the device has come past the event."""
        return self._event.query()

    def read(self) -> list[bool]:
        """The flags; waits for the event."""
        self._event.synchronize()
        return self._copy.tolist()


def send(flags: Tensor) -> Arrival:
    """Send flags (N,) bool on their way to the host."""
    return Here(flags) if flags.device.type == 'cpu' else UnderWay(flags)
