"""Taking up a training state: optimizers, schedules, scores, pools, random generators; the networks come before."""
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from effsr.models.checkpoints import kinds, own_options, pool_name, schedule_free_networks, step_parts
from effsr.models.step.optimizers import is_schedule_free
from effsr.runtime.checkpoint import CheckpointError, file_digest, load_file
from effsr.runtime.rng import restore_rng
from effsr.runtime.sidecar import plain_values

logger = logging.getLogger('basicsr')

# Of an optimizer's arguments those that tell its kind; of a schedule's state what all have.
TELLING = {'betas', 'momentum', 'alpha', 'rho', 'lr_decay', 'etas', 'lambd', 'beta2_decay'}
COMMON = {'base_lrs', 'last_epoch', 'verbose'}
UNTOLD = ('name', 'logger', 'val', 'train.total_iter', 'num_gpu', 'dist_params', 'extra')
RESET_REMEDY = "--reset_schedule takes the option file's"


def check_kinds(model: Any, state: Mapping[str, Any], tell: bool = True) -> None:
    """Compare a state with the options: another type is refused, other arguments are told.

    Args:
        model: Freshly built.
        state: A training state.
        tell: Whether to log what differs.

    Raises:
        CheckpointError: The state is of another kind of run.
    """
    if len(state['optimizers']) != len(model.optimizers):
        raise CheckpointError(f"the training state has {len(state['optimizers'])} optimizers, this model has "
                              f'{len(model.optimizers)}; it is of another kind of run')
    reset = model.options.runtime.reset_schedule
    for key, saved in state.get('kinds', {}).items():
        now = kinds(model)[key]
        if [one[0] for one in saved] != [one[0] for one in now] and (key == 'optimizers' or not reset):
            was, wanted = (', '.join(one[0] for one in side) or 'none' for side in (saved, now))
            remedy = (RESET_REMEDY if key == 'schedulers' else
                      'keep the type, or start anew from its weights: path: pretrain_network_g')
            raise CheckpointError(f'train: the training state has {key} {was}, the options {wanted}; {remedy}')
        if saved != now and not reset and tell:
            logger.warning('train: arguments of %s differ from those of the training state, which keeps its own: %s, '
                           'now %s; %s', key, saved, now, RESET_REMEDY)
    check_shapes(model, state)
    if tell:
        tell_differences(model, state)
    if not reset:
        _check_length(state['schedulers'], model.options.train.total_iter)


def check_shapes(model: Any, state: Mapping[str, Any]) -> None:
    """Compare what optimizers and schedules keep with what the state has: BasicSR's says no types.

    Raises:
        CheckpointError: They are of other types.
    """
    ignored = model.options.path.ignore_resume_networks
    for key, optimizer, saved in zip(('network_g', 'network_d'), model.optimizers, state['optimizers'], strict=False):
        was, now = (sum(len(group['params']) for group in groups)
                    for groups in (saved['param_groups'], optimizer.param_groups))
        if was != now and key not in ignored:
            raise CheckpointError(f'train: the training state is of an optimizer of {was} weights of {key} (and '
                                  f'adapters of distill_opt), here are {now}; keep {key} and distill_opt: layers as '
                                  'they were, or start anew from its weights: path: pretrain_network_g')
        was, now = ({key for key in group if key in TELLING}
                    for group in (saved['param_groups'][0], optimizer.param_groups[0]))
        if was != now:
            raise CheckpointError(f'train: the training state is of an optimizer with {_names(was)}, '
                                  f'{type(optimizer).__name__} of the options has {_names(now)}; keep the type, or '
                                  'start anew from its weights: path: pretrain_network_g')
    for scheduler, saved in zip(model.schedulers, state['schedulers'], strict=False):
        was, now = ({key for key in keys if not key.startswith('_')} - COMMON
                    for keys in (saved, scheduler.state_dict()))
        if was != now and not model.options.runtime.reset_schedule:
            raise CheckpointError(f'train.scheduler: the training state is of a schedule with {_names(was)}, '
                                  f'{type(scheduler).__name__} of the options has {_names(now)}; {RESET_REMEDY}')


def _names(keys: set[str]) -> str:
    return ', '.join(sorted(keys)) or 'nothing of its own'


def tell_differences(model: Any, state: Mapping[str, Any]) -> None:
    """Log which options are not those that the state was written with, and what a state of BasicSR's lacks."""
    if 'rng' not in state:
        logger.warning("The training state has no random state and no pool (it is BasicSR's): the run goes on, but not "
                       'exactly as it would have')
    was = dict(_flat(state.get('options', {})))
    now = dict(_flat(plain_values(own_options(model.options))))
    changed = [f'{key} {was.get(key)} -> {now.get(key)}' for key in {**was, **now}
               if was.get(key) != now.get(key) and not key.startswith(UNTOLD)]
    if was and changed:
        logger.warning('Options that are not those of the training state: %s', '; '.join(changed))


def _flat(options: Mapping[str, Any], path: str = '') -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f'{path}{key}.')
        else:
            yield f'{path}{key}', value


