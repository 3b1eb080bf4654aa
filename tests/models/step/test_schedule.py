"""Schedules by name; the learning rate that comes of schedule, warm-up and factor."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from basicsr.models.lr_scheduler import CosineAnnealingRestartLR, MultiStepRestartLR
from torch import nn

from effsr.models.step.schedule import LearningRate, build_scheduler
from effsr.options import Component, OptionError


def refused(match, call, *args):
    with pytest.raises(OptionError, match=match) as caught:
        call(*args)
    assert '\n' not in str(caught.value)


def sgd(lr=1.0):
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr)


def rates(scheduler, optimizer, count):
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(('options', 'cls', 'expected'), [
    (None, torch.optim.lr_scheduler.LambdaLR, [1, 1, 1, 1]),
    ({'type': 'MultiStepLR', 'milestones': [2], 'gamma': 0.5}, MultiStepRestartLR, [1, 1, 0.5, 0.5]),
    ({'type': 'MultiStepRestartLR', 'milestones': [1, 3]}, MultiStepRestartLR, [1, 0.1, 0.1, 0.01]),
    ({'type': 'CosineAnnealingRestartLR', 'periods': [4]}, CosineAnnealingRestartLR, [1, 0.853553, 0.5, 0.146447]),
    ({'type': 'ExponentialLR', 'gamma': 0.5}, torch.optim.lr_scheduler.ExponentialLR, [1, 0.5, 0.25, 0.125]),
    ({'type': 'StepLR', 'step_size': 2}, torch.optim.lr_scheduler.StepLR, [1, 1, 0.1, 0.1]),
])
def test_a_schedule_by_name(options, cls, expected):
    optimizer = sgd()
    scheduler = build_scheduler(None if options is None else Component(**options), optimizer, 4)
    assert type(scheduler) is cls
    assert rates(scheduler, optimizer, 4) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(('options', 'match'), [
    ({'type': 'MultistepLR'}, r'train\.scheduler\.type: no schedule is called MultistepLR'),
    ({'type': 'Optimizer'}, 'no schedule is called Optimizer'),
    ({'type': 'ExponentialLR'}, r'train\.scheduler: ExponentialLR: .*gamma'),
    ({'type': 'ExponentialLR', 'gamma': 1, 'beta': 2}, r'train\.scheduler: ExponentialLR: .*beta'),
    ({'type': 'ReduceLROnPlateau'}, 'follows a metric'),
    ({'type': 'LambdaLR'}, r'scheduler\.type: LambdaLR takes a function'),
    ({'type': 'SequentialLR'}, r'scheduler\.type: SequentialLR is made of other schedules'),
    ({'type': 'CosineAnnealingRestartLR', 'periods': [2, 2]}, 'same length'),
    ({'type': 'CosineAnnealingRestartLR', 'periods': [50]}, r'scheduler\.periods: .* ends after 50 iterations'),
    ({'type': 'OneCycleLR', 'max_lr': 1, 'total_steps': 9}, r'scheduler\.total_steps: .* total_iter is 100'),
    # What only a step refuses.
    ({'type': 'CosineAnnealingLR', 'T_max': 0}, r'train\.scheduler: CosineAnnealingLR: ZeroDivisionError: .*T_max'),
    ({'type': 'StepLR', 'step_size': 0}, r'train\.scheduler: StepLR: ZeroDivisionError: .*step_size'),
])
def test_schedule_errors(options, match):
    refused(match, build_scheduler, Component(**options), sgd(), 100)


def test_the_steps_that_are_tried_leave_the_optimizer_alone():
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], 1.0)
    scheduler = build_scheduler(Component(type='ExponentialLR', gamma=0.5), optimizer, 9)
    assert (optimizer.param_groups[0]['lr'], scheduler.last_epoch, len(optimizer.state)) == (1.0, 0, 0)
    # No more of them than the run has.
    for options in ({'type': 'OneCycleLR', 'max_lr': 1.0, 'total_steps': 1},
                    {'type': 'CosineAnnealingRestartLR', 'periods': [1]}):
        for total_iter in (1, 2):
            build_scheduler(Component(**options), torch.optim.Adam([nn.Parameter(torch.zeros(1))]), total_iter)


def rate(total_iter=100, warmup_iter=-1, lr=1.0, **schedule):
    """A learning rate and its optimizer."""
    optimizer = sgd(lr)
    return LearningRate([optimizer], Component(**schedule) if schedule else None, total_iter, warmup_iter), optimizer


def course(learning_rate, optimizer, iterations):
    found = []
    for iteration in iterations:
        learning_rate.step(iteration)
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
    return found


STEPS = {'type': 'MultiStepLR', 'milestones': [4], 'gamma': 0.5}


def test_a_warm_up_ends_at_the_schedules_rate():
    # BasicSR's stays at 0.75, the last rate of its warm-up.
    assert course(*rate(warmup_iter=4, **STEPS), range(1, 7)) == [0.25, 0.5, 0.75, 1, 0.5, 0.5]
    assert course(*rate(warmup_iter=4), range(1, 7)) == [0.25, 0.5, 0.75, 1, 1, 1]
    # A milestone within the warm-up counts, too.
    assert course(*rate(warmup_iter=4, **{**STEPS, 'milestones': [2]}), range(1, 6)) == [0.25, 0.5, 0.375, 0.5, 0.5]


def test_the_warm_up_that_basicsr_passes():
    learning_rate, optimizer = rate()
    learning_rate.step(1, warmup_iter=4)
    assert optimizer.param_groups[0]['lr'] == 0.25


def test_a_factor_lowers_every_rate_and_not_the_schedule():
    learning_rate, optimizer = rate(**STEPS)
    assert course(learning_rate, optimizer, (1, 2)) == [1, 1]
    learning_rate.factor = 0.5
    assert course(learning_rate, optimizer, (3, 4, 5)) == [0.5, 0.5, 0.25]
    learning_rate.factor = 1.0
    assert course(learning_rate, optimizer, (6,)) == [0.5]


TORCH_SCHEDULES = [
    {'type': 'ConstantLR', 'factor': 0.5, 'total_iters': 3}, {'type': 'LinearLR', 'total_iters': 5},
    {'type': 'CosineAnnealingLR', 'T_max': 7}, {'type': 'CosineAnnealingWarmRestarts', 'T_0': 3},
    {'type': 'CyclicLR', 'base_lr': 0.1, 'max_lr': 1.0, 'step_size_up': 3, 'cycle_momentum': False},
    {'type': 'ExponentialLR', 'gamma': 0.9}, {'type': 'OneCycleLR', 'max_lr': 2.0, 'total_steps': 12},
    {'type': 'PolynomialLR', 'total_iters': 9, 'power': 2.0}, {'type': 'StepLR', 'step_size': 2},
    {'type': 'MultiStepRestartLR', 'milestones': [2, 5], 'restarts': [0, 7], 'restart_weights': [1, 0.5]},
    {'type': 'CosineAnnealingRestartLR', 'periods': [5, 7], 'restart_weights': [1, 0.5]}]


def pure(schedule, count=10):
    """What the schedule itself gives."""
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], 1.0)
    return rates(build_scheduler(Component(**schedule), optimizer, 12), optimizer, count)


@pytest.mark.parametrize('schedule', TORCH_SCHEDULES, ids=lambda schedule: schedule['type'])
def test_every_schedule_keeps_its_course_under_warm_up_and_factor(schedule):
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], 1.0)
    learning_rate = LearningRate([optimizer], Component(**schedule), 12, 4)
    learning_rate.factor = 0.5
    expected = [value * 0.5 * min(1, iteration / 4) for iteration, value in enumerate(pure(schedule), start=1)]
    assert course(learning_rate, optimizer, range(1, 11)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('schedule', TORCH_SCHEDULES, ids=lambda schedule: schedule['type'])
@pytest.mark.parametrize('at', [1, 3, 6])
def test_taken_up_again_it_goes_on_bit_for_bit(schedule, at):
    def make():
        optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], 1.0)
        return LearningRate([optimizer], Component(**schedule), 12, 4), optimizer
    whole = course(*make(), range(1, 11))
    first, optimizer = make()
    course(first, optimizer, range(1, at + 1))
    states = optimizer.state_dict(), first.schedulers[0].state_dict(), first.state_dict()
    second, optimizer = make()
    optimizer.load_state_dict(states[0])
    second.load_state_dict(states[2])
    second.schedulers[0].load_state_dict(states[1])
    assert course(second, optimizer, range(at + 1, 11)) == whole[at:]
    # Fresh schedules brought to the same place; those of an optimizer that has other rates by now.
    third, optimizer = make()
    optimizer.param_groups[0].update(lr=9.0, initial_lr=9.0)
    third.fast_forward(at)
    assert optimizer.param_groups[0]['lr'] == whole[at - 1]
    assert course(third, optimizer, range(at + 1, 11)) == whole[at:]


def test_a_rate_that_someone_else_sets_is_the_schedules_from_there_on():
    learning_rate, optimizer = rate(**STEPS)
    course(learning_rate, optimizer, (1, 2))
    optimizer.param_groups[0]['lr'] = 8.0
    assert course(learning_rate, optimizer, (3, 4, 5)) == [8, 8, 4]


def test_optimizers_have_schedules_of_their_own():
    optimizers = [sgd(1.0), sgd(2.0)]
    learning_rate = LearningRate(optimizers, Component(**STEPS), 100, 2)
    learning_rate.step(1)
    assert [optimizer.param_groups[0]['lr'] for optimizer in optimizers] == [0.5, 1.0]
    assert learning_rate.state_dict() == {'pure': [[1.0], [2.0]], 'factor': 1.0, 'warmup': 2}
    assert len(learning_rate.schedulers) == 2
