"""Prepare folders of pictures for training.

    python effsr/prepare.py subimages -i PHOTOS -o TILES [--size 480] [--step 240]

Each subcommand fills a folder, or writes a list or a report. What was stopped, or killed, goes on when the same command
is run again; the result does not depend on --jobs. Exit status 0 if everything was done.
"""
import argparse

if __name__ == '__main__' and not __package__:  # a spawned process has sys.path already
    import _script
    _script.end_quietly('prepare')

import effsr  # noqa: F401  installs the bridge
from effsr.curation import (
    check,
    dedupe,
    degrade,
    filter,
    meta,
    multiscale,
    pack,
    pairs,
    shards,
    subimages,
    to_lmdb,
)
from effsr.curation.command import run_command

SUBCOMMANDS = {'subimages': subimages, 'multiscale': multiscale, 'meta': meta, 'lmdb': to_lmdb, 'pack': pack,
               'shards': shards, 'pairs': pairs, 'degrade': degrade, 'dedupe': dedupe, 'filter': filter, 'check': check}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='prepare.py', description='Prepare folders of pictures for training.')
    commands = parser.add_subparsers(dest='what', required=True)
    for name, module in SUBCOMMANDS.items():
        first, _, rest = module.__doc__.partition('\n')
        summary = f'{first[0].lower()}{first[1:]}'.rstrip('.')
        module.add_arguments(commands.add_parser(name, help=summary, description=first, epilog=rest.strip()))
    args = parser.parse_args(argv)
    return run_command(f'prepare {args.what}', SUBCOMMANDS[args.what].run, args)


if __name__ == '__main__':
    raise SystemExit(main())
