"""What is allowed but probably not meant: told by `--check`, never an error."""
import os
from pathlib import Path
from typing import NamedTuple

import torch

from effsr.data.loaders import Loaders
from effsr.options import Options

WAITING_SHARE = 0.2
HIGH_RATE = 5e-3  # for Adam and its kin
LONG_RUN = 7 * 86400.0  # seconds


class Measured(NamedTuple):
    """What a rehearsal measured: seconds for a step and waiting in it, bytes of a checkpoint and of free disk."""

    step: float
    waiting: float
    checkpoint: int
    free: int


def find_doubts(options: Options, loaders: Loaders, measured: Measured) -> list[str]:
    """One line for each thing that is probably not meant, with what to change."""
    return [*_speed(options, measured), *_schedule(options), *_data(options, loaders), *_disk(options, measured)]


def _speed(options: Options, measured: Measured) -> list[str]:
    found = []
    workers, cores = options.datasets['train'].num_worker_per_gpu, cpu_count()
    if measured.waiting > WAITING_SHARE * measured.step:
        found.append(f'{100 * measured.waiting / measured.step:.0f}% of an iteration is waiting for data; raise '
                     f'datasets: train: num_worker_per_gpu (now {workers}, this machine has {cores} cores) or cache_mb')
    seconds = options.train.total_iter * measured.step
    if seconds > LONG_RUN:
        found.append(f'the run takes about {seconds / 86400:.0f} days here; lower train: total_iter, '
                     'batch_size_per_gpu or gt_size, or use a GPU')
    if workers > cores:
        found.append(f'datasets: train: num_worker_per_gpu is {workers}, this machine has {cores} cores')
    if options.num_gpu == 0 and torch.cuda.is_available():
        found.append('num_gpu is 0 though there is a GPU; set num_gpu: auto')
    return found


def _schedule(options: Options) -> list[str]:
    train, logger = options.train, options.logger
    found = []
    memory = round(1 / (1 - train.ema_decay))
    if train.ema_decay and not train.ema_warmup and train.total_iter < 5 * memory:
        found.append(f'train: ema_decay {train.ema_decay} averages over about {memory} iterations, the run has '
                     f'{train.total_iter}; lower it or set ema_warmup: true')
    if logger.save_checkpoint_freq > train.total_iter:
        found.append(f'logger: save_checkpoint_freq {logger.save_checkpoint_freq} is past total_iter '
                     f'{train.total_iter}: nothing is saved before the end')
    if options.val is not None and options.val.val_freq > train.total_iter:
        found.append(f'val: val_freq {options.val.val_freq} is past total_iter {train.total_iter}: only the last '
                     'weights are validated')
    for key in ('optim_g', 'optim_d'):
        optimizer = getattr(train, key)
        rate = optimizer.arguments.get('lr') if optimizer is not None else None
        if 'Adam' in getattr(optimizer, 'type', '') and isinstance(rate, float) and rate > HIGH_RATE:
            found.append(f'train: {key}: lr {rate} is high for {optimizer.type}; 1e-4 to 1e-3 is usual')
    return found


def _data(options: Options, loaders: Loaders) -> list[str]:
    found = []
    if options.val is None or not loaders.val:
        found.append('nothing is validated: give a val section and a datasets: val set')
    elif not options.val.metrics:
        found.append('val: metrics is empty: validation gives pictures alone')
    train_files = _files(loaders.train.dataset)
    for loader in loaders.val:
        shared = train_files & _files(loader.dataset)
        if shared:
            found.append(f'datasets: {loader.dataset.opt["name"]}: {len(shared)} of its pictures are trained on, for '
                         f'example {min(shared).name}; keep them out of the training folder')
    return found


def _files(dataset: object) -> set[Path]:
    dataset = getattr(dataset, 'dataset', dataset)  # below what handles unreadable samples
    where = getattr(dataset, 'where', None)
    paths = map(where, range(len(dataset))) if callable(where) else getattr(dataset, 'paths', ())
    return {Path(path).resolve() for path in paths if isinstance(path, str | os.PathLike)}


def _disk(options: Options, measured: Measured) -> list[str]:
    count = options.train.total_iter // options.logger.save_checkpoint_freq + 2
    need = count * measured.checkpoint
    if need < measured.free:
        return []
    return [f'{count} checkpoints take about {need / 2**30:.1f} GiB, the disk has {measured.free / 2**30:.1f} GiB '
            'free; raise logger: save_checkpoint_freq']


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
