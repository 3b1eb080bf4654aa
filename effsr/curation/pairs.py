"""Make the lq of pairs from gt by MATLAB's bicubic, as papers on super-resolution do.

A gt must be divisible by the scale. With --hr DIR the pictures are cropped to that at the right and below (mod crop)
and written to DIR, which then is the folder of gt; without it such a picture is an error. lq and gt have the same
names, with the suffix of the format. Transparent pictures are laid on white first, as the training does, so that lq is
made of what it sees; grey and 16 bits stay.
"""
import argparse
from functools import partial
from pathlib import Path

from effsr.curation.arguments import add_common, number, refuse_inside, sources
from effsr.curation.filling import Made, Source, Task, fill
from effsr.curation.pixels import LOSSLESS, read_pixels, write_pixels
from effsr.data.image_decode import without_alpha
from effsr.data.image_io import ALPHA_RULES
from effsr.data.imresize import METHODS, imresize
from effsr.data.storages.container import without_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_common(parser, 'folder of lq to fill: new, empty, or to go on with')
    parser.add_argument('-s', '--scale', type=number(int, least=2), required=True, metavar='S',
                        help='how many times smaller lq is')
    parser.add_argument('--hr', type=Path, metavar='DIR', help='write the gt there, cropped to a multiple of the scale')
    parser.add_argument('--alpha', choices=ALPHA_RULES, default='white',
                        help='what transparent pictures are laid on (white); as the option alpha of the training')
    parser.add_argument('--method', choices=METHODS, default='bicubic', help='of resizing (bicubic)')
    parser.add_argument('--ext', choices=LOSSLESS, default='png', help='format (png); all of them are lossless')


def run(args: argparse.Namespace) -> int:
    """Make all pairs; return the exit status."""
    chosen = sources(args)
    settings = {name: getattr(args, name) for name in ('scale', 'alpha', 'method', 'ext')}
    folders = {args.output: {'holds': 'lq', **settings}}
    if args.hr is not None:
        refuse_inside('--hr', args.hr, args.input)
        if args.hr.resolve() == args.output.resolve():
            raise ValueError(f'--hr {args.hr}: is -o, too; accepted: a folder of its own')
        folders[args.hr] = {'holds': 'gt', **settings}
    targets = {name: [f'{without_suffix(name)}.{args.ext}'] for name, _ in chosen}
    do = partial(make_pair, lq=args.output, gt=args.hr, **settings)
    return fill(args, Task('prepare pairs', 'lq picture', do, folders, targets), chosen).status


def make_pair(source: Source, lq: Path, gt: Path | None, scale: int, alpha: str, method: str, ext: str) -> Made:
    """Write the lq of one picture and, if asked, its gt.

    Raises:
        ValueError: The picture cannot be read, is smaller than the scale, or not divisible by it and gt is None.
    """
    name, path = source
    pixels = read_pixels(path)
    if pixels.shape[2] in (2, 4):
        pixels = without_alpha(pixels, alpha, path)
    height, width = pixels.shape[:2]
    whole = height // scale * scale, width // scale * scale
    if min(whole) == 0:
        raise ValueError(f'{path}: {width}x{height} is smaller than --scale {scale}; take it out')
    if gt is None and whole != (height, width):
        raise ValueError(f'{path}: {width}x{height} is not divisible by --scale {scale}; give --hr DIR to have the gt '
                         f'cropped to {whole[1]}x{whole[0]} and written there')
    pixels = pixels[:whole[0], :whole[1]]
    file = f'{without_suffix(name)}.{ext}'
    if gt is not None:
        write_pixels(gt, {file: pixels}, path)
    small = imresize(pixels, size=(whole[0] // scale, whole[1] // scale), method=method)
    write_pixels(lq, {file: small}, path)
    return Made([file], {})
