"""Upscaling as a whole program: time and peak memory beside the reference's way, for a folder and one large picture."""
import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from effsr.benchmarks.common import add_common_arguments, check_files, check_least, keep
from effsr.benchmarks.interleave import interleave
from effsr.benchmarks.photographs import collect
from effsr.benchmarks.picture_sets import CELL, mosaic
from effsr.benchmarks.upscale_report import NOTES, Result, as_plain, failure_notes, result_table
from effsr.benchmarks.whole_programs import Ran, run_program
from effsr.data.image_io import image_size, list_images, read_rgb, write_rgb
from effsr.inference.memory import free_memory
from effsr.inference.upscaling import choose_device
from effsr.inference.weights import load_model, newest_quickstart_weights
from effsr.runtime.environment import environment
from effsr.runtime.tables import as_text

PAD = 10  # what the reference's script puts around a tile
OURS, OURS_EXACT, WHOLE, TILES = 'effsr', 'effsr, fp32', 'reference, whole', 'reference, tiles'
TASKS = ('folder', 'large')
SIDES = 3, 2  # of the large picture, width to height
SHARE = 0.8  # of the memory that is there


@dataclass(frozen=True)
class Setup:
    """What all runs share: weights, device as they are given to programs, and how the reference makes tiles."""

    weights: Path
    device: str
    tile: int
    threads: int | None
    limit: int


class Task(NamedTuple):
    """A folder of pictures to be upscaled, its title, and their megapixels."""

    name: str
    title: str
    folder: Path
    megapixels: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `benchmark.py upscale`."""
    parser.add_argument('-m', '--model', type=Path, metavar='WEIGHTS', help='default: the newest quickstart weights')
    parser.add_argument('--tasks', nargs='+', choices=TASKS, default=list(TASKS))
    parser.add_argument('--ways', nargs='+', choices=(OURS_EXACT, WHOLE, TILES), default=[OURS_EXACT, WHOLE, TILES],
                        help=f'what {OURS} is compared with (all)')
    parser.add_argument('--megapixels', type=float, default=24.0, metavar='MP', help='of the large picture (24)')
    parser.add_argument('--tile', type=int, default=400, metavar='N', help="side of the reference's tiles (400)")
    parser.add_argument('--rounds', type=int, default=3, metavar='N', help='rounds, the first is dropped (3)')
    parser.add_argument('--threads', type=int, default=None, metavar='N', help="CPU threads (torch's default)")
    parser.add_argument('--memory', type=float, default=None, metavar='GB',
                        help=f'what a program may allocate on a CPU ({100 * SHARE:.0f} percent of what is free)')
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> bool:
    """Measure, print, and write what was asked for; False where a program failed for another reason than memory.

    Raises:
        ValueError: Flags, weights or photographs that cannot be used.
    """
    check_least(args, {'tile': 16, 'rounds': 2, 'threads': 1, 'seed': 0})
    if not args.megapixels > 0 or (args.memory is not None and not args.memory > 0):
        raise ValueError(f'--megapixels {args.megapixels}, --memory {args.memory}; accepted: above 0')
    check_files(args)
    device = choose_device(args.device)
    weights = args.model or newest_quickstart_weights()
    if weights is None:
        raise ValueError('-m: no weights in experiments/quickstart_*/models; pass -m WEIGHTS')
    model = load_model(weights)
    free = args.memory * 1e9 if args.memory is not None else SHARE * free_memory(device)
    setup = Setup(weights.resolve(), device.type, args.tile, args.threads, int(free) if device.type == 'cpu' else 0)
    head = [environment(device),
            f'{weights.as_posix()}: {model.arch} x{model.scale} · {args.rounds} rounds, the first dropped · '
            f'at most {setup.limit / 1e9:.1f} GB · tiles of the reference {args.tile} with {PAD} around · '
            f'seed {args.seed}']
    print('\n'.join(head), flush=True)
    with tempfile.TemporaryDirectory() as work:
        results = []
        for task in make_tasks(args, Path(work)):
            results.append(measure(task, setup, model.scale, [OURS, *args.ways], args.rounds, Path(work)))
            print(f'\n{as_text(result_table(results[-1]))}', flush=True)
    notes = [*NOTES, *failure_notes(results)]
    print('\n' + '\n'.join(f'- {note}' for note in notes))
    keep(args, head, list(map(result_table, results)), notes, {'tasks': list(map(as_plain, results))}, device)
    return not any(ran.error and not ran.of_memory for result in results for ran in result.failed.values())


def make_tasks(args: argparse.Namespace, work: Path) -> list[Task]:
    """Write the pictures.

    Raises:
        ValueError: No photographs, or none that is large enough for the mosaic.
    """
    photographs = collect(args.images, max(CELL), work)
    tasks = []
    if 'folder' in args.tasks:
        folder = work / 'folder'
        folder.mkdir()
        for number, path in enumerate(list_images(Path(photographs.folder))):
            write_rgb(folder / f'{number:03}.png', read_rgb(path))
        pixels = [height * width for height, width in map(image_size, sorted(folder.iterdir()))]
        tasks.append(Task('folder', f'a folder of {len(pixels)} PNG', folder, sum(pixels) / 1e6))
    if 'large' in args.tasks:
        folder = work / 'large'
        folder.mkdir()
        picture = large_picture(photographs.paths, args.megapixels, args.seed)
        write_rgb(folder / 'large.png', picture)
        height, width = picture.shape[:2]
        tasks.append(Task('large', f'one PNG of {width}x{height}', folder, height * width / 1e6))
    return tasks


def large_picture(paths: Sequence[str], megapixels: float, seed: int) -> np.ndarray:
    """uint8 (H, W, 3) of so many megapixels and sides of 3 to 2, put together of mosaics of photographs."""
    unit = (megapixels * 1e6 / (SIDES[0] * SIDES[1])) ** 0.5
    width, height = max(1, round(SIDES[0] * unit)), max(1, round(SIDES[1] * unit))
    picture = np.empty((height, width, 3), np.uint8)
    top, number = 0, 0
    while top < height:
        left = 0
        while left < width:
            part = mosaic(paths, number, seed)[:height - top, :width - left]
            picture[top:top + part.shape[0], left:left + part.shape[1]] = part
            left, number = left + part.shape[1], number + 1
        top += part.shape[0]
    return picture


def measure(task: Task, setup: Setup, scale: int, ways: Sequence[str], rounds: int, work: Path) -> Result:
    """All ways in turn; one that fails is not run again. Results of a folder are compared with the reference's."""
    runs = {way: Program(way, task, setup, work) for way in ways}
    measured = interleave(runs, rounds)
    failed = {way: program.failed for way, program in runs.items() if program.failed is not None}
    differences = {}
    if task.name == 'folder' and WHOLE in runs and WHOLE not in failed:
        differences = compared({way: program.output for way, program in runs.items() if way not in failed}, WHOLE)
    whole = {way: rans for way, rans in measured.items() if way not in failed}
    return Result(task.title, task.megapixels, scale, whole, failed, differences)


