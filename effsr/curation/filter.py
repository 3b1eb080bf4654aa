"""Score every picture and list those worth training on: not blurred, flat, over-compressed or too small.

OUT/scores.csv has all scores and, for each picture that is left out, why; OUT/kept.txt lists the others, for
`meta_info:` of a dataset. The scores are kept too: with other thresholds the same command takes seconds. Nothing is
moved unless --move asks for it, and nothing is ever deleted.
"""
import argparse
import csv
import io
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from effsr.curation.arguments import add_common, number, plural, sources
from effsr.curation.lists import kept_lists, lists_of, write_reports
from effsr.curation.move_out import check_move_folder, move_out, with_rows_of_moved
from effsr.curation.output import Output
from effsr.curation.parallel import Failure, each, tell
from effsr.curation.scores import picture_scores

LABEL = 'prepare filter'
REPORT = 'scores.csv'
VERSION = 1  # of the scores: those of another one are not taken over
SCORES = ('height', 'width', 'sharpness', 'flatness', 'blockiness', 'quality', 'noise')


class Threshold(NamedTuple):
    """One rule.

    Attributes:
        flag: Without the dashes.
        score: Of :func:`.scores.picture_scores`, or 'side', the shorter one.
        least: Whether it is the smallest value accepted, not the largest.
        default: None: off.
        word: What a picture that breaks it is called.
        text: What the score is, and its unit.
    """

    flag: str
    score: str
    least: bool
    default: float | None
    word: str
    text: str


THRESHOLDS = (
    Threshold('min_size', 'side', True, 256, 'too small', 'shorter side in pixels'),
    Threshold('min_sharpness', 'sharpness', True, 0.7, 'blurred',
              'fine detail against coarser detail where there is most of it, a ratio; photographs have 0.9 to 2.2, '
              'blurred by 1 pixel 0.6 to 0.8'),
    Threshold('max_flatness', 'flatness', False, 0.7, 'flat', 'share of 16x16 blocks without content, 0 to 1'),
    Threshold('max_blockiness', 'blockiness', False, 0.6, 'blocky',
              'steps on an 8x8 grid in levels of 255; JPEG of quality 90 has up to 0.4, of 20 0.8 to 2'),
    Threshold('min_quality', 'quality', True, 50, 'over-compressed',
              'JPEG quality, 1 to 100, by the tables of a file that is a JPEG'),
    Threshold('max_noise', 'noise', False, None, 'noisy',
              'standard deviation in levels of 255; fine texture counts as noise'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    add_common(parser, 'folder for kept.txt and scores.csv')
    for rule in THRESHOLDS:
        default = 'off' if rule.default is None else f'{rule.default:g}'
        parser.add_argument(f'--{rule.flag}', type=number(float, least=0), default=rule.default, metavar='X',
                            help=f'leave out what is {rule.word}: {rule.text} ({default}'
                                 f'{"; 0: off" if rule.least and rule.default else ""})')
    parser.add_argument('--move', type=Path, metavar='DIR', help='move what is left out there; nothing is deleted')


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status.

    Raises:
        ValueError: A missing or empty folder; the output holds other files; a picture that cannot be moved.
    """
    began = time.monotonic()
    chosen = sources(args)
    check_move_folder(args, args.input)
    lists = kept_lists(args.input, chosen)
    limits = {rule.flag: getattr(args, rule.flag) for rule in THRESHOLDS}
    with Output(args.output, LABEL, {'scores': VERSION}, dry_run=args.dry_run) as output:
        scores, broken = _score_all(output, chosen, args)
        if broken and args.on_error == 'fail':
            print(f'{LABEL}: {plural(len(broken), "picture")} of {len(chosen):,} cannot be read, see above; no list '
                  'was written, nothing was moved; mend or remove them, or give --on_error skip', file=sys.stderr)
            return 1
        why = {name: reasons(scores[name], limits) for name, _ in chosen if name in scores}
        out = [(name, path) for name, path in chosen if why.get(name)]
        kept = {path for name, path in chosen if name in scores and not why[name]}
        if not args.dry_run:
            names = [name for name, _ in chosen]
            table = with_rows_of_moved(_table(names, scores, why, broken), args.output / REPORT, set(names), args.move)
            write_reports(output, {REPORT: table, **lists_of(lists, kept)})
        moved = move_out(args, out, LABEL)
        if not args.dry_run:
            output.commit()
    print(_summary(args, len(chosen), len(kept), why, len(broken), moved, time.monotonic() - began))
    return 0


def reasons(scores: Mapping[str, Any], limits: Mapping[str, float | None]) -> list[str]:
    """The words of all rules that a picture breaks.

    Args:
        scores: Of one picture.
        limits: Flag of each of THRESHOLDS -> value; None: off. A score that is None breaks no rule.
    """
    values = {**scores, 'side': min(scores['height'], scores['width'])}
    words = []
    for rule in THRESHOLDS:
        value, limit = values[rule.score], limits[rule.flag]
        if value is not None and limit is not None and (value < limit if rule.least else value > limit):
            words.append(rule.word)
    return words


def _score_all(output: Output, chosen: Sequence[tuple[str, Path]],
               args: argparse.Namespace) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Scores by name, those of an earlier run taken over; and what cannot be read, told."""
    left = output.pending(chosen)
    missing = {name for name, _ in left}
    scores = {name: output.done[name] for name, _ in chosen if name not in missing}
    broken = {}
    for (name, path), result in each(_score, left, args.jobs, 'scoring'):
        if isinstance(result, Failure):
            broken[name] = result.reason
            tell(f'{LABEL}: {result.reason}')
            continue
        scores[name] = result
        if not args.dry_run:
            output.note(name, path, [], result)
    return scores, broken


def _score(source: tuple[str, Path]) -> dict[str, Any]:
    return picture_scores(source[1])


def _table(names: Sequence[str], scores: Mapping[str, Mapping[str, Any]], why: Mapping[str, Sequence[str]],
           broken: Mapping[str, str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['name', *SCORES, 'left_out'])
    for name in names:
        if name in broken:
            writer.writerow([name, *[''] * len(SCORES), f'cannot be read: {broken[name]}'])
        else:
            values = ['' if scores[name][score] is None else scores[name][score] for score in SCORES]
            writer.writerow([name, *values, ', '.join(why[name])])
    return text.getvalue()


def _summary(args: argparse.Namespace, total: int, kept: int, why: Mapping[str, Sequence[str]], broken: int,
             moved: int, seconds: float) -> str:
    counts = Counter(word for words in why.values() for word in words)
    parts = [f'{counts[rule.word]:,} {rule.word}' for rule in THRESHOLDS if counts[rule.word]]
    parts += [f'{broken:,} cannot be read'] if broken else []
    where = f'{args.output} (dry run: nothing written)' if args.dry_run else args.output
    after = f', moved {moved:,} to {args.move}' if moved else ''
    return (f'{plural(total, "picture")} -> {kept:,} kept in {where} ({", ".join(parts) or "none left out"}){after}, '
            f'{seconds:,.0f} s')
