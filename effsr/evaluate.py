"""Compare models on sets of pictures: a table of figures, and a page to look at.

    python effsr/evaluate.py -m MODEL [MODEL ...] -d NAME=HR[:LR] [-d ...] [-s 4] [--metrics psnr_y ssim_y ...]
    python effsr/evaluate.py card -m WEIGHTS -o DIR [-d NAME=HR[:LR]] [--shape 3x128x128]

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
from effsr.evaluation import card_command
from effsr.evaluation.arguments import add_arguments
from effsr.evaluation.command import run

CARD = 'card'


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == [CARD]:
        return make_card(argv)
    summary, _, rest = __doc__.partition('\n')
    parser = argparse.ArgumentParser(prog='evaluate.py', description=summary, epilog=rest.strip().split('\n\n')[-1])
    add_arguments(parser)
    args = parser.parse_args(argv)
    args.command = argv
    return run_command('evaluate', run, args)


def make_card(argv: list[str]) -> int:
    """evaluate.py card: figures of one model in several precisions, as a Markdown card."""
    parser = argparse.ArgumentParser(prog='evaluate.py card', description='Write a model card: a table of figures in '
                                                                          'several precisions, and sample pictures.')
    card_command.add_arguments(parser)
    args = parser.parse_args(argv[1:])
    args.command = argv
    return run_command('evaluate card', card_command.run, args)


if __name__ == '__main__':
    raise SystemExit(main())
