"""Moving what a command leaves out to a folder of its own."""
import argparse
import csv
import io
from collections.abc import Collection, Sequence
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


def links_first(chosen: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Pictures in the order to move them: a link to one of the others leads nowhere once that is moved."""
    return sorted(chosen, key=lambda source: not source[1].is_symlink())


def move_out(args: argparse.Namespace, chosen: Sequence[tuple[str, Path]], label: str) -> int:
    """Move pictures below --move, under their names, and return how many; nothing without it or under --dry_run.

    Raises:
        ValueError: Some were not moved, since other files of their names are there, say; all others were.
    """
    if args.move is None or args.dry_run:
        return 0
    problems = []
    for name, path in links_first(chosen):
        try:
            move_file(path, args.move / name)
        except OutputError:
            raise
        except ValueError as error:
            problems.append(str(error))
    refuse(problems)
    return len(chosen)


def with_rows_of_moved(table: str, earlier: Path, present: Collection[str], moved_to: Path | None) -> str:
    """A report with the rows of pictures that an earlier run moved away: else why they were left out would be lost.

    Args:
        table: The report, CSV with the names first.
        earlier: The report of the run before, if there is one.
        present: Names that are still there.
        moved_to: The folder of --move.
    """
    if moved_to is None or not earlier.is_file():
        return table
    with earlier.open(encoding='utf-8', newline='') as file:
        rows = [row for row in list(csv.reader(file))[1:] if row and row[0] not in present
                and (moved_to / row[0]).is_file()]
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return table + text.getvalue()
