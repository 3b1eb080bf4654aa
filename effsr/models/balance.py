"""Who is winning: how well the discriminator tells pictures apart, and what it weighs in the generator's gradient."""
import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from effsr.runtime.distributed import average

logger = logging.getLogger('basicsr')

REMEDY = ('from a discriminator that is never wrong the generator learns little: lower lr in train: optim_d, give '
          'r1_weight in train: gan_opt, or use a narrower network_d')


class Balance:
    """Warns when the discriminator was right in almost all of its scores throughout a window of iterations.

    Args:
        window: Iterations that are judged together.
        limit: Share of the scores, of real and of made pictures alike, from which on it has won.
        device: Where the scores are.
    """

    def __init__(self, window: int, limit: float, device: torch.device):
        self.window, self.limit = window, limit
        self._right = torch.zeros((), device=device)
        self._count = 0

    @torch.no_grad()
    def add(self, real: Tensor, fake: Tensor) -> None:
        """Take in one iteration's accuracies, 0-dim; the host does not wait for them."""
        self._right = self._right + (real + fake) / 2
        self._count += 1

    def look(self, iteration: int) -> None:
        """At the end of a window, judge it and begin the next; a collective call then, once for each iteration."""
        if self._count < self.window:
            return
        share = average(self._right / self._count).item()
        self._right, self._count = torch.zeros_like(self._right), 0
        if share >= self.limit:
            logger.warning('iteration %d: in the last %d iterations the discriminator told %.1f%% of real and made '
                           'pictures apart (train: gan_balance: limit: %g): %s', iteration, self.window, 100 * share,
                           self.limit, REMEDY)

    def state_dict(self) -> dict[str, Any]:
        """The window under way; of several processes, process 0's share of it."""
        return {'right': self._right.item(), 'count': self._count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken."""
        self._right, self._count = torch.full_like(self._right, state['right']), state['count']


class GradientRatio:
    """Norm of the gradient that comes to the generator's output through the discriminator, over that of all the rest.

    It is taken from the backward pass as it goes by: nothing is computed twice.
    """

    def __init__(self) -> None:
        self._adversarial: list[Tensor] = []  # squared norms, one for each part of the batch
        self._rest: list[Tensor] = []
        self._arrived: Tensor | None = None

    def begin(self) -> None:
        """Forget the step before."""
        self._adversarial, self._rest, self._arrived = [], [], None

    def watched(self, output: Tensor) -> Tensor:
        """The generator's output as the discriminator is to be given it; all other losses take ``output`` itself."""
        if not output.requires_grad:
            return output
        own = output.view_as(output)
        own.register_hook(self._keep)
        output.register_hook(self._compare)
        return own

    def value(self) -> dict[str, Tensor]:
        """The ratio by its name in the log, 0-dim, not finite without other losses; nothing before a backward pass."""
        if not self._rest:
            return {}
        return {'gradient_ratio': (sum(self._adversarial) / sum(self._rest)).sqrt()}

    def _keep(self, gradient: Tensor) -> None:
        self._arrived = gradient.detach()

    def _compare(self, gradient: Tensor) -> None:
        if self._arrived is None:
            return
        self._adversarial.append(self._arrived.square().sum())
        self._rest.append((gradient.detach() - self._arrived).square().sum())
        self._arrived = None
