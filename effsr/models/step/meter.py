"""Losses between two log lines: summed where they are computed, averaged over steps and processes when read."""
from collections.abc import Mapping

import torch
from torch import Tensor

from effsr.runtime.distributed import average


class LossMeter:
    """Losses of the steps since they were last read, summed on their device, so that no step waits for it.

    What is not finite is left out: it took no part in training either.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in one step's losses; not every step need have all of them."""
        for name, value in losses.items():
            value = value.detach().float().mean()
            finite = value.isfinite()
            value = torch.where(finite, value, 0.0)
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts[name] + finite if name in self._counts else finite.int()

    def read(self) -> dict[str, Tensor]:
        """Means by name, and begin anew; NaN where no step had a finite value."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means


def readable_log(log: Mapping[str, Tensor]) -> dict[str, float]:
    """Losses as numbers, averaged over the processes that have them; a collective call, which waits for the device.

    Args:
        log: The same names on every process.

    Returns:
        By name; one that is finite on no process is left out.
    """
    if not log:
        return {}
    values = torch.stack([value.detach().float().mean() for value in log.values()])
    finite = values.isfinite()
    shares = average(torch.stack([values.where(finite, 0.0), finite.float()])).tolist()
    return {name: total / share for name, total, share in zip(log, *shares, strict=True) if share > 0}
