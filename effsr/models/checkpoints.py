"""Writing checkpoints: weights with their sidecar, the pair pools, the training state, and what is called latest."""
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from effsr import __version__
from effsr.models.step.optimizers import averaged, is_schedule_free
from effsr.options import Options, to_plain
from effsr.runtime.checkpoint import CheckpointError, file_digest, load_file, save_atomic
from effsr.runtime.distributed import gather, share
from effsr.runtime.latest import call_latest, clear
from effsr.runtime.retention import remove_superfluous
from effsr.runtime.rng import rng_state
from effsr.runtime.sidecar import plain_values, read_sidecar, write_sidecar

logger = logging.getLogger('basicsr')

OWN_KEYS = {'runtime', 'path', 'base', 'next', 'sample_data'}  # of this run and this machine, no part of the weights


def save(model: Any, epoch: int, current_iter: int) -> None:
    """Write a checkpoint, or, within a pipeline, note that one is due: it is committed after the validation.

    Args:
        model: RealESRNetModel or RealESRGANModel.
        epoch: The one under way.
        current_iter: Iterations done; -1, as BasicSR's loop says at its end: as many as there were.

    Raises:
        ValueError: No folder to write to, or writing failed; earlier checkpoints stay as they were.
    """
    if current_iter == -1:
        if model.saved_iter != model.current_iter:
            commit(model)
        return
    model.current_epoch, model.current_iter = epoch, current_iter
    if model.defers_saving:
        model.save_is_due = True
        return
    commit(model)


def commit(model: Any) -> None:
    """Write the checkpoint of this moment; a collective call.

    In this order, each file whole or not at all: the pools (each process its own), the weights, the state. The state
    holds the checksums of the others, so that with it the checkpoint is there, and without it is not. Only then
    latest becomes this one, and checkpoints that need not be kept are removed.

    Raises:
        ValueError: No folder to write to, or writing failed, on any process.
    """
    if model.watch is not None:
        model.watch.settle(wait=True)
    path = model.options.path
    if path.models is None:
        raise ValueError('path: models: missing; give the folder that checkpoints are to be written to')
    models, states = Path(path.models), Path(path.training_states) if path.training_states else None
    own, failure = _attempt(_own_part, model, states)
    shares = gather((own, failure))
    failure = next((text for _, text in shares if text is not None), None)
    if failure is None and model.options.runtime.rank == 0:
        _, failure = _attempt(_write, model, models, states, [part for part, _ in shares])
    failure = share(failure)
    if failure is not None:
        raise CheckpointError(failure)
    model.saved_iter, model.save_is_due = model.current_iter, False
    model.saved_validated = dict(model.validated)


def add_scores(model: Any) -> None:
    """Add the scores of a validation after the last iteration to its checkpoint, which was written before.

    Raises:
        CheckpointError: Writing failed; the checkpoint is as it was, or as it should be.
    """
    path = model.options.path
    if model.options.runtime.rank != 0 or path.models is None or model.saved_validated == model.validated:
        return
    label = str(model.current_iter)
    weights = Path(path.models) / f'net_g_{label}.pth'
    info = read_sidecar(weights)
    if info is not None:
        write_sidecar(weights, {**info, 'metrics': current_metrics(model)})
    states = Path(path.training_states) if path.training_states else None
    if states is not None:
        state = load_file(states / f'{label}.state')
        save_atomic({**state, **_scores(model)}, states / f'{label}.state')
    call_latest(Path(path.models), states, label)


def _scores(model: Any) -> dict[str, Any]:
    return {'best': model.validator.state() if model.validator else {}, 'validated': dict(model.validated)}


def _attempt(work: Any, *args: Any) -> tuple[Any, str | None]:
    """What a call returns, or the text of its failure: the other processes must hear of it, not wait for it."""
    try:
        return work(*args), None
    except CheckpointError as error:
        return None, str(error)
    except OSError as error:
        return None, (f'{error.filename}: cannot be written ({error.strerror}); earlier checkpoints are untouched; '
                      'mend it, then resume')


def pool_name(iteration: int, rank: int) -> str:
    """File of one process's pair pool, beside the state."""
    return f'{iteration}_rank{rank}.pool'


def _own_part(model: Any, states: Path | None) -> dict[str, Any]:
    """What each process has of its own: random generators, and its pool, which is written here for its size."""
    part: dict[str, Any] = {'rng': rng_state(), 'pairs': None, 'pool': None}
    if model.pairs is None:
        return part
    part['pairs'] = model.pairs.state_dict()
    if states is not None and len(model.pairs.pool):
        file = states / pool_name(model.current_iter, model.options.runtime.rank)
        save_atomic(model.pairs.pool_state_dict(), file)
        part['pool'] = file_digest(file)
    return part


