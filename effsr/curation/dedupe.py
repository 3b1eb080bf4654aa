"""Find copies and crops of the same picture, also of a validation set, and list what to keep.

OUT/kept.txt lists the pictures to train on, for `meta_info:` of a dataset; OUT/duplicates.csv says what is left out and
why. Nothing is moved unless --move asks for it, and nothing is ever deleted.

Found are pictures of the same bytes; copies of the whole (compressed, scaled, stretched, brightened, mirrored, turned
by 90 degrees) by a perceptual hash; and crops, also scaled, mirrored or turned, by local features. Both are confirmed
by laying one picture on the other.
"""
import argparse
import csv
import io
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from effsr.curation.arguments import add_common, number, plural, sources
from effsr.curation.keepers import LeftOut, choose_keepers
from effsr.curation.lists import kept_lists, lists_of, write_reports
from effsr.curation.move_out import check_move_folder, move_out, with_rows_of_moved
from effsr.curation.near import find_near
from effsr.curation.output import Output
from effsr.curation.parallel import Failure, each, tell
from effsr.curation.sketch import Sketch, make_sketch
from effsr.data.image_io import list_images

LABEL = 'prepare dedupe'
REPORT = 'duplicates.csv'
COLUMNS = ('name', 'why', 'same_as', 'kind', 'share', 'share_of_other', 'hash_bits', 'agreement')
WHY = {True: 'shows a held-out picture', False: 'shows the same'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    add_common(parser, 'folder for kept.txt and duplicates.csv')
    parser.add_argument('--against', nargs='+', action='extend', default=[], type=Path, metavar='VALDIR',
                        help='folders of held-out pictures: whatever shows a part of one is left out')
    parser.add_argument('--overlap', type=number(float, above=0, most=1), default=0.5, metavar='SHARE',
                        help='leave out what shows, for at least this share of its area, the same as one that is kept '
                             '(0.5)')
    parser.add_argument('--no_crops', action='store_true', help='look for copies of the whole only; several times '
                                                                 'faster')
    parser.add_argument('--move', type=Path, metavar='DIR', help='move what is left out there; nothing is deleted')


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status.

    Raises:
        ValueError: Missing or empty folders; the output holds other files; a picture that cannot be moved.
    """
    began = time.monotonic()
    own = sources(args)
    held = _held_out(args, {path.resolve() for _, path in own})
    check_move_folder(args, [*args.input, *args.against])
    lists = kept_lists(args.input, own)
    with Output(args.output, LABEL, {}, dry_run=args.dry_run) as output:
        output.refuse_others([REPORT, *lists])
        sketches, broken = _sketch_all([path for _, path in own] + held, not args.no_crops, args.jobs)
        if broken and args.on_error == 'fail':
            print(f'{LABEL}: {plural(len(broken), "picture")} of {len(own) + len(held):,} cannot be read, see above; '
                  'nothing was written or moved; mend or remove them, or give --on_error skip', file=sys.stderr)
            return 1
        names = {path: name for name, path in own}
        count = sum(sketch.path in names for sketch in sketches)
        out = choose_keepers(sketches, count, find_near(sketches, count, args.jobs) if sketches else [], args.overlap)
        kept = {sketch.path for i, sketch in enumerate(sketches[:count]) if i not in out}
        if not args.dry_run:
            unread = {path: reason for path, reason in broken.items() if path in names}
            table = with_rows_of_moved(_table(sketches, count, out, names, unread), args.output / REPORT,
                                       set(names.values()), args.move)
            write_reports(output, {REPORT: table, **lists_of(lists, kept)})
        chosen = [(names[sketches[i].path], sketches[i].path) for i in sorted(out)]
        moved = move_out(args, chosen, LABEL)
        if not args.dry_run:
            output.commit()
    print(_summary(args, len(own), len(kept), count, out, len(broken), moved, time.monotonic() - began))
    return 0


def _held_out(args: argparse.Namespace, own: set[Path]) -> list[Path]:
    held = [path for folder in args.against for path in list_images(folder)]
    both = [path for path in held if path.resolve() in own]
    if both:
        raise ValueError(f'--against: {both[0]} is itself a picture of -i ({len(both):,} of {len(held):,} are); give '
                         'folders apart from each other')
    return held


def _sketch_all(paths: Sequence[Path], with_parts: bool, jobs: int) -> tuple[list[Sketch], dict[Path, str]]:
    """Sketches in the order of the paths; and those that cannot be read, told, with the reason."""
    sketches, broken = [], {}
    for path, result in each(partial(make_sketch, with_parts=with_parts), paths, jobs, 'reading'):
        if isinstance(result, Failure):
            broken[path] = result.reason
            tell(f'{LABEL}: {result.reason}')
        else:
            sketches.append(result)
    return sketches, broken


def _table(sketches: Sequence[Sketch], count: int, out: dict[int, LeftOut], names: dict[Path, str],
           broken: dict[Path, str]) -> str:
    """The report: one row for each picture that is left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(COLUMNS)
    for own, (by, near) in sorted(out.items()):
        shares = near.shares if near.one == own else near.shares[::-1]
        other = sketches[by].path
        writer.writerow([names[sketches[own].path], WHY[by >= count], names.get(other, other.as_posix()), near.kind,
                         f'{shares[0]:.3f}', f'{shares[1]:.3f}', '' if near.bits is None else near.bits,
                         f'{near.agreement:.3f}'])
    writer.writerows([names[path], f'cannot be read: {reason}', *[''] * 6] for path, reason in broken.items())
    return text.getvalue()


def _summary(args: argparse.Namespace, total: int, kept: int, count: int, out: dict[int, LeftOut], broken: int,
             moved: int, seconds: float) -> str:
    reasons = Counter('held out' if entry.by >= count else entry.near.kind for entry in out.values())
    parts = [text.format(f'{times:,}') for text, times in (
        ('{} show held-out pictures', reasons['held out']), ('{} of the same bytes', reasons['exact']),
        ('{} copies', reasons['copy']), ('{} crops', reasons['part']), ('{} cannot be read', broken)) if times]
    where = f'{args.output} (dry run: nothing written)' if args.dry_run else args.output
    after = f', moved {moved:,} to {args.move}' if moved else ''
    return (f'{plural(total, "picture")} -> {kept:,} kept in {where} ({"; ".join(parts) or "no duplicates"}){after}, '
            f'{seconds:,.0f} s')
