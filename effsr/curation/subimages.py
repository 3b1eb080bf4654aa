"""Cut pictures into overlapping tiles, which are read faster than whole pictures.

The grid is that of BasicSR's scripts/data_preparation/extract_subimages.py: tiles of --size every --step pixels, and
one more flush with the right and the lower edge where more than --thresh_size pixels would be left over. NAME.jpg
gives NAME_s001.png, NAME_s002.png and so on, row by row. Grey, alpha and 16 bits stay as they are.
"""
import argparse
from functools import partial
from pathlib import Path

import numpy as np

from effsr.curation.arguments import add_common, number, sources
from effsr.curation.filling import Made, Source, Task, fill
from effsr.curation.pixels import LOSSLESS, luma, read_pixels, write_pixels
from effsr.data.image_io import ImageError, image_size
from effsr.data.storages.container import without_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_common(parser)
    parser.add_argument('--size', type=number(int, least=1), default=480, metavar='N', help='side of a tile (480)')
    parser.add_argument('--step', type=number(int, least=1), default=240, metavar='N',
                        help='from one tile to the next (240)')
    parser.add_argument('--thresh_size', type=number(int, least=0), default=0, metavar='N',
                        help='an edge of up to so many pixels is left over rather than covered by a tile more (0)')
    parser.add_argument('--flat', type=number(float, least=0, most=255), default=0, metavar='T',
                        help='leave out tiles that change by less than this from pixel to pixel, on average, in grey '
                             'levels of 255; 0 (default) keeps all, 2 leaves out sky and walls')
    parser.add_argument('--strip', default='', metavar='TEXT',
                        help="end of names to take off, such as x4 of DIV2K's 0001x4.png, so that gt and lq agree")
    parser.add_argument('--ext', choices=LOSSLESS, default='png', help='format (png); all of them are lossless')


def run(args: argparse.Namespace) -> int:
    """Cut all pictures; return the exit status."""
    chosen = sources(args)
    targets = {name: _names(name, _expected(path, args), args.strip, args.ext) for name, path in chosen}
    settings = {name: getattr(args, name) for name in ('size', 'step', 'thresh_size', 'flat', 'strip', 'ext')}
    do = partial(cut, folder=args.output, **settings)
    return fill(args, Task('prepare subimages', 'tile', do, {args.output: settings}, targets), chosen).status


def cut(source: Source, folder: Path, size: int, step: int, thresh_size: int, flat: float, strip: str,
        ext: str) -> Made:
    """Cut one picture and write its tiles.

    Args:
        source: Name and path.
        folder: Where to.
        size, step, thresh_size: Of the grid; see :func:`starts`.
        flat: Tiles whose :func:`flatness` is less are left out; the others keep their numbers.
        strip: Taken off the end of the name.
        ext: Format, one of LOSSLESS.

    Raises:
        ValueError: The picture cannot be read, is smaller than a tile, or is of a kind that the format cannot hold.
    """
    name, path = source
    pixels = read_pixels(path)
    height, width = pixels.shape[:2]
    if min(height, width) < size:
        raise ValueError(f'{path}: {width}x{height} is smaller than a tile of --size {size}; take it out, or lower '
                         '--size')
    corners = [(top, left) for top in starts(height, size, step, thresh_size)
               for left in starts(width, size, step, thresh_size)]
    files = dict(zip(_names(name, len(corners), strip, ext), corners, strict=True))
    kept = {}
    for file, (top, left) in files.items():
        tile = pixels[top:top + size, left:left + size]
        if not flat or flatness(tile) >= flat:
            kept[file] = tile
    write_pixels(folder, kept, path)
    return Made(list(kept), {'flat': len(files) - len(kept)} if len(kept) < len(files) else {})


def starts(length: int, size: int, step: int, thresh_size: int) -> list[int]:
    """Where tiles begin along one side; [] if the side is shorter than a tile.

    Args:
        length: Of the side, in pixels.
        size: Of a tile.
        step: From one to the next.
        thresh_size: One tile more, flush with the edge, where more than this is left over.
    """
    found = list(range(0, length - size + 1, step))
    if found and length - size - found[-1] > thresh_size:
        found.append(length - size)
    return found


def flatness(tile: np.ndarray) -> float:
    """How much a tile changes from pixel to pixel: the mean length of its luma's gradient, by differences to the right
    and downwards, in grey levels of 255 per pixel; 16 bits count in the same levels. 0 for one even colour.

    Args:
        tile: uint8 or uint16 (H, W, C).
    """
    gray = luma(tile)
    if min(gray.shape) < 2:
        return 0.0
    across, down = gray[:-1, 1:] - gray[:-1, :-1], gray[1:, :-1] - gray[:-1, :-1]
    return float(np.hypot(across, down).mean(dtype=np.float64))


def _expected(path: Path, args: argparse.Namespace) -> int:
    """How many tiles a picture's header promises; 0 where it cannot be read, which is told when its turn comes."""
    try:
        height, width = image_size(path)
    except ImageError:
        return 0
    return len(starts(height, args.size, args.step, args.thresh_size)) * len(
        starts(width, args.size, args.step, args.thresh_size))


def _names(name: str, count: int, strip: str, ext: str) -> list[str]:
    stem = without_suffix(name)
    return [f'{stem.removesuffix(strip)}_s{number:03}.{ext}' for number in range(1, count + 1)]
