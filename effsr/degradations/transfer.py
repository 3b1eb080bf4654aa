"""Small values from the host to the device of an image, without waiting for what the device has still to do."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Copy a host tensor to ``device``; on the host itself, the tensor as it is unless the type differs.

    Args:
        values: on the host.
        device: where the result lies.
        dtype: its type, that of ``values`` if None.
    """
    values = values if dtype is None else values.to(dtype)
    if device.type != 'cuda':
        return values.to(device)
    # A copy from memory that is not pinned waits for the device.
    return values.pin_memory().to(device, non_blocking=True)
