"""The one place that puts effsr's parts into BasicSR's train and test pipelines.

BasicSR's pipelines look their helpers up by name in basicsr.train and basicsr.test; each is replaced there for the
duration of one call. Everything that can fail on a user's mistake (options, data, weights) is done before the
pipeline is entered, and so before a folder is made or an earlier run is archived.
"""
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import basicsr.test
import basicsr.train
import numpy as np
import torch
from basicsr.models.base_model import BaseModel
from torch.utils.data import DataLoader

from effsr.command_line import Arguments, failure_line, parse_arguments
from effsr.data.loaders import Loaders, Prefetcher, build_test_loaders, build_train_loader
from effsr.data.sample import write_sample_photographs
from effsr.models.build import build_model
from effsr.options import OptionError, Options, load_options, place, to_plain
from effsr.options.schema import ValOptions
from effsr.runtime.checkpoint import CheckpointError, load_file
from effsr.runtime.distributed import init_distributed, leave_distributed
from effsr.runtime.folders import archive, copy_options, find_resume_state, make_folders
from effsr.runtime.log import RunLog
from effsr.runtime.progress import ProgressLogger
from effsr.summary import summarize_test, summarize_training


class Run(NamedTuple):
    """All of a run that exists before BasicSR's loop starts."""

    options: Options
    model: BaseModel
    loaders: Loaders | list[DataLoader]
    resume_state: dict[str, Any] | None


@contextmanager
def replaced(module: ModuleType, **parts: Any) -> Iterator[None]:
    """Put parts into a module under names it already has, and its own back afterwards."""
    originals = {name: getattr(module, name) for name in parts}
    vars(module).update(parts)
    try:
        yield
    finally:
        vars(module).update(originals)


def run(argv: list[str] | None, is_train: bool) -> int:
    """Carry out `effsr/train.py` or `effsr/test.py`.

    Args:
        argv: The command line without the program's name; None takes sys.argv's.
        is_train: Which of the two.

    Returns:
        Exit status: 0 only when the whole run went through.
    """
    args = parse_arguments(argv, is_train)
    log = RunLog(int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))))
    try:
        options = read_options(args, is_train)
        seed_everything(options.manual_seed + options.runtime.rank)
        if is_train:
            train(prepare_training(options), args, log)
        else:
            test(prepare_test(options), log)
    except (ValueError, OSError) as error:
        log.note_failure(error)
        print(f'{"train" if is_train else "test"}: {failure_line(error)}', file=sys.stderr, flush=True)
        return 1
    finally:
        leave_distributed()
        log.close()
    return 0


def read_options(args: Arguments, is_train: bool) -> Options:
    """Options of the run: file, overrides, folders below the working directory, processes; plugins are imported."""
    options = load_options(args.opt, args.force_yml, args.debug)
    sys.path.append(str(Path.cwd()))
    for name in options.import_:
        try:
            import_module(name)
        except ImportError as error:
            raise OptionError(f'{args.opt}: import: {name}: {error}') from error
    rank, world_size = init_distributed(args.launcher, options.dist_params)
    runtime = options.runtime.model_copy(update={
        'is_train': is_train, 'dist': args.launcher != 'none', 'rank': rank, 'world_size': world_size,
        'auto_resume': args.auto_resume, 'root_path': str(Path.cwd())})
    return place(options.model_copy(update={'runtime': runtime}), Path.cwd(), is_train)