class Program:
    """One way of upscaling a folder, run once each round.

    Attributes:
        failed: The run that failed; it was the last one.
        output: Folder of its newest results.
    """

    def __init__(self, way: str, task: Task, setup: Setup, work: Path) -> None:
        self.failed: Ran | None = None
        self.output = work / f'{task.name}_{way}'
        self._task, self._setup, self._work, self._way = task, setup, work, way

    def __call__(self, number: int) -> Ran:
        if self.failed is not None:
            return self.failed
        print(f'{self._task.title}: {self._way}, round {number} ...', file=sys.stderr, flush=True)
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.mkdir()
        module, arguments = PROGRAMS[self._way](self._task, self._setup, self.output)
        ran = run_program(module, arguments, self._work, self._setup.limit, self._setup.threads)
        if self._task.name != 'folder':
            shutil.rmtree(self.output)  # a gigabyte each
        self.failed = ran if ran.error else None
        return ran


def _ours(*flags: str) -> Callable[[Task, Setup, Path], tuple[str, list[str]]]:
    return lambda task, setup, output: ('effsr.upscale', ['-i', str(task.folder), '-o', str(output), '-m',
                                                          str(setup.weights), '--device', setup.device, *flags])


def _reference(in_tiles: bool) -> Callable[[Task, Setup, Path], tuple[str, list[str]]]:
    return lambda task, setup, output: ('effsr.benchmarks.reference_way',
                                        [str(setup.weights), str(task.folder), str(output),
                                         str(setup.tile if in_tiles else 0), str(PAD), setup.device])


PROGRAMS = {OURS: _ours(), OURS_EXACT: _ours('--precision', 'fp32'), WHOLE: _reference(False), TILES: _reference(True)}


def compared(folders: Mapping[str, Path], standard: str) -> dict[str, tuple[int, float]]:
    """How far results lie from a standard's: largest difference and mean squared error, of pixel values to 255."""
    found = {}
    for way, folder in folders.items():
        largest, errors = 0, []
        for path in sorted(folders[standard].iterdir()):
            difference = read_rgb(folder / path.name).astype(np.int16) - read_rgb(path)
            largest = max(largest, int(np.abs(difference).max()))
            errors.append(float((difference.astype(np.float32) ** 2).mean()))
        found[way] = largest, float(np.mean(errors))
    return found
