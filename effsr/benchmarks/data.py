"""Reading of training crops from each storage against BasicSR's dataset: samples a second, CPU for each."""
import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from effsr.benchmarks.common import add_common_arguments, check_files, check_least, keep, torch_as_in_training
from effsr.benchmarks.data_report import NOTES, Result, as_plain, crop_table, speed_table, storage_table
from effsr.benchmarks.interleave import interleave
from effsr.benchmarks.photographs import Photographs, collect
from effsr.benchmarks.picture_sets import CELL, HEIGHT, SIDE, WIDTH, PictureSet, make_sets
from effsr.benchmarks.readers import NAMES, Cost, Reader, build_dataset
from effsr.data.image_io import read_rgb
from effsr.data.storages.opening import open_storage
from effsr.runtime.environment import environment
from effsr.runtime.tables import as_text

CPU = torch.device('cpu')
WINDOWS = 20  # crops of each picture in a round


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py data`."""
    parser.add_argument('--pictures', type=int, default=12, metavar='N',
                        help=f'pictures of {WIDTH}x{HEIGHT}, made of the photographs (12)')
    parser.add_argument('--batch', type=int, default=8, metavar='N', help='samples in a batch (8)')
    parser.add_argument('--workers', type=int, nargs='+', default=[0, 2], metavar='N', help='reading processes (0 2)')
    parser.add_argument('--rounds', type=int, default=7, metavar='N', help='rounds, the first is dropped (7)')
    parser.add_argument('--seconds', type=float, default=0.8, metavar='S',
                        help='that each contender reads in a round (0.8)')
    parser.add_argument('--threads', type=int, default=1, metavar='N', help='CPU threads of the main process (1)')
    add_common_arguments(parser, device=False)


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured, before anything is.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    check_least(args, {'pictures': 1, 'batch': 1, 'rounds': 2, 'seed': 0, 'threads': 1})
    if min(args.workers) < 0 or len(set(args.workers)) < len(args.workers):
        raise ValueError(f'--workers {" ".join(map(str, args.workers))}; accepted: different numbers from 0')
    if not 0 < args.seconds <= 3600:
        raise ValueError(f'--seconds {args.seconds:g}; accepted: above 0, up to 3600')
    check_files(args)


def run(args: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for.

    Raises:
        ValueError: Flags or photographs that cannot be used.
        OSError: A file that cannot be written.
    """
    check(args)
    with torch_as_in_training(args.threads, CPU), tempfile.TemporaryDirectory() as work:
        photographs = collect(args.images, max(CELL), Path(work))
        head = head_lines(args, photographs)
        print('\n'.join(head), flush=True)
        _tell('writing the pictures, the LMDBs, the packed sets and the shards ...')
        sets = make_sets(photographs, args.pictures, Path(work), args.seed)
        result = measure(args, sets)
        tables = [speed_table(pictures.title, workers, result.speed[pictures.title, workers])
                  for pictures in sets for workers in args.workers]
        tables += [crop_table(result), storage_table(sets)]
    print('\n' + '\n\n'.join(map(as_text, tables)) + '\n\n' + '\n'.join(f'- {note}' for note in NOTES))
    keep(args, head, tables, NOTES, as_plain(result), CPU, photographs=len(photographs.paths))


def head_lines(args: argparse.Namespace, photographs: Photographs) -> list[str]:
    """Machine, sizes."""
    own = '' if args.images is None else f' of {photographs.folder}'
    return [environment(CPU),
            f'crop {SIDE} · batch {args.batch} · {args.rounds} rounds, the first dropped · seed {args.seed} · '
            f'{args.pictures} pictures of {WIDTH}x{HEIGHT} made of {len(photographs.paths)} photographs{own}']


def measure(args: argparse.Namespace, sets: Sequence[PictureSet]) -> Result:
    """All readers in turn, for each set of pictures and number of workers; then single crops."""
    speed = {}
    for pictures in sets:
        for workers in args.workers:
            _tell(f'measuring {pictures.title}, {workers} workers ...')
            speed[pictures.title, workers] = measure_readers(args, pictures, workers)
    _tell('measuring single crops ...')
    crops = interleave({'whole': decode_all(sets[0]), 'crop': crop_all(sets[0], args.seed)}, args.rounds)
    return Result(speed, crops['whole'], crops['crop'])


def measure_readers(args: argparse.Namespace, pictures: PictureSet, workers: int) -> dict[str, list[Cost]]:
    """What reading costs, by reader, once for each round but the first."""
    with ExitStack() as stack:
        readers = {}
        for name in NAMES:
            readers[name] = Reader(build_dataset(name, pictures), args.batch, workers, args.seconds, args.seed)
            stack.callback(readers[name].close)
        return interleave(readers, args.rounds)


def decode_all(pictures: PictureSet) -> Callable[[int], float]:
    """A run that decodes every picture; seconds for one."""
    def once(number: int) -> float:
        start = time.perf_counter()
        for path in pictures.files:
            read_rgb(path)
        return (time.perf_counter() - start) / len(pictures.files)
    return once


def crop_all(pictures: PictureSet, seed: int) -> Callable[[int], float]:
    """A run that copies WINDOWS crops of each packed picture into memory of their own; seconds for one."""
    storage = open_storage(pictures.places['packed'])

    def once(number: int) -> float:
        rng = np.random.default_rng([seed, number])
        corners = rng.integers((HEIGHT - SIDE + 1, WIDTH - SIDE + 1), size=(WINDOWS * len(storage), 2)).tolist()
        start = time.perf_counter()
        for place, (top, left) in enumerate(corners):
            storage.window(place % len(storage), top, left, SIDE, SIDE).copy()
        return (time.perf_counter() - start) / len(corners)
    return once


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
