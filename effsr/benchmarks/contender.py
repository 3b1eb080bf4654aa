"""What is compared: a model with its loader, driven as a training loop drives it."""
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from effsr.benchmarks.case import BACKWARD_D, BACKWARD_G, DATA, DEGRADATION, FORWARD_D, FORWARD_G, OPTIMIZERS, REST
from effsr.benchmarks.patching import Patch, patched, seeded
from effsr.benchmarks.stages import Seam, StageClock


class Whole(NamedTuple):
    """Seconds of one iteration, nothing wrapped: loading the batch, and the step from feed_data to the end."""

    data: float
    step: float


class Contender:
    """A model under the benchmark.

    Args:
        model: BasicSR's or ours: feed_data, update_learning_rate, optimize_parameters.
        batches: What its loader gives.
        seams: Of its step, beside those that all models have in common.
        patches: In place while a batch is loaded and fed.
        seed: Of what the model draws from global random state.
    """

    def __init__(self, model: Any, batches: Iterable[Any], seams: Sequence[Seam], patches: Sequence[Patch] = (),
                 seed: int = 0):
        self.model = model
        self.batches: Iterator[Any] = iter(batches)
        self.seams = (*seams, *common_seams(model))
        self.patches = tuple(patches)
        self.seed = seed
        self.iteration = 0

    def load(self) -> Any:
        """The next batch of the loader."""
        return next(self.batches)

    def feed(self, batch: Any) -> None:
        """From a batch to pairs."""
        self.model.feed_data(batch)

    def train(self) -> None:
        """One iteration on the pairs."""
        self.iteration += 1
        self.model.update_learning_rate(self.iteration, warmup_iter=-1)
        self.model.optimize_parameters(self.iteration)

    def wait(self) -> None:
        """Until the device has done everything."""
        if self.model.device.type == 'cuda':
            torch.cuda.synchronize(self.model.device)

    def time_whole(self, number: int, clock: Callable[[], float] = time.perf_counter) -> Whole:
        """Time one iteration; rounds of one number draw the same."""
        with seeded(self.seed, number), patched(*self.patches):
            self.wait()
            start = clock()
            batch = self.load()
            arrived = clock()
            self.feed(batch)
            self.train()
            self.wait()
            return Whole(arrived - start, clock() - arrived)

    def time_stages(self, number: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
        """Seconds of one iteration by stage; on a GPU each stage waits for the device."""
        stages = StageClock(self.wait, clock)
        with seeded(self.seed, number), patched(*self.patches), stages.on(self.seams):
            with stages.stage(DATA):
                batch = self.load()
            with stages.stage(DEGRADATION):  # what is left of feed_data beside the stages inside it
                self.feed(batch)
            with stages.stage(REST):
                self.train()
        return stages.seconds


def common_seams(model: Any) -> list[Seam]:
    """Networks, optimizers and the backward pass of a model with net_g and perhaps net_d."""
    net_d = getattr(model, 'net_d', None)
    seams = [Seam(model.net_g, 'forward', FORWARD_G),
             *(Seam(optimizer, 'step', OPTIMIZERS) for optimizer in model.optimizers)]
    if net_d is None:
        return [*seams, Seam(torch.Tensor, 'backward', BACKWARD_G)]
    first = next(net_d.parameters())

    def whose() -> str:
        # Both models let no gradient into the discriminator's weights while the generator learns.
        return BACKWARD_D if first.requires_grad else BACKWARD_G

    return [*seams, Seam(net_d, 'forward', FORWARD_D), Seam(torch.Tensor, 'backward', whose)]
