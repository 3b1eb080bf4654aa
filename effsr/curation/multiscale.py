"""Make smaller copies of pictures, which hold the same objects with other detail.

The sizes are those of Real-ESRGAN's scripts/generate_multiscale_DF2K.py: 0.75, 0.5 and 1/3 of each side, and one copy
whose shorter side is 400; NAME.jpg gives NAMET0.png to NAMET3.png, by Lanczos. Unlike there, a copy that would not be
smaller than its picture is left out. Train with the folder of copies beside that of the pictures.
"""
import argparse
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from effsr.curation.arguments import add_common, number, sources
from effsr.curation.filling import Made, Source, Task, fill
from effsr.curation.pixels import LOSSLESS, read_pixels, resize_pixels, write_pixels
from effsr.data.imresize import METHODS
from effsr.data.storages.container import without_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_common(parser)
    parser.add_argument('--scales', type=number(float, above=0, most=1), nargs='*', default=[0.75, 0.5, 1 / 3],
                        metavar='S', help='sizes of the copies, as parts of the whole (0.75 0.5 1/3); 1 copies as is')
    parser.add_argument('--shortest', type=number(int, least=0), default=400, metavar='N',
                        help='shorter side of one more copy (400); 0 for none')
    parser.add_argument('--smallest', type=number(int, least=1), default=1, metavar='N',
                        help='leave out copies with a side shorter than this, such as the crop of the training (1)')
    parser.add_argument('--method', choices=METHODS, default='lanczos', help='of resizing (lanczos)')
    parser.add_argument('--ext', choices=LOSSLESS, default='png', help='format (png); all of them are lossless')


def run(args: argparse.Namespace) -> int:
    """Make all copies; return the exit status."""
    if not args.scales and not args.shortest:
        raise ValueError('--scales is empty and --shortest 0: no copy is asked for; give one of them')
    chosen = sources(args)
    targets = {name: _names(name, args.scales, args.shortest, args.ext) for name, _ in chosen}
    settings = {name: getattr(args, name) for name in ('scales', 'shortest', 'smallest', 'method', 'ext')}
    do = partial(copy_smaller, folder=args.output, **settings)
    return fill(args, Task('prepare multiscale', 'copy', do, {args.output: settings}, targets), chosen).status


def copy_smaller(source: Source, folder: Path, scales: Sequence[float], shortest: int, smallest: int, method: str,
                 ext: str) -> Made:
    """Write the copies of one picture.

    Raises:
        ValueError: The picture cannot be read, or is of a kind that the format cannot hold.
    """
    name, path = source
    pixels = read_pixels(path)
    whole = pixels.shape[:2]
    copies, left_out = {}, Counter()
    as_it_is = [*(scale == 1 for scale in scales), False]
    named = zip(_names(name, scales, shortest, ext), sizes(*whole, scales, shortest), as_it_is, strict=False)
    for file, size, unchanged in named:
        if min(size) < smallest:
            left_out[f'a side below --smallest {smallest}'] += 1
        elif unchanged:
            copies[file] = pixels
        elif size[0] >= whole[0] or size[1] >= whole[1]:
            left_out['not smaller than the picture'] += 1
        else:
            copies[file] = resize_pixels(pixels, size, method)
    write_pixels(folder, copies, path)
    return Made(list(copies), left_out)


def sizes(height: int, width: int, scales: Sequence[float], shortest: int) -> list[tuple[int, int]]:
    """(height, width) of each copy, rounded down as Real-ESRGAN does, at least 1: one for each scale, then the one
    whose shorter side is `shortest`, unless that is 0."""
    found = [(max(1, int(height * scale)), max(1, int(width * scale))) for scale in scales]
    if shortest and width < height:
        found.append((int(shortest * (height / width)), shortest))
    elif shortest:
        found.append((shortest, int(shortest * (width / height))))
    return found


def _names(name: str, scales: Sequence[float], shortest: int, ext: str) -> list[str]:
    return [f'{without_suffix(name)}T{number}.{ext}' for number in range(len(scales) + bool(shortest))]
