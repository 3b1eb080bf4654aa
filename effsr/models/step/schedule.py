"""The learning rate: schedules by name, warm-up, and a factor that a rollback lowers, each apart from the others."""
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from effsr.models.components import construct
from effsr.options import Component, OptionError
from effsr.options.components import SCHEDULER, unusable

# What schedules keep in an optimizer's groups.
SCHEDULE_KEYS = ('lr', 'initial_lr', 'max_lr', 'min_lr', 'max_momentum', 'base_momentum')
Rates = list[list[float]]


def build_scheduler(component: Component | None, optimizer: torch.optim.Optimizer,
                    total_iter: int) -> torch.optim.lr_scheduler.LRScheduler:
    """Build a schedule: BasicSR's MultiStepLR (MultiStepRestartLR) and CosineAnnealingRestartLR, or torch's by name.

    None gives a constant learning rate.

    Raises:
        OptionError: No schedule of that name, one that cannot be used, arguments that it does not take, or a schedule
            that ends before total_iter.
    """
    if component is None:
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    why_not = unusable(component.type, SCHEDULER)
    if why_not is not None:
        raise OptionError(f'train.scheduler.type: {why_not}')
    cls = SCHEDULER.known().get(component.type)
    if cls is None:
        raise OptionError(f'train.scheduler.type: no schedule is called {component.type}; for example MultiStepLR, '
                          'CosineAnnealingRestartLR, or any of torch.optim.lr_scheduler')
    stand_in = _stand_in(optimizer)  # before the schedule changes the rates
    scheduler = construct(cls, component, 'train.scheduler', optimizer)
    # These two end training with an error when they are asked for a step past their last.
    for name, length in (('periods', sum(getattr(scheduler, 'periods', ()))),
                         ('total_steps', getattr(scheduler, 'total_steps', 0))):
        if 0 < length < total_iter - 1:
            raise OptionError(f'train.scheduler.{name}: {component.type} ends after {length} iterations, train: '
                              f'total_iter is {total_iter}; give {name} of {total_iter} in all')
    construct(_rehearse, component, 'train.scheduler', cls, stand_in, min(2, total_iter - 1))
    return scheduler


def _stand_in(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """An optimizer with another's rates and arguments and weights that are nobody's; it cannot step."""
    groups = [{**group, 'params': [torch.zeros(1)]} for group in optimizer.param_groups]
    return torch.optim.Optimizer(groups, dict(optimizer.defaults))


def _rehearse(cls: type, optimizer: torch.optim.Optimizer, steps: int, /, **arguments: Any) -> None:
    """The first steps of a schedule: some arguments fail only there (T_max: 0, say, is divided by)."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that the optimizer does not step; the others come again from the real one
        scheduler = cls(optimizer, **arguments)
        for _ in range(steps):
            scheduler.step()


class LearningRate:
    """The learning rates of all optimizers at an iteration: schedule * factor * warm-up.

    Many schedules work out their next rate from the one that stands in the optimizer. It must be their own then: a
    rate that warm-up or a factor has changed would be taken for the schedule's, and stay. (In BasicSR a MultiStepLR
    stays at the last rate of the warm-up.) So the schedule's own rates are kept apart, and put back before it steps.

    Args:
        optimizers: Each gets a schedule of its own.
        component: The schedule; None: constant.
        total_iter: Iterations of the whole run.
        warmup_iter: Iterations of linear warm-up, min(1, iteration / warmup_iter); less than 1: none.

    Attributes:
        schedulers: One for each optimizer.
        factor: Multiplies all rates.

    Raises:
        OptionError: See :func:`build_scheduler`.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], component: Component | None, total_iter: int,
                 warmup_iter: int = -1):
        self.schedulers = [build_scheduler(component, optimizer, total_iter) for optimizer in optimizers]
        self.factor = 1.0
        self._optimizers = list(optimizers)
        self._warmup_iter = warmup_iter
        self._pure = self._applied = self._now()
        self._fresh = [[{key: group[key] for key in SCHEDULE_KEYS if key in group} for group in optimizer.param_groups]
                       for optimizer in optimizers]

    def step(self, iteration: int, warmup_iter: int = -1) -> None:
        """Set the rates of an iteration; called at its start. From the second on, the schedules step.

        Args:
            iteration: From 1.
            warmup_iter: Iterations of warm-up, as BasicSR passes them; -1: those of the options.
        """
        self._notice_others()
        if iteration > 1:
            self._step_schedules()
        self._apply(iteration, warmup_iter if warmup_iter > 0 else self._warmup_iter)

    def restart(self, warmup_iter: int, iteration: int) -> None:
        """Take another warm-up, and bring fresh schedules to an iteration."""
        self._warmup_iter = warmup_iter
        self.fast_forward(iteration)

    def fast_forward(self, iteration: int) -> None:
        """Bring fresh schedules to an iteration, from the rates that the optimizers were built with.

        Args:
            iteration: Iterations done; 0: none.
        """
        for optimizer, fresh in zip(self._optimizers, self._fresh, strict=True):
            for group, values in zip(optimizer.param_groups, fresh, strict=True):
                group.update(values)
        self._pure = self._applied = self._now()
        for _ in range(iteration - 1):
            self._step_schedules()
        self._apply(max(iteration, 1), self._warmup_iter)

    def state_dict(self) -> dict[str, Any]:
        """The schedules' own rates, for each optimizer and group, the factor, and the length of the warm-up."""
        return {'pure': [list(rates) for rates in self._pure], 'factor': self.factor, 'warmup': self._warmup_iter}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what state_dict gave, after the optimizers' states."""
        self.factor = state['factor']
        self._warmup_iter = state.get('warmup', self._warmup_iter)
        self._pure = [list(rates) for rates in state['pure']]
        self._applied = self._now()

    def _step_schedules(self) -> None:
        self._put(self._pure)
        with warnings.catch_warnings():
            # torch asks whether the optimizer has stepped; the generator's has not, under net_d_init_iters, nor any
            # whose step was left out.
            warnings.filterwarnings('ignore', 'Detected call of `lr_scheduler.step')
            for scheduler in self.schedulers:
                scheduler.step()
        self._pure = self._applied = self._now()

    def _apply(self, iteration: int, warmup_iter: int) -> None:
        ramp = min(1.0, iteration / warmup_iter) if warmup_iter > 0 else 1.0
        self._put([[rate * self.factor * ramp for rate in rates] for rates in self._pure])
        self._applied = self._now()

    def _notice_others(self) -> None:
        """A rate that someone else has set, as a loaded state of BasicSR's does, is the schedule's own from here on."""
        now = self._now()
        self._pure = [[pure if was == is_now else is_now for pure, was, is_now in zip(*rates, strict=True)]
                      for rates in zip(self._pure, self._applied, now, strict=True)]

    def _now(self) -> Rates:
        return [[float(group['lr']) for group in optimizer.param_groups] for optimizer in self._optimizers]

    def _put(self, rates: Rates) -> None:
        for optimizer, own in zip(self._optimizers, rates, strict=True):
            for group, rate in zip(optimizer.param_groups, own, strict=True):
                group['lr'] = rate
