"""How long a training is: epochs become iterations once the training set is known; schedules that last as long."""
import logging
from collections.abc import Mapping
from typing import Any

from effsr.options.checks import length_problems
from effsr.options.components import COSINE
from effsr.options.messages import COMMAND_LINE, Places, Problem, dotted
from effsr.options.schema import Component, Options
from effsr.options.yaml_reader import OptionError

logger = logging.getLogger('basicsr')

REST = -1  # a period that takes all iterations that the others leave
LENGTHS = ('total_iter', 'epochs')


def keep_one_length(raw: dict, places: Places) -> None:
    """Take out the total_iter of a file where the command line gives epochs, and the other way round."""
    train = raw.get('train')
    if not isinstance(train, dict) or any(train.get(key) is None for key in LENGTHS):
        return
    by_hand = [places.get(('train', key)) == COMMAND_LINE for key in LENGTHS]
    if sum(by_hand) == 1:
        del train[LENGTHS[by_hand.index(False)]]


def complete_schedule(plain: dict) -> list[Problem]:
    """Give CosineAnnealingRestartLR its periods: without any, one as long as the training; -1 is what others leave.

    Where the training's length is not known yet, -1 stays.

    Args:
        plain: The options; changed.

    Returns:
        What is wrong with them.
    """
    train = plain.get('train')
    block = train.get('scheduler') if isinstance(train, dict) else None
    if not isinstance(block, dict) or block.get('type') != COSINE:
        return []
    if block.get('periods') in (None, REST):
        block['periods'] = [REST]
    total = train.get('total_iter')
    if not isinstance(total, int | float) or isinstance(total, bool):
        total = None
    try:
        block['periods'] = with_rest(block['periods'], total)
    except ValueError as error:
        return [Problem(('train', 'scheduler', 'periods'), str(error))]
    return []


def with_rest(periods: Any, total_iter: float | None) -> Any:
    """Periods with a number of iterations in the place of -1.

    Args:
        periods: As in the option file; of another kind than a list of numbers it comes back as it is.
        total_iter: Iterations of the training, or None where they are not known yet.

    Raises:
        ValueError: -1 stands there twice, or nothing is left for it.
    """
    if not isinstance(periods, list | tuple) or REST not in periods \
            or not all(isinstance(period, int | float) for period in periods):
        return periods
    if list(periods).count(REST) > 1:
        raise ValueError(f'{list(periods)}: -1 is what the others leave, and can stand there once')
    if total_iter is None:
        return periods
    others = sum(period for period in periods if period != REST)
    if others >= total_iter:
        raise ValueError(f'{list(periods)}: the others take {others:g} iterations, total_iter {total_iter:g} leaves '
                         'nothing for -1; lower them')
    return [int(total_iter - others) if period == REST else period for period in periods]


def settle_length(options: Options, total_iter: int) -> Options:
    """Options with total_iter in the place of epochs; those that have it already come back as they are.

    Args:
        options: With a train section.
        total_iter: Iterations of all epochs, see :class:`effsr.data.sampler.TrainSampler`.

    Raises:
        OptionError: A schedule ends before the training does.
    """
    train = options.train
    if train.epochs is None:
        return options
    logger.info('train: epochs: %d makes total_iter %d', train.epochs, total_iter)
    try:
        scheduler = _scheduler(train.scheduler, total_iter)
    except ValueError as error:
        raise OptionError(f'train.scheduler.periods: {error}') from None
    train = train.model_copy(update={'total_iter': total_iter, 'epochs': None, 'scheduler': scheduler})
    settled = options.model_copy(update={'train': train})
    # What lies beyond the end is no mistake: nobody has written where the end is.
    problems, notes = length_problems(settled, may_fall_short=True)
    for note in notes:
        logger.warning('%s: %s', dotted(note.location), note.message)
    if problems:
        raise OptionError('\n'.join(f'{dotted(problem.location)}: {problem.message}' for problem in problems))
    return settled


def _scheduler(block: Component | None, total_iter: int) -> Component | None:
    if block is None or block.type != COSINE:
        return block
    arguments: Mapping[str, Any] = block.arguments
    return Component(type=block.type, **{**arguments, 'periods': with_rest(arguments['periods'], total_iter)})
