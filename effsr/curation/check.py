"""Decode every picture and look for what breaks or spoils a training: damage, sizes, modes, duplicates, pairs.

-i and --lq are folders, LMDBs, packed sets (compared with their checksums) or tar shards. Exit status 0 if nothing is
wrong; warnings count only with --strict.
"""
import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from effsr.curation.arguments import add_jobs, number, plural
from effsr.curation.errors import SHOWN
from effsr.curation.examine import Seen, examine
from effsr.curation.findings import ERROR, WARNING, Finding, Rules, about_pairs, about_set, modes_of, size_range
from effsr.curation.output import write_whole
from effsr.curation.parallel import Failure, each
from effsr.data.image_source import open_listed, read_list
from effsr.data.storages.opening import AUTO, open_storage
from effsr.data.storages.storage import Storage

FORMAT = 'effsr check'


class Set(NamedTuple):
    """What was seen of one storage: names in order; name -> what was seen, or why it cannot be read."""

    place: str
    kind: str
    names: tuple[str, ...]
    seen: dict[str, Seen]
    broken: dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    parser.add_argument('-i', '--input', required=True, nargs='+', metavar='IN',
                        help='folders, LMDBs, packed sets or tar shards; with --lq one: gt')
    parser.add_argument('--meta_info', metavar='LIST', help='check only the pictures of -i that this list names')
    parser.add_argument('--gt_size', type=number(int, least=0), default=0, metavar='N',
                        help='the crop that the training takes: smaller pictures are errors (0: any size will do)')
    parser.add_argument('--lq', metavar='IN', help='low-quality pictures that -i should make pairs with')
    parser.add_argument('-s', '--scale', type=number(int, least=1), metavar='S', help='how many times larger gt is (4)')
    parser.add_argument('--filename_tmpl', default='{}', metavar='TMPL',
                        help="name of lq without suffix, {} standing for gt's: {}x4")
    parser.add_argument('--val', action='store_true', help='the pairs are for validation, which cuts from gt what the '
                                                           'scale leaves over')
    parser.add_argument('--strict', action='store_true', help='let warnings count as errors')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all findings there, too')
    add_jobs(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status: 1 if something is wrong.

    Raises:
        ValueError: A flag that does not go with the others, or a storage that cannot be opened at all.
    """
    began = time.monotonic()
    _refuse_odd(args)
    _refuse_other_file(args.json)
    sets = [look(storage, args.jobs) for storage in _opened(args)]
    findings = [finding for one, least in zip(sets, _least_sides(args), strict=True)
                for finding in about_set(one.place, one.names, one.seen, one.broken, least, bool(args.lq))]
    if args.lq:
        gt, lq = sets
        rules = Rules(args.scale or 4, args.filename_tmpl, args.val)
        findings += about_pairs(gt.seen, lq.seen, gt.names, lq.names, rules)
    counted = {level: sum(len(one.cases) for one in findings if one.level == level) for level in (ERROR, WARNING)}
    failed = bool(counted[ERROR] or (args.strict and counted[WARNING]))
    if args.json is not None:
        write_whole(args.json, json.dumps(_report(sets, findings, failed), indent=2).encode() + b'\n')
    print('\n'.join(_text(sets, findings)))
    verdict = 'not in order' if failed else 'in order'
    print(f'{verdict}: {plural(sum(len(one.names) for one in sets), "picture")}, {plural(counted[ERROR], "error")}, '
          f'{plural(counted[WARNING], "warning")}, {time.monotonic() - began:,.0f} s')
    return int(failed)


def _opened(args: argparse.Namespace) -> list[Storage]:
    if args.meta_info is None:
        opened = [open_storage(place) for place in args.input]
    else:
        opened = [open_listed(Path(args.input[0]), read_list(args.meta_info), AUTO, 'white')]
    return opened + ([open_storage(args.lq)] if args.lq else [])


def look(storage: Storage, jobs: int) -> Set:
    """Examine all pictures of a storage."""
    seen, broken = {}, {}
    for index, result in each(partial(examine, storage=storage), range(len(storage)), jobs, f'checking {storage.root}'):
        name = storage.names[index]
        if isinstance(result, Failure):
            broken[name] = result.reason
        else:
            seen[name] = result
    return Set(storage.root.as_posix(), storage.kind, storage.names, seen, broken)


def _refuse_odd(args: argparse.Namespace) -> None:
    if args.lq is None and (args.scale is not None or args.filename_tmpl != '{}' or args.val):
        flag = '-s' if args.scale is not None else '--val' if args.val else '--filename_tmpl'
        raise ValueError(f'{flag}: is about pairs; give the low-quality pictures with --lq')
    if len(args.input) > 1 and (args.lq or args.meta_info):
        flag = '--lq' if args.lq else '--meta_info'
        raise ValueError(f'-i: {len(args.input)} inputs, and {flag} belongs to one; check them one by one')
    if args.filename_tmpl.count('{}') != 1 or set(args.filename_tmpl.replace('{}', '')) & set('{}'):
        raise ValueError(f"--filename_tmpl {args.filename_tmpl}: has no place for gt's name; accepted: one {{}} in it, "
                         'as in {}x4')
    if args.lq and args.gt_size % (args.scale or 4):
        raise ValueError(f'--gt_size {args.gt_size}; accepted with --lq: a multiple of the scale {args.scale or 4}')


def _refuse_other_file(path: Path | None) -> None:
    """A report may replace a report, and nothing else that lies under its name."""
    if path is None or not os.path.lexists(path):
        return
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ValueError(f'--json {path}: is there already, and no report of check; give another name')


def _least_sides(args: argparse.Namespace) -> list[int]:
    if args.lq:
        return [args.gt_size, args.gt_size // (args.scale or 4)]
    return [args.gt_size] * len(args.input)


def _text(sets: Sequence[Set], findings: Sequence[Finding]) -> list[str]:
    lines = []
    for one in sets:
        modes = ', '.join(f'{count:,} {mode}' for mode, count in modes_of(one.seen).most_common())
        turned = sum(seen.turned for seen in one.seen.values())
        lines.append(f'{one.place} ({one.kind}): {plural(len(one.names), "picture")}, {size_range(one.seen)}; {modes}'
                     + (f'; {turned:,} turned upright by EXIF' if turned else ''))
    for finding in findings:
        lines.append(f'{finding.level} ({len(finding.cases):,}): {finding.kind}')
        lines += [f'    {case}' for case in finding.cases[:SHOWN]]
        if len(finding.cases) > SHOWN:
            lines.append(f'    ... and {len(finding.cases) - SHOWN:,} more')
    return lines


def _report(sets: Sequence[Set], findings: Sequence[Finding], failed: bool) -> Mapping[str, Any]:
    return {
        'format': FORMAT, 'version': 1, 'failed': failed,
        'sets': [{'place': one.place, 'kind': one.kind, 'pictures': len(one.names), 'readable': len(one.seen),
                  'modes': dict(modes_of(one.seen)), 'formats': _counts(one, 'format'),
                  'sizes': {f'{w}x{h}': count for (h, w), count in _counts(one, 'size').items()},
                  'turned': sum(seen.turned for seen in one.seen.values())} for one in sets],
        'findings': [{'level': one.level, 'kind': one.kind, 'count': len(one.cases), 'cases': one.cases}
                     for one in findings],
    }


def _counts(one: Set, attribute: str) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for seen in one.seen.values():
        counts[getattr(seen, attribute)] = counts.get(getattr(seen, attribute), 0) + 1
    return counts
