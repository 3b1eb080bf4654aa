"""Interpolate the weights of two trainings of one network, as ESRGAN does between PSNR and GAN.

    python effsr/interpolate.py PSNR.pth GAN.pth --alpha 0.8 -o BETWEEN.pth

The result is (1 - alpha) * PSNR + alpha * GAN. Exit status 0 if it was written, else 1.
"""
import argparse
import sys
from importlib import import_module
from pathlib import Path

if __name__ == '__main__' and not __package__:
    import _script  # noqa: F401

import effsr
from effsr.inference.interpolation import interpolate_files
from effsr.summary import say


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the flags; None takes sys.argv."""
    parser = argparse.ArgumentParser(prog='interpolate.py',
                                     description='Interpolate the weights of two trainings of one network.')
    parser.add_argument('first', type=Path, metavar='A.pth', help='weights, for example trained for PSNR')
    parser.add_argument('second', type=Path, metavar='B.pth', help='others of the same network, for example the GAN')
    parser.add_argument('--alpha', type=float, required=True, help='0: the first, 1: the second; ESRGAN shows 0.8')
    parser.add_argument('-o', '--output', type=Path, required=True, metavar='C.pth', help='file to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    parser.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                        help="import a module first: one that registers the weights' own architecture")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    sys.path.append(str(Path.cwd()))
    try:
        for name in args.modules:
            import_module(name)
        done = interpolate_files(args.first, args.second, args.alpha, args.output, args.overwrite, effsr.__version__)
    except (ValueError, ImportError) as error:
        print(f'interpolate: {error}', file=sys.stderr)
        return 1
    say(f'written  {done.path} ({", ".join(done.entries)}{f"; {done.arch}" if done.arch else ""}): '
        f'{1 - args.alpha:g} x {args.first} + {args.alpha:g} x {args.second}')
    if done.note:
        say(f'note     {done.note}')
    if done.arch:
        say(f'next     python effsr/upscale.py -i PHOTO_OR_FOLDER -m {done.path}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
