"""The one place that puts effsr's parts into BasicSR's train and test pipelines.

BasicSR's pipelines look their helpers up by name in basicsr.train and basicsr.test; each is replaced there for the
duration of one call. What comes before the pipelines is in :mod:`effsr.preparation`.
"""
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import basicsr.test
import basicsr.train
import torch
from basicsr.models.base_model import BaseModel

from effsr.command_line import Arguments, failure_line, parse_arguments
from effsr.loop import Loop
from effsr.models.checkpoints import add_scores
from effsr.models.nonfinite.diagnosis import replay_file
from effsr.models.nonfinite.watch import RollBack
from effsr.models.preflight import is_own
from effsr.models.step.determinism import enforce
from effsr.options import OptionError, Options, locate, to_plain
from effsr.preparation import Run, prepare_test, prepare_training, read_options, seed_everything
from effsr.rehearsal import nothing_left_behind, rehearse
from effsr.runtime.atomic import CheckpointError, remove_leftovers
from effsr.runtime.distributed import agree_or_fail, is_lost_connection, leave_distributed, wait_for_all
from effsr.runtime.folders import archive, copy_options, make_folders
from effsr.runtime.latest import settle_latest
from effsr.runtime.lock import locked
from effsr.runtime.log import RunLog
from effsr.runtime.measured import check_target, command_line, write_measured
from effsr.runtime.signals import STATUS, Stopped, StoppedAtOnce, stop_request
from effsr.runtime.state import put_aside
from effsr.summary import measured_by_test, summarize_test, summarize_training

logger = logging.getLogger('basicsr')


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
        Exit status: 0 only when the whole run went through; 130 or 143 when Ctrl-C or SIGTERM ended it.
    """
    args = parse_arguments(argv, is_train)
    command = command_line('effsr/train.py' if is_train else 'effsr/test.py', argv)
    program = 'train' if is_train else 'test'
    log = RunLog(int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))))
    try:
        carry_out(args, is_train, log, command)
    except (ValueError, OSError) as error:
        log.note_failure(error)
        text = failure_line(error)
        if not isinstance(error, OSError):
            with suppress(OptionError):
                text = locate(text, args.opt, args.force_yml)
        print(f'{program}: {text}', file=sys.stderr, flush=True)
        return 1
    except Stopped as stopped:
        print(f'{program}: {stopped}; saved, go on with --auto_resume', file=sys.stderr, flush=True)
        return STATUS[stopped.signum]
    except KeyboardInterrupt as stopped:
        told = '; go on from the last checkpoint with --auto_resume' if is_train and not args.check else ''
        print(f'\n{program}: stopped{told}', file=sys.stderr, flush=True)
        return STATUS[stopped.signum] if isinstance(stopped, StoppedAtOnce) else 130
    except Exception as error:
        log.note_failure(error)
        if not isinstance(error, RuntimeError) or not is_lost_connection(error):
            raise
        print(f'{program}: another process of this run has ended; start all of them again with --auto_resume',
              file=sys.stderr, flush=True)
        return 1
    finally:
        leave_distributed()
        log.close()
    return 0


def carry_out(args: Arguments, is_train: bool, log: RunLog, command: str) -> None:
    """Read the options, and do what the command line asks for."""
    check_target(args.json, '--json')
    options = read_options(args, is_train)
    seed_everything(options.manual_seed + options.runtime.rank)
    enforce(options)
    if not is_train:
        run = prepare_test(options)
        test(run, log)
        if args.json is not None and options.runtime.rank == 0:
            write_measured(args.json, measured_by_test(run.options, run.model, command), run.model.device)
    elif args.check:
        with nothing_left_behind(options):
            rehearse(*prepare_training(options)[:3])
    elif args.replay is not None:
        print(replay_file(options, args.replay))
    else:
        train_to_the_end(options, args, log)


def train_to_the_end(options: Options, args: Arguments, log: RunLog) -> None:
    """Train and tell what came out."""
    started = time.perf_counter()
    run = prepare_training(options)
    with alone(options):
        model = train_with_rollbacks(run, args, log)
    if options.runtime.rank == 0:
        # What the option file calls next builds on a run of the file's own name.
        renamed = args.debug or any(entry.startswith('name=') for entry in args.force_yml)
        summarize_training(run.options, model, time.perf_counter() - started, None if renamed else options.next)


@contextmanager
def alone(options: Options) -> Iterator[None]:
    """Hold the lock of the run's folder, on process 0 for all of them."""
    with ExitStack() as stack:
        agree_or_fail(lambda: stack.enter_context(locked(Path(options.path.experiments_root))), CheckpointError)
        yield