def _check_length(schedulers: Sequence[Mapping[str, Any]], total_iter: int) -> None:
    """A schedule that was made for a shorter run ends it with an error of its own."""
    for saved in schedulers:
        length = saved.get('total_steps') or sum(saved.get('periods', ()))
        if 0 < length < total_iter - 1:
            raise CheckpointError(f"train: the training state's schedule ends after {length} iterations, total_iter is "
                                  f'{total_iter}; {RESET_REMEDY}')


def resume_training(model: Any, state: Mapping[str, Any]) -> None:
    """Take up a training state, of effsr's or of BasicSR's, which has optimizers and schedules alone.

    The networks come as pretrained weights, as in BasicSR: path: pretrain_network_g names those of that iteration.
    Without runtime.reset_schedule, learning rates and schedules go on as saved; with it they are the option file's,
    brought to that iteration.

    Args:
        model: Freshly built.
        state: As read from N.state; `path` (where it was read) is needed to find the pools beside it.

    Raises:
        CheckpointError: A state of another kind of run.
    """
    check_kinds(model, state, tell=False)
    model.current_iter = model.saved_iter = state['iter']
    model.current_epoch = state['epoch']
    model.validated = dict(state.get('validated', {}))
    model.saved_validated = dict(model.validated)
    options = model.options
    _resume_optimizers(model, state)
    parts = step_parts(model)
    fresh = {'distillation'} if 'network_g' in options.path.ignore_resume_networks else set()
    for name, saved in state.get('step', {}).items():
        if name in parts and name not in fresh:
            parts[name].load_state_dict(saved)
    if options.runtime.reset_schedule:
        model.learning_rate.restart(options.train.warmup_iter, state['iter'])
    else:
        for scheduler, saved in zip(model.schedulers, state['schedulers'], strict=True):
            scheduler.load_state_dict(saved)
    for key, net in schedule_free_networks(model).items():
        _restore_parameters(net, state.get('train_params', {}).get(key))
    if model.validator is not None:
        model.validator.restore(state.get('best', {}))
        if options.runtime.rank == 0:
            model.validator.rewind(state['iter'], model.validated)
    _resume_own_part(model, state)


def _resume_optimizers(model: Any, state: Mapping[str, Any]) -> None:
    ignored = model.options.path.ignore_resume_networks
    train = model.options.train
    components = [component for component in (train.optim_g, train.optim_d) if component is not None]
    for network, optimizer, component, saved in zip(('network_g', 'network_d'), model.optimizers, components,
                                                    state['optimizers'], strict=False):
        if network in ignored:
            continue
        # Schedule-free optimizers count and average in their groups.
        kept = is_schedule_free(optimizer)
        fresh = [{key: value for key, value in group.items() if key != 'params'
                  and (not kept or key in component.arguments or key == 'initial_lr')}
                 for group in optimizer.param_groups]
        optimizer.load_state_dict(saved)
        if model.options.runtime.reset_schedule:
            for group, own in zip(optimizer.param_groups, fresh, strict=True):
                group.update(own)


@torch.no_grad()
def _restore_parameters(net: torch.nn.Module, saved: Sequence[torch.Tensor] | None) -> None:
    for parameter, value in zip(net.parameters(), saved or (), strict=saved is not None):
        parameter.copy_(value)


def _resume_own_part(model: Any, state: Mapping[str, Any]) -> None:
    """What each process has of its own; of a run with another number of processes it cannot be taken up."""
    runtime = model.options.runtime
    if 'rng' not in state:
        return
    if len(state['rng']) != runtime.world_size:
        logger.warning('The training state is of %d processes, this run has %d: it goes on, but not exactly as it '
                       'would have', len(state['rng']), runtime.world_size)
        return
    model.rng_to_restore = state['rng'][runtime.rank]
    if state['position'] != model.position and model.position:
        changed = ', '.join(f'{key} {state["position"].get(key)} -> {value}' for key, value in model.position.items()
                            if state['position'].get(key) != value)
        logger.warning('The training set is not as it was (%s): the run goes on with other samples', changed)
    if model.pairs is None or state['pairs'][runtime.rank] is None:
        return
    model.pairs.load_state_dict(state['pairs'][runtime.rank])
    digest = state['pools'][runtime.rank]
    if digest is not None and len(model.pairs.pool) == 0 and model.pairs.pool.size:
        _resume_pool(model, state, digest)


def _resume_pool(model: Any, state: Mapping[str, Any], digest: str) -> None:
    """Pools are kept for the newest state alone, for their size: from an earlier one a run goes on without."""
    if 'path' not in state:
        return
    file = Path(state['path']).parent / pool_name(state['iter'], model.options.runtime.rank)
    try:
        if file_digest(file) != digest:
            raise CheckpointError(f'{file}: its checksum differs')
        model.pairs.load_pool_state_dict(load_file(file))
    except ValueError as error:
        logger.warning('The pair pool begins empty: the run goes on, but not exactly as it would have (%s)', error)


def take_up_random_state(model: Any) -> None:
    """Set the random generators at the first step: what is built in between draws from them, too."""
    if model.rng_to_restore is not None:
        restore_rng(model.rng_to_restore)
        model.rng_to_restore = None
