"""Seconds of something that may take a millisecond or half a minute."""
import time
from collections.abc import Callable
from math import ceil
from statistics import median

import torch

SLOW = 1.0  # seconds, from which on one call a round is enough
ROUND = 0.4  # seconds that the calls of a round take together
MOST = 100  # calls a round


class Timed:
    """A call that is timed round after round: once a round where it is slow, else often enough to fill the round.

    Round 0 is :meth:`warm_up`, once, however often it is asked for.

    Args:
        call: What is timed; on a GPU it may return before it is done.
        device: Where it computes.
        budget: Seconds that the calls of a round take together.
    """

    def __init__(self, call: Callable[[], object], device: torch.device, budget: float = ROUND) -> None:
        self.call = call
        self.device = device
        self.budget = budget
        self.first: float | None = None
        self.repeats = 1

    def warm_up(self) -> float:
        """Run for the first time, and find out how often a round can; seconds of a single call."""
        if self.first is None:
            seconds = self._once()
            if seconds < SLOW:  # the first call of all prepares more than it computes
                seconds = self._once()
            self.first = seconds
            self.repeats = 1 if seconds >= SLOW else min(MOST, max(1, ceil(self.budget / max(seconds, 1e-9))))
        return self.first

    def __call__(self, number: int) -> float:
        """Seconds of a call: the median of the round's calls."""
        return median(self._once() for _ in range(self.repeats)) if number else self.warm_up()

    def _once(self) -> float:
        self._wait()
        start = time.perf_counter()
        self.call()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