def _write(model: Any, models: Path, states: Path | None, parts: list[dict[str, Any]]) -> None:
    label = str(model.current_iter)
    written = _write_weights(model, models, label)
    if states is None:
        call_latest(models, None, label)
        return
    state = training_state(model, parts)
    state['files'] = {f'{models.name}/{file.name}': file_digest(file) for file in written}
    save_atomic(state, states / f'{label}.state')
    call_latest(models, states, label)
    clear(models, states, label)
    logger_options = model.options.logger
    metrics = model.options.val.metrics if model.options.val is not None else {}
    remove_superfluous(states, models, logger_options.keep_last, logger_options.keep_every, logger_options.keep_best,
                       [name for name, entry in metrics.items() if entry.better == 'lower'])


def training_state(model: Any, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """All that a run needs to go on beside networks and pools; BasicSR's own keys come first.

    Args:
        model: Of which it is the state.
        parts: Of each process by rank, see :func:`commit`.
    """
    return {'epoch': model.current_epoch, 'iter': model.current_iter,
            'optimizers': [optimizer.state_dict() for optimizer in model.optimizers],
            'schedulers': [scheduler.state_dict() for scheduler in model.schedulers],
            'effsr': __version__, 'kinds': kinds(model), 'position': model.position,
            'options': plain_values(own_options(model.options)),
            **_scores(model),
            'step': {name: part.state_dict() for name, part in step_parts(model).items()},
            'train_params': {key: _parameters(net) for key, net in schedule_free_networks(model).items()},
            'rng': [part['rng'] for part in parts], 'pairs': [part['pairs'] for part in parts],
            'pools': [part['pool'] for part in parts]}


def step_parts(model: Any) -> dict[str, Any]:
    """The parts of a step that have a state of their own."""
    parts = {'precision': model.precision, 'watch': model.watch, 'learning_rate': model.learning_rate,
             'balance': model.balance, 'distillation': model.distillation}
    return {name: part for name, part in parts.items() if part is not None}


def schedule_free_networks(model: Any) -> dict[str, nn.Module]:
    """Networks whose weights in training are not those for use, which is what the .pth file holds."""
    trained = {'g': (model.net_g, model.optimizer_g), 'd': (model.net_d, model.optimizer_d)}
    return {key: net for key, (net, optimizer) in trained.items()
            if optimizer is not None and is_schedule_free(optimizer)}


def _parameters(net: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().cpu() for parameter in net.parameters()]


def _write_weights(model: Any, folder: Path, label: str) -> list[Path]:
    """Write the networks; the sidecar, which is no part of a checkpoint's whole, last. Returns the .pth files."""
    options = model.options
    folder.mkdir(parents=True, exist_ok=True)
    with averaged(model.optimizer_g):
        weights = {'params': _cpu_state(model, model.net_g)}
    if model.net_g_ema is not None:
        weights['params_ema'] = _cpu_state(model, model.net_g_ema)
    written = [folder / f'net_g_{label}.pth']
    save_atomic(weights, written[0])
    if model.net_d is not None:
        with averaged(model.optimizer_d):
            discriminator = {'params': _cpu_state(model, model.net_d)}
        written.append(folder / f'net_d_{label}.pth')
        save_atomic(discriminator, written[1])
    write_sidecar(written[0], {
        'effsr': __version__, 'name': options.name, 'iteration': model.current_iter, 'scale': options.scale,
        'arch': {'type': options.network_g.type, 'args': options.network_g.arguments},
        'metrics': current_metrics(model),
        'options': own_options(options)})
    return written


def own_options(options: Options) -> dict[str, Any]:
    """The options as plain values, less what is of this run and this machine."""
    return {key: value for key, value in to_plain(options).items()
            if key in type(options).model_fields and key not in OWN_KEYS}


def _cpu_state(model: Any, net: nn.Module) -> dict[str, torch.Tensor]:
    """A copy: on a CPU the weights themselves would go on changing, or be put back, before they are written."""
    return {name: value.detach().cpu().clone() for name, value in model.get_bare_model(net).state_dict().items()}


def kinds(model: Any) -> dict[str, list]:
    """What the states of optimizers and schedules are of: type and arguments of each."""
    train = model.options.train
    optimizers = [component for component in (train.optim_g, train.optim_d) if component is not None]
    scheduler = [train.scheduler] if train.scheduler is not None else []
    return {'optimizers': [[one.type, one.arguments] for one in optimizers[:len(model.optimizers)]],
            'schedulers': [[one.type, one.arguments] for one in scheduler]}


def current_metrics(model: Any) -> Mapping[str, Mapping[str, float]]:
    """The metrics of the weights as they are now, by dataset; those of earlier weights are left out."""
    scores = model.validator.scores if model.validator is not None else {}
    return {dataset: {name: score.value for name, score in results.items()} for dataset, results in scores.items()
            if model.validated.get(dataset) == model.current_iter}
