"""The command line of effsr/preview.py."""
import argparse
from pathlib import Path

LEAST = {'n': 1, 'draws': 1, 'seed': 0, 'iteration': 0}


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the flags; None takes sys.argv."""
    parser = argparse.ArgumentParser(prog='preview.py', description='See what a training would train on.')
    parser.add_argument('-opt', required=True, help='option file (YAML), for example options/train_esrnet_x4.yml')
    parser.add_argument('-n', type=int, default=16, metavar='N', help='samples on the sheet (16)')
    parser.add_argument('-o', type=Path, metavar='FILE.png',
                        help='the sheet (results/NAME_preview.png); the table goes beside it as .csv')
    parser.add_argument('--draws', type=int, default=1000, metavar='N', help='draws for the distribution (1000)')
    parser.add_argument('--seed', type=int, metavar='N', help='in place of manual_seed')
    parser.add_argument('--iteration', type=int, default=0, metavar='N',
                        help='show what follows after so many iterations (0)')
    parser.add_argument('--overwrite', action='store_true', help='replace files of these names')
    parser.add_argument('--force_yml', nargs='+', action='extend', default=[], metavar='KEY:SUBKEY=VALUE',
                        help='override options, for example degradation:severity=0.5')
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> None:
    """Refuse numbers that mean nothing.

    Raises:
        ValueError: One line: the flag, its value, what is accepted.
    """
    for name, least in LEAST.items():
        value = getattr(args, name)
        if value is not None and value < least:
            raise ValueError(f'{"-" if len(name) == 1 else "--"}{name} {value}; accepted: {least} or more')
    if args.o is not None and args.o.suffix.lower() != '.png':
        raise ValueError(f'-o {args.o}: a contact sheet is a PNG; give a name that ends in .png')
