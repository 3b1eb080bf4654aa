"""Checkpoints of a model: weights with their sidecar, training state, and taking them up again."""
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from basicsr.models.lr_scheduler import CosineAnnealingRestartLR, MultiStepRestartLR
from torch import nn

from effsr import __version__
from effsr.runtime.checkpoint import CheckpointError, save_atomic
from effsr.runtime.sidecar import read_sidecar, write_sidecar

logger = logging.getLogger('basicsr')


def save(model: Any, epoch: int, current_iter: int) -> None:
    """Write weights with their JSON sidecar, and the training state; current_iter -1 writes the weights as latest.

    Raises:
        ValueError: No folder to write to, or writing failed; earlier checkpoints stay as they were.
    """
    if model.options.runtime.rank != 0:
        return
    folder = model.options.path.models
    if folder is None:
        raise ValueError('path: models: missing; give the folder that checkpoints are to be written to')
    if current_iter == -1:
        if model.saved_iter != model.current_iter:
            save(model, epoch=model.current_epoch, current_iter=model.current_iter)
        _save_weights(model, Path(folder), 'latest')
        return
    _save_weights(model, Path(folder), str(current_iter))
    state = {'epoch': epoch, 'iter': current_iter, 'best': model.validator.state() if model.validator else {},
             'optimizers': [optimizer.state_dict() for optimizer in model.optimizers],
             'schedulers': [scheduler.state_dict() for scheduler in model.schedulers],
             'kinds': kinds(model)}
    states = model.options.path.training_states
    if states is not None:
        Path(states).mkdir(parents=True, exist_ok=True)
        save_atomic(state, Path(states) / f'{current_iter}.state')
    model.saved_iter = current_iter
    model.current_epoch = epoch


def _save_weights(model: Any, folder: Path, label: str) -> None:
    options = model.options
    folder.mkdir(parents=True, exist_ok=True)
    weights = {'params': _cpu_state(model, model.net_g)}
    if model.net_g_ema is not None:
        weights['params_ema'] = _cpu_state(model, model.net_g_ema)
    path = folder / f'net_g_{label}.pth'
    save_atomic(weights, path)
    write_sidecar(path, {
        'effsr': __version__, 'name': options.name, 'iteration': model.current_iter, 'scale': options.scale,
        'arch': {'type': options.network_g.type, 'args': options.network_g.arguments},
        'metrics': _current_metrics(model)})
    if model.net_d is not None:
        save_atomic({'params': _cpu_state(model, model.net_d)}, folder / f'net_d_{label}.pth')


def _cpu_state(model: Any, net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.cpu() for name, value in model.get_bare_model(net).state_dict().items()}


def kinds(model: Any) -> dict[str, list]:
    """What the states of optimizers and schedules are of: type and arguments of each."""
    train = model.options.train
    optimizers = [component for component in (train.optim_g, train.optim_d) if component is not None]
    scheduler = [train.scheduler] if train.scheduler is not None else []
    return {'optimizers': [[one.type, one.arguments] for one in optimizers[:len(model.optimizers)]],
            'schedulers': [[one.type, one.arguments] for one in scheduler]}


def check_kinds(model: Any, state: Mapping[str, Any]) -> None:
    """Compare a state with the options: another type is refused, other arguments are told.

    Raises:
        CheckpointError: The state is of another kind of run.
    """
    if len(state['optimizers']) != len(model.optimizers):
        raise CheckpointError(f"the training state has {len(state['optimizers'])} optimizers, this model has "
                              f'{len(model.optimizers)}; it is of another kind of run')
    for key, saved in state.get('kinds', {}).items():
        now = kinds(model)[key]
        if [one[0] for one in saved] != [one[0] for one in now]:
            was, wanted = (', '.join(one[0] for one in side) or 'none' for side in (saved, now))
            raise CheckpointError(f'train: the training state has {key} {was}, the options {wanted}; keep the type, or '
                                  'start anew from its weights: path: pretrain_network_g')
        if saved != now and key == 'optimizers':
            logger.warning('train: optim_g, optim_d: arguments differ from those of the training state, which '
                           'keeps its own (learning rate included): %s, now %s', saved, now)


def resume_training(model: Any, state: Mapping[str, Any]) -> None:
    """Take up optimizers, schedules and best scores of a training state.

    The networks come as pretrained weights, as in BasicSR: path: pretrain_network_g names those of that iteration.
    BasicSR's schedules take up their position alone, so that changed milestones or periods count from here on.

    Raises:
        CheckpointError: A state of another kind of run.
    """
    check_kinds(model, state)
    model.current_iter = model.saved_iter = state['iter']
    model.current_epoch = state['epoch']
    ignored = model.options.path.ignore_resume_networks
    for number, network in enumerate(('network_g', 'network_d')[:len(model.optimizers)]):
        if network not in ignored:
            model.optimizers[number].load_state_dict(state['optimizers'][number])
    for scheduler, saved in zip(model.schedulers, state['schedulers'], strict=True):
        if isinstance(scheduler, MultiStepRestartLR | CosineAnnealingRestartLR):
            saved = {key: saved[key] for key in ('last_epoch', '_step_count', '_last_lr') if key in saved}
        scheduler.load_state_dict(saved)
    if model.validator is not None:
        model.validator.restore(state.get('best', {}))
        if model.options.runtime.rank == 0:
            model.validator.rewind(state['iter'])


def note_metrics(model: Any, folder: Path) -> None:
    """Add the metrics to the sidecars of weights of this iteration: BasicSR's loop saves before it validates."""
    for label in (str(model.current_iter), 'latest'):
        path = folder / f'net_g_{label}.pth'
        info = read_sidecar(path)
        if info is not None and info.get('iteration') == model.current_iter:
            write_sidecar(path, {**info, 'metrics': _current_metrics(model)})


def _current_metrics(model: Any) -> dict[str, dict[str, float]]:
    """The metrics of the weights as they are now, by dataset; those of earlier weights are left out."""
    scores = model.validator.scores if model.validator is not None else {}
    return {dataset: {name: score.value for name, score in results.items()} for dataset, results in scores.items()
            if model.validated.get(dataset) == model.current_iter}