def seed_everything(seed: int) -> None:
    """Seed the global generators: network initialisation draws from them; samples have seeds of their own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def prepare_training(options: Options) -> Run:
    """Open every dataset, build the model, load weights and the state to resume from; nothing is written."""
    if options.sample_data is not None:
        write_sample_photographs(options.sample_data)
    settings = options.datasets.get('train')
    if settings is None or options.train is None:
        raise OptionError('datasets: train and train: missing; a training needs both (to test, use effsr/test.py)')
    # Without processes of its own, each GPU's share is one part of the batch, as in BasicSR.
    shares = 1 if options.runtime.dist else max(1, options.num_gpu)
    loader, sampler = build_train_loader(options, settings.batch_size_per_gpu * shares)
    if options.high_order_degradation and 'lq' in loader.dataset[0] and 'RealESR' in options.model_type:
        raise OptionError(f'datasets.train.type: {settings.type} brings its own lq, but high_order_degradation is on; '
                          'set high_order_degradation: false, or use a RealESRGANDataset')
    loaders = Loaders(loader, sampler, build_test_loaders(options, 'val'))
    for val_loader in loaders.val:
        val_loader.dataset[0]
    state_path = find_resume_state(options.path.training_states, options.runtime.auto_resume,
                                   options.path.resume_state)
    if state_path is None:
        return Run(options, build_model(options), loaders, None)
    state = read_state(state_path)
    state['epoch'] = state['iter'] // sampler.batches_per_epoch
    sampler.resume_after(state['iter'])
    return Run(options, build_model(with_resumed_weights(options, state_path, state['iter'])), loaders, state)


def read_state(path: Path) -> dict[str, Any]:
    """Read a training state.

    Raises:
        CheckpointError: Missing, damaged, or something else.
    """
    state = load_file(path)
    if not isinstance(state, dict) or not {'iter', 'optimizers', 'schedulers'} <= state.keys():
        raise CheckpointError(f'{path}: is no training state; accepted: experiments/NAME/training_states/N.state')
    return state


def with_resumed_weights(options: Options, state_path: Path, iteration: int) -> Options:
    """Options whose pretrained networks are those of a training state, except the ignored ones."""
    folder = state_path.parent.parent / 'models'
    update: dict[str, Any] = {}
    for label in ('g', 'd'):
        ignored = f'network_{label}' in options.path.ignore_resume_networks
        if getattr(options, f'network_{label}') is not None and not ignored:
            update |= {f'pretrain_network_{label}': str(folder / f'net_{label}_{iteration}.pth'),
                       f'param_key_{label}': 'params', f'strict_load_{label}': True}
    return options.model_copy(update={'path': options.path.model_copy(update=update)})


def train(run: Run, args: Arguments, log: RunLog) -> None:
    """Run BasicSR's training loop on effsr's parts."""
    options, loaders = run.options, run.loaders
    started = time.perf_counter()
    parts = {
        'parse_options': lambda root, is_train: (to_plain(options), SimpleNamespace(opt=args.opt)),
        'load_resume_state': lambda opt: run.resume_state,
        'make_exp_dirs': lambda opt: make_folders(options.path, options.runtime.rank),
        'mkdir_and_rename': lambda folder: archive(Path(folder)),
        'copy_opt_file': lambda opt_file, root: copy_options(to_plain(options), root, options.runtime.rank),
        'get_root_logger': lambda logger_name, log_level, log_file: log.open_file(log_file),
        # BasicSR counts epochs with ceil though its loader drops the last batch, and runs one epoch more.
        'create_train_val_dataloader': lambda opt, logger: (
            loaders.train, loaders.sampler, loaders.val, loaders.sampler.epochs - 1, options.train.total_iter),
        'build_model': lambda opt: run.model,
        'MessageLogger': lambda opt, start, tb_logger: ProgressLogger(options.train.total_iter, start, tb_logger),
        'CPUPrefetcher': Prefetcher,
        'CUDAPrefetcher': lambda loader, opt: Prefetcher(loader),
    }
    with replaced(basicsr.train, **parts):
        basicsr.train.train_pipeline(options.runtime.root_path)
    done = getattr(run.model, 'current_iter', options.train.total_iter)
    assert done == options.train.total_iter, f'the loop ended at iteration {done} of {options.train.total_iter}'
    if options.runtime.rank == 0:
        summarize_training(options, run.model, time.perf_counter() - started)


def prepare_test(options: Options) -> Run:
    """Open the test sets and load the network; nothing is written."""
    if options.sample_data is not None:
        write_sample_photographs(options.sample_data)
    if options.val is None:
        options = options.model_copy(update={'val': ValOptions(save_img=True)})
    loaders = build_test_loaders(options, 'test') + build_test_loaders(options, 'val')
    if not loaders:
        raise OptionError('datasets: no test set; give test_1, test_2 ...')
    if options.path.pretrain_network_g is None:
        raise OptionError('path.pretrain_network_g: missing; give the weights to test')
    for loader in loaders:
        loader.dataset[0]
    return Run(options, build_model(options), loaders, None)


def test(run: Run, log: RunLog) -> None:
    """Run BasicSR's test pipeline on effsr's parts."""
    options = run.options
    by_name = {loader.dataset.opt['name']: loader for loader in run.loaders}
    plain = to_plain(options)
    plain['datasets'] = {key: opt for key, opt in plain['datasets'].items() if opt['name'] in by_name}
    parts = {
        'parse_options': lambda root, is_train: (plain, None),
        'make_exp_dirs': lambda opt: make_folders(options.path, options.runtime.rank),
        'get_root_logger': lambda logger_name, log_level, log_file: log.open_file(log_file),
        'build_dataset': lambda opt: by_name[opt['name']].dataset,
        'build_dataloader': lambda dataset, *unused, **unused_too: by_name[dataset.opt['name']],
        'build_model': lambda opt: run.model,
    }
    with replaced(basicsr.test, **parts):
        basicsr.test.test_pipeline(options.runtime.root_path)
    summarize_test(options, run.model)
