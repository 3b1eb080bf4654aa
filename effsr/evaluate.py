"""Compare models on sets of pictures: a table of figures, and a page to look at.

    python effsr/evaluate.py -m MODEL [MODEL ...] -d NAME=HR[:LR] [-d ...] [-s 4] [--metrics psnr_y ssim_y ...]

What was computed is kept under --work: the same command run again goes on where it stopped. Exit status 0 if every
model gave a result for every picture.
"""
import argparse
import sys

if __name__ == '__main__' and not __package__:  # a spawned process has sys.path already
    import _script
    _script.end_quietly('evaluate')

import effsr  # noqa: F401  installs the bridge
from effsr.curation.command import run_command
from effsr.evaluation.arguments import add_arguments
from effsr.evaluation.command import run


def main(argv: list[str] | None = None) -> int:
    summary, _, rest = __doc__.partition('\n')
    parser = argparse.ArgumentParser(prog='evaluate.py', description=summary, epilog=rest.strip().split('\n\n')[-1])
    add_arguments(parser)
    args = parser.parse_args(argv)
    args.command = sys.argv[1:] if argv is None else argv
    return run_command('evaluate', run, args)


if __name__ == '__main__':
    raise SystemExit(main())
