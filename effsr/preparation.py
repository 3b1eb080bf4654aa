"""Everything before BasicSR's loops: options, processes, datasets, model, the state to resume from; nothing is written.

What can fail on a user's mistake fails here, before a folder is made or an earlier run is archived.
"""
import logging
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from basicsr.models.base_model import BaseModel
from torch.utils.data import DataLoader

from effsr.command_line import Arguments
from effsr.data.building import first_sample
from effsr.data.loaders import Loaders, build_test_loaders, build_train_loader
from effsr.data.sample import write_sample_photographs
from effsr.models import preflight
from effsr.models.build import build_model
from effsr.models.nonfinite.watch import RollBack
from effsr.models.resuming import check_kinds
from effsr.options import OptionError, Options, differences, load_options, place
from effsr.options.length import settle_length
from effsr.options.schema import ValOptions
from effsr.runtime.checkpoint import CheckpointError
from effsr.runtime.distributed import agree_or_fail, init_distributed, share
from effsr.runtime.state import find_resume_state, read_state, weights_of

logger = logging.getLogger('basicsr')


class Run(NamedTuple):
    """All of a run that exists before BasicSR's loop starts."""

    options: Options
    model: BaseModel
    loaders: Loaders | list[DataLoader]
    resume_state: dict[str, Any] | None


def read_options(args: Arguments, is_train: bool) -> Options:
    """Options of the run: file, overrides, folders below the working directory, processes; plugins are imported."""
    options = load_options(args.opt, args.force_yml, args.debug, resuming=is_train and args.auto_resume,
                           is_train=is_train)
    rank, world_size = init_distributed(args.launcher, options.dist_params, options.num_gpu > 0)
    # A seed that was not given has been drawn by each process for itself.
    options = options.model_copy(update={'manual_seed': share(options.manual_seed)})
    runtime = options.runtime.model_copy(update={
        'is_train': is_train, 'dist': args.launcher != 'none', 'rank': rank, 'world_size': world_size,
        'auto_resume': args.auto_resume, 'reset_schedule': args.reset_schedule, 'root_path': str(Path.cwd())})
    logger.info('What differs from the defaults:\n%s', '\n'.join(f'  {line}' for line in differences(options)))
    return place(options.model_copy(update={'runtime': runtime}), Path.cwd(), is_train)


def seed_everything(seed: int) -> None:
    """Seed the global generators: network initialisation draws from them; samples have seeds of their own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def prepare_training(options: Options, back: RollBack | None = None) -> Run:
    """Open every dataset, build the model, load weights and the state to resume from.

    Args:
        options: The run's options.
        back: Why the run begins once more from its newest checkpoint, at a lower learning rate.

    Raises:
        ValueError: Whatever is wrong with options, data, weights or states.
    """
    settings = options.datasets.get('train')
    if settings is None or options.train is None:
        raise OptionError('datasets: train and train: missing; a training needs both (to test, use effsr/test.py)')
    preflight.check_logger(options)
    write_samples(options)
    # Without processes of its own, each GPU's share is one part of the batch, as in BasicSR.
    shares = 1 if options.runtime.dist else max(1, options.num_gpu)
    batch_size = settings.batch_size_per_gpu * shares
    loader, sampler = build_train_loader(options, batch_size)
    options = settle_length(options, sampler.total_iter)
    sample = first_sample(loader.dataset, 'train')
    loaders = Loaders(loader, sampler, open_test_sets(options, 'val'))
    state, start = None, options
    state_path = resume_from(options)
    if state_path is not None:
        state = read_state(state_path, options.train.total_iter)
        state['epoch'] = state['iter'] // sampler.batches_per_epoch
        state['path'] = str(state_path)
        sampler.resume_after(state['iter'])
        start = with_resumed_weights(options, state_path, state['iter'])
    if state is not None and 'step' in state and options.runtime.reset_schedule:
        state = {**state, 'step': {**state['step'], 'learning_rate': {**state['step']['learning_rate'], 'factor': 1.0},
                                   'watch': {**state['step']['watch'], 'rollbacks': 0}}}
    if back is not None:
        state = lowered(state, back, options)
    model = build_model(start)
    preflight.check_training(options, model, sample, batch_size)
    if preflight.is_own(model):
        model.position = sampler.describe()
        if state is not None:
            check_kinds(model, state)
    return Run(options, model, loaders, state)


def resume_from(options: Options) -> Path | None:
    """The state to resume from, found by process 0 for all: every one of them must take the same."""
    def find() -> Path | None:
        return find_resume_state(options.path.training_states, options.runtime.auto_resume, options.path.resume_state)

    return agree_or_fail(find, CheckpointError)


def lowered(state: dict[str, Any] | None, back: RollBack, options: Options) -> dict[str, Any]:
    """A training state whose learning rates are those of a run that rolls back.

    Raises:
        CheckpointError: There is no checkpoint to go back to.
    """
    if state is None or 'step' not in state:
        raise CheckpointError(f'{back}; there is no checkpoint of this run to roll back to yet; lower the learning '
                              'rate, or logger: save_checkpoint_freq')
    step = state['step']
    rates = {**step['learning_rate'], 'factor': step['learning_rate']['factor'] * options.train.nonfinite.lr_factor
             ** (back.rollbacks - step['watch']['rollbacks'])}
    return {**state, 'step': {**step, 'learning_rate': rates, 'watch': {**step['watch'], 'rollbacks': back.rollbacks}}}


def write_samples(options: Options) -> None:
    """Write the sample photographs that the options ask for, on process 0, while the others wait."""
    if options.sample_data is not None:
        agree_or_fail(lambda: write_sample_photographs(options.sample_data), ValueError)


def open_test_sets(options: Options, *phases: str) -> list[DataLoader]:
    """Loaders of all sets of these phases; the first sample of each is read and checked."""
    loaders = [loader for phase in phases for loader in build_test_loaders(options, phase)]
    keys = {dataset.name: key for key, dataset in options.datasets.items() if dataset.phase != 'train'}
    for loader in loaders:
        key = keys[loader.dataset.opt['name']]
        preflight.check_validation_sample(options, key, first_sample(loader.dataset, key))
    return loaders


def with_resumed_weights(options: Options, state_path: Path, iteration: int) -> Options:
    """Options whose pretrained networks are those of a training state, except the ignored ones."""
    update: dict[str, Any] = {}
    for label in ('g', 'd'):
        ignored = f'network_{label}' in options.path.ignore_resume_networks
        if getattr(options, f'network_{label}') is not None and not ignored:
            update |= {f'pretrain_network_{label}': str(weights_of(state_path, label, iteration)),
                       f'param_key_{label}': 'params', f'strict_load_{label}': True}
    return options.model_copy(update={'path': options.path.model_copy(update=update)})


def prepare_test(options: Options) -> Run:
    """Open the test sets and load the network."""
    if options.val is None:
        options = options.model_copy(update={'val': ValOptions(save_img=True)})
    if options.path.pretrain_network_g is None:
        raise OptionError('path.pretrain_network_g: missing; give the weights to test')
    write_samples(options)
    loaders = open_test_sets(options, 'test', 'val')
    if not loaders:
        raise OptionError('datasets: no test set; give test_1, test_2 ...')
    return Run(options, build_model(options), loaders, None)
