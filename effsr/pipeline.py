"""The one place that puts effsr's parts into BasicSR's train and test pipelines.

BasicSR's pipelines look their helpers up by name in basicsr.train and basicsr.test; each is replaced there for the
duration of one call. Everything that can fail on a user's mistake (options, data, weights) is done before the
pipeline is entered, and so before a folder is made or an earlier run is archived.
"""
import logging
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
from effsr.data.building import first_sample
from effsr.data.loaders import Loaders, Prefetcher, build_test_loaders, build_train_loader
from effsr.data.sample import write_sample_photographs
from effsr.models import preflight
from effsr.models.build import build_model
from effsr.models.checkpoints import check_kinds
from effsr.options import OptionError, Options, differences, load_options, locate, place, to_plain
from effsr.options.schema import ValOptions
from effsr.rehearsal import nothing_left_behind, rehearse
from effsr.runtime.distributed import init_distributed, leave_distributed, share, wait_for_all
from effsr.runtime.folders import archive, copy_options, find_resume_state, make_folders
from effsr.runtime.log import RunLog
from effsr.runtime.progress import ProgressLogger
from effsr.runtime.state import read_state
from effsr.summary import summarize_test, summarize_training

logger = logging.getLogger('basicsr')


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
        if args.check:
            with nothing_left_behind(options):
                rehearse(*prepare_training(options)[:3])
        elif is_train:
            train(prepare_training(options), args, log)
        else:
            test(prepare_test(options), log)
    except (ValueError, OSError) as error:
        log.note_failure(error)
        text = failure_line(error)
        if not isinstance(error, OSError):
            with suppress(OptionError):
                text = locate(text, args.opt, args.force_yml)
        print(f'{"train" if is_train else "test"}: {text}', file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print(f'\n{"train" if is_train else "test"}: stopped; go on from the last checkpoint with --auto_resume'
              if is_train and not args.check else '\nstopped', file=sys.stderr, flush=True)
        return 130
    finally:
        leave_distributed()
        log.close()
    return 0


def read_options(args: Arguments, is_train: bool) -> Options:
    """Options of the run: file, overrides, folders below the working directory, processes; plugins are imported."""
    options = load_options(args.opt, args.force_yml, args.debug, resuming=is_train and args.auto_resume,
                           is_train=is_train)
    rank, world_size = init_distributed(args.launcher, options.dist_params, options.num_gpu > 0)
    # A seed that was not given has been drawn by each process for itself.
    options = options.model_copy(update={'manual_seed': share(options.manual_seed)})
    runtime = options.runtime.model_copy(update={
        'is_train': is_train, 'dist': args.launcher != 'none', 'rank': rank, 'world_size': world_size,
        'auto_resume': args.auto_resume, 'root_path': str(Path.cwd())})
    logger.info('What differs from the defaults:\n%s', '\n'.join(f'  {line}' for line in differences(options)))
    return place(options.model_copy(update={'runtime': runtime}), Path.cwd(), is_train)


def seed_everything(seed: int) -> None:
    """Seed the global generators: network initialisation draws from them; samples have seeds of their own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def prepare_training(options: Options) -> Run:
    """Open every dataset, build the model, load weights and the state to resume from; nothing is written."""
    settings = options.datasets.get('train')
    if settings is None or options.train is None:
        raise OptionError('datasets: train and train: missing; a training needs both (to test, use effsr/test.py)')
    preflight.check_logger(options)
    write_samples(options)
    # Without processes of its own, each GPU's share is one part of the batch, as in BasicSR.
    shares = 1 if options.runtime.dist else max(1, options.num_gpu)
    batch_size = settings.batch_size_per_gpu * shares
    loader, sampler = build_train_loader(options, batch_size)
    sample = first_sample(loader.dataset, 'train')
    loaders = Loaders(loader, sampler, open_test_sets(options, 'val'))
    state_path = find_resume_state(options.path.training_states, options.runtime.auto_resume,
                                   options.path.resume_state)
    state, start = None, options
    if state_path is not None:
        state = read_state(state_path, options.train.total_iter)
        state['epoch'] = state['iter'] // sampler.batches_per_epoch
        sampler.resume_after(state['iter'])
        start = with_resumed_weights(options, state_path, state['iter'])
    model = build_model(start)
    preflight.check_training(options, model, sample, batch_size)
    if state is not None and hasattr(model, 'pairs'):
        check_kinds(model, state)
    return Run(options, model, loaders, state)


def write_samples(options: Options) -> None:
    """Write the sample photographs that the options ask for, on one process, while the others wait."""
    if options.sample_data is not None and options.runtime.rank == 0:
        write_sample_photographs(options.sample_data)
    wait_for_all()


def open_test_sets(options: Options, *phases: str) -> list[DataLoader]:
    """Loaders of all sets of these phases; the first sample of each is read and checked."""
    loaders = [loader for phase in phases for loader in build_test_loaders(options, phase)]
    keys = {dataset.name: key for key, dataset in options.datasets.items() if dataset.phase != 'train'}
    for loader in loaders:
        preflight.check_validation_sample(options, keys[loader.dataset.opt['name']], loader.dataset[0])
    return loaders


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
    plain = to_plain(options)
    # The loop would ask for pin_memory; effsr's Prefetcher does without.
    plain['datasets']['train']['prefetch_mode'] = None
    parts = {
        'parse_options': lambda root, is_train: (plain, SimpleNamespace(opt=args.opt)),
        'load_resume_state': lambda opt: run.resume_state,
        'make_exp_dirs': lambda opt: make_folders(options.path, options.runtime.rank),
        'mkdir_and_rename': lambda folder: archive(Path(folder)),
        'copy_opt_file': lambda opt_file, root: write_resolved(options, Path(root)),
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
        # What the option file calls next builds on a run of the file's own name.
        renamed = args.debug or any(entry.startswith('name=') for entry in args.force_yml)
        following = None if renamed else options.next
        summarize_training(options, run.model, time.perf_counter() - started, following)


def write_resolved(options: Options, root: Path) -> None:
    """Write the resolved options; a run that goes on from a state of another run has no folder yet."""
    if options.runtime.rank == 0:
        root.mkdir(parents=True, exist_ok=True)
    copy_options(to_plain(options), str(root), options.runtime.rank)


def prepare_test(options: Options) -> Run:
    """Open the test sets and load the network; nothing is written."""
    if options.val is None:
        options = options.model_copy(update={'val': ValOptions(save_img=True)})
    if options.path.pretrain_network_g is None:
        raise OptionError('path.pretrain_network_g: missing; give the weights to test')
    write_samples(options)
    loaders = open_test_sets(options, 'test', 'val')
    if not loaders:
        raise OptionError('datasets: no test set; give test_1, test_2 ...')
    return Run(options, build_model(options), loaders, None)


def test(run: Run, log: RunLog) -> None:
    """Run BasicSR's test pipeline on effsr's parts."""
    options = run.options
    by_name = {loader.dataset.opt['name']: loader for loader in run.loaders}
    plain = to_plain(options)
    plain['datasets'] = {key: opt for key, opt in plain['datasets'].items() if opt['phase'] != 'train'}
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
