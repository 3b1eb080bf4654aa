"""Degradation against BasicSR's, composed as Real-ESRGAN composes it: stage by stage, by batch and by crop."""
import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from effsr.benchmarks.basicsr_step import PATCHES, USM_PATCH
from effsr.benchmarks.chains import BASICSR, BATCH, GROUPED, NAMES, OURS, SCALE, WORKER, Timed, make_chain, waits
from effsr.benchmarks.common import add_common_arguments, check_files, check_least, keep, torch_as_in_training
from effsr.benchmarks.crops import CropSource
from effsr.benchmarks.degradation_report import (
    NOTES,
    Growth,
    Result,
    as_plain,
    growth_table,
    stage_table,
    summary_table,
)
from effsr.benchmarks.interleave import interleave
from effsr.benchmarks.photographs import Photographs, collect
from effsr.inference.upscaling import choose_device
from effsr.runtime.environment import environment
from effsr.runtime.tables import as_text

GT_SIZE = 256  # Real-ESRGAN's
MIN_CROP = 80  # BasicSR's blur reflects 10 pixels of an image that was shrunk to 0.15
REPEATS = {BASICSR: 1, GROUPED: 1, OURS: 3, BATCH: 3, WORKER: 3}
FILTERS = PATCHES[1]  # the only one of `benchmark.py train` that is needed here

GROWTH_BATCHES, GROWTH_CROPS = (1, 4, 16), (200, 400, 640)
GROWTH_IMAGES, SLOW_CALLS = 16, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py degradation`."""
    parser.add_argument('--batch', type=int, default=4, metavar='N', help='images in a batch (4)')
    parser.add_argument('--crop', type=int, default=400, metavar='N',
                        help='side of the crop that is degraded, crop_pad_size (400)')
    parser.add_argument('--rounds', type=int, default=9, metavar='N', help='rounds, the first is dropped (9)')
    parser.add_argument('--threads', type=int, default=1, metavar='N', help='CPU threads (1)')
    parser.add_argument('--no_growth', action='store_true', help='leave out the table of batches and crops')
    add_common_arguments(parser)


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured, before anything is.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    check_least(args, {'batch': 1, 'rounds': 2, 'seed': 0, 'crop': MIN_CROP, 'threads': 1})
    if args.crop % SCALE:
        raise ValueError(f'--crop {args.crop}; accepted: a multiple of {SCALE}')
    check_files(args)


def run(args: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for.

    Raises:
        ValueError: Flags or photographs that cannot be used.
        OSError: A file that cannot be written.
    """
    check(args)
    device = choose_device(args.device)
    with torch_as_in_training(args.threads, device), tempfile.TemporaryDirectory() as work:
        photographs = collect(args.images, 1, Path(work))
        head = head_lines(args, device, photographs)
        print('\n'.join(head), flush=True)
        result = measure(args, device, photographs)
    tables = [summary_table(result), stage_table(result)]
    if result.growth:
        tables.append(growth_table(result.growth))
    print('\n' + '\n\n'.join(map(as_text, tables)) + '\n\n' + '\n'.join(f'- {note}' for note in NOTES))
    keep(args, head, tables, NOTES, {'patches': [str(FILTERS), str(USM_PATCH)], **as_plain(result)}, device,
         photographs=len(photographs.paths))


def head_lines(args: argparse.Namespace, device: torch.device, photographs: Photographs) -> list[str]:
    """Machine, sizes, and the patches."""
    own = '' if args.images is None else f' of {photographs.folder}'
    return [environment(device),
            f'scale {SCALE} · batch {args.batch} · crop {args.crop}, of which {min(GT_SIZE, args.crop)} are trained on '
            f"· float32 · Real-ESRGAN's settings · {args.rounds} rounds, the first dropped · seed {args.seed} · "
            f'{len(photographs.paths)} photographs{own}',
            '', 'BasicSR 1.4.2 runs as it is but for:', f'- {FILTERS}', f'- {USM_PATCH}']


def measure(args: argparse.Namespace, device: torch.device, photographs: Photographs) -> Result:
    """All contenders in turn, whole and by stage; then by batch and crop; on a GPU, whether ours waits for it."""
    gt_size = min(GT_SIZE, args.crop)
    crops = CropSource(photographs, args.batch, args.crop, device, args.seed)
    timed = {name: Timed(make_chain(name, gt_size, device, args.seed), crops, device, REPEATS[name]) for name in NAMES}
    _tell(f'measuring a batch of {args.batch} ...')
    runs: dict[tuple[str, str], Any] = {}
    for name, one in timed.items():
        runs['whole', name] = one.whole
        runs['stages', name] = one.stages
    measured = interleave(runs, args.rounds)
    waiting = {}
    if device.type == 'cuda':
        waiting = {name: waits(timed[name].chain, crops(0)) for name in (OURS, BATCH)}
    growth = [] if args.no_growth else measure_growth(photographs, device, args.seed)
    return Result(args.batch, {name: measured['whole', name] for name in NAMES},
                  {name: measured['stages', name] for name in NAMES}, growth, waiting)


def measure_growth(photographs: Photographs, device: torch.device, seed: int) -> list[Growth]:
    """The same images in batches of several sizes, at several crops; the slowest contender is left out."""
    found = []
    for crop in GROWTH_CROPS:
        chains = {name: make_chain(name, min(GT_SIZE, crop), device, seed) for name in (GROUPED, OURS, BATCH, WORKER)}
        for batch in GROWTH_BATCHES:
            _tell(f'measuring batch {batch}, crop {crop} ...')
            source = CropSource(photographs, batch, crop, device, seed)
            times = {}
            for name, chain in chains.items():
                timed = Timed(chain, source, device)
                if device.type == 'cuda':
                    timed.whole(0)  # kernels are chosen for each size at first
                # A worker knows no batches.
                if name != WORKER or batch == GROWTH_BATCHES[0]:
                    calls = min(GROWTH_IMAGES // batch, SLOW_CALLS if name == GROUPED else GROWTH_IMAGES)
                    seconds = sum(timed.whole(number) for number in range(calls))
                    times[name] = 1000 * seconds / (calls * batch)
            found.append(Growth(batch, crop, times))
    return found


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
