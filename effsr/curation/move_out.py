"""Moving what a command leaves out to a folder of its own."""
import argparse
from collections.abc import Sequence
from pathlib import Path

from effsr.curation.errors import OutputError, refuse
from effsr.curation.moving import move_file


def check_move_folder(args: argparse.Namespace, inputs: Sequence[Path]) -> None:
    """Refuse a folder to move to that lies in what is read, or that holds it: the next run would read it again.

    Raises:
        ValueError: One line.
    """
    if args.move is None:
        return
    if args.move.exists() and not args.move.is_dir():
        raise ValueError(f'--move {args.move}: is a file; accepted: a folder, new or not')
    target = args.move.resolve()
    for place in inputs:
        folder = place.resolve() if place.is_dir() else place.resolve().parent
        if folder == target or folder in target.parents or target in folder.parents:
            raise ValueError(f'--move {args.move}: lies in {place}, or holds it; accepted: a folder apart from what is '
                             'read')


def move_out(args: argparse.Namespace, chosen: Sequence[tuple[str, Path]], label: str) -> int:
    """Move pictures below --move, under their names, and return how many; nothing without it or under --dry_run.

    Raises:
        ValueError: Some were not moved, since other files of their names are there, say; all others were.
    """
    if args.move is None or args.dry_run:
        return 0
    problems = []
    for name, path in chosen:
        try:
            move_file(path, args.move / name)
        except OutputError:
            raise
        except ValueError as error:
            problems.append(str(error))
    refuse(problems)
    return len(chosen)
