"""Steps whose losses or gradients were not finite: noticed without waiting, explained, written down, and judged."""
import logging
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from effsr.models.nonfinite.arrivals import Arrival, send
from effsr.models.nonfinite.diagnosis import diagnose, samples_of
from effsr.models.nonfinite.incident import FOLDER, Incident, file_name, write
from effsr.models.pairs import Pairs
from effsr.options import Options
from effsr.runtime.checkpoint import CheckpointError
from effsr.runtime.distributed import gather

logger = logging.getLogger('basicsr')

PATIENCE = 4  # steps that the host runs ahead of what it knows
MOST_FILES = 50  # batches written in a run, of some megabytes each
REMEDY = ('lower lr in train: optim_g (and optim_d) or set train: precision: fp32, then go on from the last checkpoint '
          'with --auto_resume --reset_schedule')


class NonFiniteError(ValueError):
    """Training ends because losses or gradients are not finite; the message is one line with file and remedy."""


class RollBack(Exception):
    """Training is to go on from its last checkpoint with a lower learning rate; raised by all processes at once.

    Args:
        iteration: The step that was not finite.
        reason: A line about it.
        rollbacks: How many there have been with this one.
    """

    def __init__(self, iteration: int, reason: str, rollbacks: int):
        super().__init__(reason)
        self.iteration = iteration
        self.rollbacks = rollbacks


class _Step(NamedTuple):
    """A step that the host does not know the outcome of yet."""

    iteration: int
    names: tuple[str, ...]
    pairs: Pairs
    settings: dict[str, Any]
    arrival: Arrival
    model: Any


def settings_of(model: Any) -> dict[str, Any]:
    """Precision and learning rates of a model's step, for the file."""
    precision = model.precision
    rates = {key: [group['lr'] for group in optimizer.param_groups]
             for key, optimizer in zip(('optim_g', 'optim_d'), model.optimizers, strict=False)}
    return {'precision': 'fp32' if precision is None else str(precision.dtype).removeprefix('torch.'),
            'learning_rate': rates, 'device': str(model.device), 'rank': model.options.runtime.rank}


class Watch:
    """Looks at the flags of every step, at most PATIENCE steps later, and does what train: nonfinite says.

    Args:
        options: train: nonfinite, path: experiments_root and the rank are read.
        device: Where the flags come from.
        send: How they come to the host.

    Attributes:
        skipped: Number of steps left out so far.
        rollbacks: Number of roll-backs so far.
        may_be_early: Whether a step may be settled as soon as its flags have come.
    """

    def __init__(self, options: Options, device: torch.device, send: Callable[[Tensor], Arrival] = send):
        self.policy = options.train.nonfinite
        self.rank = options.runtime.rank
        root = options.path.experiments_root
        self.folder = Path(root) / FOLDER if root is not None else None
        self.device = device
        # Hosts learn of the same flag at different times, unless it is there at once.
        self.may_be_early = options.runtime.world_size == 1 or device.type == 'cpu'
        self.skipped = self.rollbacks = 0
        self._send = send
        self._window: list[int] = []  # iterations left out of late
        self._written = 0
        self._pending: deque[_Step] = deque()

    def note(self, model: Any, iteration: int, pairs: Pairs, flags: Mapping[str, Tensor]) -> None:
        """Take in a step, and settle those whose flags have come; once an iteration.

        With several processes a step is settled when it is PATIENCE steps old and no earlier, so that all of them do
        it at the same time.

        Args:
            model: Gives what a diagnosis needs.
            iteration: From 1.
            pairs: What the step was computed on.
            flags: 0-dim bool tensors by name (l_pix, gradient of network_g ...): finite; the same on all processes.

        Raises:
            NonFiniteError: By policy: stop, or because there were too many.
            RollBack: By policy: rollback.
        """
        if not flags:
            return
        arrival = self._send(torch.stack([flag.to(self.device) for flag in flags.values()]))
        if not arrival.ready():
            # A loop of one's own may write over its batch before it is looked at; gt_usm may be gt itself.
            copies = {id(tensor): tensor.detach().clone() for tensor in pairs}
            pairs = Pairs(*(copies[id(tensor)] for tensor in pairs))
        self._pending.append(_Step(iteration, tuple(flags), pairs, settings_of(model), arrival, model))
        while len(self._pending) > PATIENCE:
            self._settle_one()
        self.settle(wait=False)

    def settle(self, wait: bool) -> None:
        """Settle the steps whose flags have come; with wait, all of them.

        Raises:
            NonFiniteError, RollBack: As :meth:`note`.
        """
        while self._pending and (wait or (self.may_be_early and self._pending[0].arrival.ready())):
            self._settle_one()

    def _settle_one(self) -> None:
        step = self._pending.popleft()
        what = tuple(name for name, finite in zip(step.names, step.arrival.read(), strict=True) if not finite)
        if what:
            self._judge(self._explain(step, what), step.iteration)

    def _explain(self, step: _Step, what: tuple[str, ...]) -> str:
        """Diagnose a step on every process, write it down, and put it into words on all of them alike."""
        diagnosis = diagnose(step.model, step.pairs)
        incident = Incident(step.iteration, what, diagnosis, samples_of(step.model, step.pairs), step.settings)
        file = self._write(incident, step.pairs)
        found = gather((incident.describe(), diagnosis.found, file))
        # The process whose samples are at fault knows best.
        text, _, file = next((part for part in found if part[1]), found[0])
        return f'iteration {step.iteration}: {text}; {file}'

    def _write(self, incident: Incident, pairs: Pairs) -> str:
        if self.folder is None:
            return 'batch not written: there is no folder of a run'
        if self._written >= MOST_FILES:
            return f'batch not written: {MOST_FILES} are there already'
        try:
            path = write(incident, pairs, file_name(self.folder, incident.iteration, self.rank))
        except CheckpointError as error:
            return f'batch not written: {error}'
        self._written += 1
        return f'batch written to {path}'

    def _judge(self, text: str, iteration: int) -> None:
        policy = self.policy
        if policy.policy == 'stop':
            raise NonFiniteError(f'{text}; train: nonfinite: policy is stop; {REMEDY}')
        if policy.policy == 'rollback':
            if self.rollbacks >= policy.max_rollbacks:
                raise NonFiniteError(f'{text}; rolled back {self.rollbacks} times already, train: nonfinite: '
                                     f'max_rollbacks is {policy.max_rollbacks}; {REMEDY}')
            self.rollbacks += 1
            self._pending.clear()
            raise RollBack(iteration, f'{text}; rolling back to the last checkpoint, learning rate times '
                           f'{policy.lr_factor:g}, {self.rollbacks} of at most {policy.max_rollbacks}', self.rollbacks)
        self._window = [past for past in self._window if past > iteration - policy.window] + [iteration]
        self.skipped += 1
        count, window = len(self._window), f'{policy.window:,} iterations'
        if count > policy.limit:
            raise NonFiniteError(f'{text}; {count} within {window}, train: nonfinite: limit is {policy.limit}; '
                                 f'{REMEDY}')
        logger.warning('%s; skipped, %d of at most %d within %s', text, count, policy.limit, window)

    def state_dict(self) -> dict[str, Any]:
        """What was skipped, in the window and in all, and how often the run rolled back."""
        return {'window': list(self._window), 'skipped': self.skipped, 'rollbacks': self.rollbacks,
                'written': self._written}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting from what :meth:`state_dict` gave."""
        self._window = list(state['window'])
        self.skipped, self.rollbacks, self._written = state['skipped'], state['rollbacks'], state['written']
        self._pending.clear()