def train_with_rollbacks(run: Run, args: Arguments, log: RunLog) -> BaseModel:
    """Train, as often as the model asks to roll back, and give back the trained model."""
    options = run.options
    while True:
        try:
            return train(run, args, log)
        except RollBack as error:
            # Two models at once may be more than the memory holds: frames keep what they worked on.
            back = error.with_traceback(None)
        del run
        logger.warning('%s', back)
        runtime = options.runtime.model_copy(update={'auto_resume': True})
        run = prepare_training(options.model_copy(update={'runtime': runtime}), back)


def train(run: Run, args: Arguments, log: RunLog) -> BaseModel:
    """Run BasicSR's training loop on effsr's parts, and give back the trained model."""
    options, loaders, model = run.options, run.loaders, run.model
    plain = to_plain(options)
    # The loop would ask for pin_memory; effsr's Prefetcher does without.
    plain['datasets']['train']['prefetch_mode'] = None
    loop = Loop(run)
    if is_own(model):
        model.defers_saving = True
    parts = {
        'parse_options': lambda root, is_train: (plain, SimpleNamespace(opt=args.opt)),
        'load_resume_state': lambda opt: run.resume_state,
        'make_exp_dirs': lambda opt: make_folders(options.path, options.runtime.rank),
        'mkdir_and_rename': lambda folder: archive(Path(folder)),
        'copy_opt_file': lambda opt_file, root: open_folder(options, Path(root), loop.iteration),
        'get_root_logger': lambda logger_name, log_level, log_file: log.open_file(log_file),
        'init_tb_loggers': loop.open_board,
        # BasicSR counts epochs with ceil though its loader drops the last batch, and runs one epoch more.
        'create_train_val_dataloader': lambda opt, logger: (
            loaders.train, loaders.sampler, loaders.val, loaders.sampler.epochs - 1, options.train.total_iter),
        'build_model': lambda opt: model,
        'MessageLogger': lambda opt, start, tb_logger: loop.make_progress(start),
        'CPUPrefetcher': loop.read,
        'CUDAPrefetcher': lambda loader, opt: loop.read(loader),
    }
    told = 'stopping at the end of this iteration, with a checkpoint; once more stops at once, without'
    try:
        with stop_request(told if options.runtime.rank == 0 else '') as loop.request, replaced(basicsr.train, **parts):
            basicsr.train.train_pipeline(options.runtime.root_path)
    finally:
        loop.close()
    done = model.current_iter if is_own(model) else loop.iteration
    assert done == options.train.total_iter, f'the loop ended at iteration {done} of {options.train.total_iter}'
    if is_own(model):
        add_scores(model)
    return model


def open_folder(options: Options, root: Path, iteration: int) -> None:
    """Write the resolved options; a run that goes on from a state of another run has no folder yet.

    A resumed run puts aside what an earlier process left there of later iterations, and mends what that one was
    killed in the middle of.
    """
    if options.runtime.rank == 0:
        root.mkdir(parents=True, exist_ok=True)
        if iteration:
            models, states = Path(options.path.models), Path(options.path.training_states)
            remove_leftovers(root)
            put_aside(states, models, iteration)
            settle_latest(models, states, iteration)
        copy_options(to_plain(options), str(root), options.runtime.rank)
    wait_for_all()


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
    with replaced(basicsr.test, **parts), torch.no_grad():
        basicsr.test.test_pipeline(options.runtime.root_path)
    if options.runtime.rank == 0:
        summarize_test(options, run.model)
