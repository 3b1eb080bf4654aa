"""Make smaller copies of pictures for training, and move the originals away if asked.

A picture of H x W becomes one of H/S x W/S, rounded up. Copies keep the names, with the suffix of the format, and grey,
alpha and 16 bits; with alpha, colours count by their opacity. No file is ever replaced. An original is moved only when
all copies are in place: copied, flushed to the disk, compared, and only then removed.
"""
import argparse
import math
import sys
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from effsr.curation.arguments import add_common, number, plural, sources
from effsr.curation.filling import Made, Source, Task, fill
from effsr.curation.move_out import check_move_folder
from effsr.curation.moving import move_file
from effsr.curation.parallel import Failure, each, tell
from effsr.curation.pixels import LOSSLESS, read_pixels, resize_pixels, write_pixels
from effsr.data.storages.container import without_suffix

METHODS = ('bicubic', 'area', 'lanczos')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    add_common(parser)
    parser.add_argument('-s', '--scale', type=number(float, above=1), default=2, metavar='S',
                        help='how many times smaller (2)')
    parser.add_argument('--method', choices=METHODS, default='bicubic',
                        help="bicubic (default) and lanczos as MATLAB's imresize; area: the mean over a pixel's area")
    parser.add_argument('--ext', choices=LOSSLESS, default='png', help='format (png); all of them are lossless')
    parser.add_argument('--move', type=Path, metavar='DIR',
                        help='when all copies are in place, move the originals there, each verified first')


def run(args: argparse.Namespace) -> int:
    """Make all copies, then move the originals; return the exit status."""
    check_move_folder(args, args.input)
    if args.move is not None and _nested(args.move.resolve(), args.output.resolve()):
        raise ValueError(f'--move {args.move}: lies in -o {args.output}, or holds it; accepted: a folder apart')
    chosen = sources(args)
    targets = {name: [f'{without_suffix(name)}.{args.ext}'] for name, _ in chosen}
    settings = {name: getattr(args, name) for name in ('scale', 'method', 'ext')}
    do = partial(shrink, folder=args.output, **settings)
    filled = fill(args, Task('downscale', 'copy', do, {args.output: settings}, targets), chosen)
    if args.move is None or args.dry_run:
        return filled.status
    if filled.status:
        tell('downscale: no original was moved, as not all copies are in place')
        return filled.status
    done = set(filled.done)
    return move_all([source for source in chosen if source[0] in done], args.move, args.jobs)


def shrink(source: Source, folder: Path, scale: float, method: str, ext: str) -> Made:
    """Write the copy of one picture.

    Raises:
        ValueError: It cannot be read, or is of a kind that the format cannot hold.
    """
    name, path = source
    pixels = read_pixels(path)
    size = math.ceil(pixels.shape[0] / scale), math.ceil(pixels.shape[1] / scale)
    file = f'{without_suffix(name)}.{ext}'
    write_pixels(folder, {file: resize_pixels(pixels, size, method)}, path)
    return Made([file], {})


def move_all(chosen: Sequence[Source], folder: Path, jobs: int) -> int:
    """Move pictures below a folder, under their names; return the exit status: 1 if some could not be."""
    kept = 0
    move = partial(move_one, folder=folder)
    # Not side by side: a link's picture must not go before it.
    links = [source for source in chosen if source[1].is_symlink()]
    others = [source for source in chosen if not source[1].is_symlink()]
    moved = (each(move, part, jobs, 'downscale: moving') for part in (links, others) if part)
    for _, result in chain.from_iterable(moved):
        if isinstance(result, Failure):
            tell(result.reason)
            kept += 1
    print(f'{plural(len(chosen) - kept, "original")} moved to {folder}')
    if kept:
        print(f'downscale: {plural(kept, "original")} of {len(chosen):,} could not be moved, named above, and '
              f'{"stays" if kept == 1 else "stay"}', file=sys.stderr)
    return 1 if kept else 0


def move_one(source: Source, folder: Path) -> None:
    """Move one picture; see :func:`effsr.curation.moving.move_file`."""
    name, path = source
    move_file(path, folder / name)


def _nested(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents
