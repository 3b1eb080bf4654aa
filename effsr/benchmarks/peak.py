"""What a device can do at most, measured: its rate of dense convolutions, and the bandwidth of its memory."""
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from effsr.benchmarks.timing import Timed

# (channels, side): large enough to keep a device busy, small enough to be quick.
CONVOLUTIONS = ((64, 128), (128, 64), (256, 64))
COPIED = 64 * 2**20  # bytes; far beyond a cache
BATCH_ON_GPU = 16
ROUND = 0.1  # seconds for each in a round


class Peak(NamedTuple):
    """FLOP a second of the best dense 3x3 convolution, by precision; bytes a second of copying in memory."""

    flops: dict[str, float]
    bandwidth: float


def convolution_runs(precision: torch.dtype, device: torch.device) -> dict[str, tuple[Callable[[int], float], int]]:
    """Dense 3x3 convolutions of several widths, in both memory formats, each with its FLOPs."""
    runs = {}
    batch = 1 if device.type == 'cpu' else BATCH_ON_GPU
    for channels, side in CONVOLUTIONS:
        for layout in (torch.contiguous_format, torch.channels_last):
            conv = nn.Conv2d(channels, channels, 3, 1, 1, device=device, dtype=precision).requires_grad_(False)
            conv = conv.to(memory_format=layout)
            picture = torch.ones(batch, channels, side, side, device=device, dtype=precision).to(memory_format=layout)
            flops = 2 * batch * channels**2 * 9 * side**2
            timed = Timed(lambda conv=conv, fed=picture: conv(fed), device, ROUND)
            runs[f'{channels} channels, {layout}'] = timed, flops
    return runs


def copy_run(device: torch.device) -> tuple[Callable[[int], float], int]:
    """A copy within memory, with the bytes that it reads and writes."""
    source = torch.ones(COPIED // 4, device=device)
    target = torch.empty_like(source)
    return Timed(lambda: target.copy_(source), device, ROUND), 2 * COPIED


class PeakRuns:
    """The device's peak, measured in turn with what is compared with it.

    Args:
        precisions: Those in use, by name.
        device: Where.
    """

    def __init__(self, precisions: dict[str, torch.dtype], device: torch.device) -> None:
        self._convolutions = {name: convolution_runs(dtype, device) for name, dtype in precisions.items()}
        self._copy, self._copied = copy_run(device)

    def __call__(self, number: int) -> Peak:
        """One round: the best convolution of each precision, and the copy."""
        flops = {name: max(flops / run(number) for run, flops in runs.values())
                 for name, runs in self._convolutions.items()}
        return Peak(flops, self._copied / self._copy(number))


def best(rounds: list[Peak]) -> Peak:
    """The peak over several rounds: a rate that was reached once can be reached."""
    return Peak({name: max(peak.flops[name] for peak in rounds) for name in rounds[0].flops},
                max(peak.bandwidth for peak in rounds))
