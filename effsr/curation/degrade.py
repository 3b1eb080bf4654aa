"""Make pairs of ground truth and low quality with the training's degradation, several of each picture.

Writes OUT/gt and OUT/lq (PNG, the same names), for a RealESRGANPairedDataset with dataroot_gt: OUT/gt and dataroot_lq:
OUT/lq, and OUT/parameters.jsonl: a line for each pair with its seed and all that was drawn. A pair depends on --seed,
on the picture's name and on its number alone. gt is written as it is: where the training sharpens (USM) what it
degrades, lq is made from the sharpened picture. A severity that follows a schedule is taken at its end.
"""
import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from effsr.curation.arguments import add_common, number, plural, refuse_shared_targets, sources, summary
from effsr.curation.degraded_pairs import SMALLEST_LQ, Recipe, make_pairs, pair_stems
from effsr.curation.lists import write_reports
from effsr.curation.output import Output
from effsr.curation.parallel import Failure, each, tell
from effsr.data.image_io import ALPHA_RULES
from effsr.data.storages.storage import in_order
from effsr.data.worker_pairs import sharpened
from effsr.degradations import DegradationSettings
from effsr.options import OptionError, load_options, locate

LABEL = 'prepare degrade'
PARTS = ('gt', 'lq')
REPORT = 'parameters.jsonl'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's flags."""
    add_common(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument('-opt', metavar='FILE', help='option file (YAML) whose degradation, scale and gt_usm to take')
    what.add_argument('-s', '--scale', type=number(int, least=1), metavar='S',
                      help="without an option file: the scale (4); the degradation has Real-ESRGAN's defaults")
    parser.add_argument('--force_yml', nargs='+', action='extend', default=[], metavar='KEY:SUBKEY=VALUE',
                        help='override options, for example degradation:severity=0.5')
    parser.add_argument('--no_usm', action='store_true', help='degrade the picture as it is, not sharpened')
    parser.add_argument('--per_image', type=number(int, least=1), default=1, metavar='K',
                        help='pairs of each picture (1)')
    parser.add_argument('--crop', type=number(int, least=0), default=0, metavar='N',
                        help='cut a random square of this side from each (0: the whole picture)')
    parser.add_argument('--seed', type=number(int, least=0), default=0, metavar='N', help='other pairs (0)')
    parser.add_argument('--alpha', choices=ALPHA_RULES, default='white', help='what to do with transparency (white)')


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status.

    Raises:
        ValueError: A bad option file, a missing or empty folder, an output that holds other files.
    """
    began = time.monotonic()
    recipe = read_recipe(args)
    chosen = sources(args)
    targets = {name: [f'{part}/{stem}.png' for stem in pair_stems(name, recipe.per_image) for part in PARTS]
               for name, _ in chosen}
    refuse_shared_targets(targets)
    with Output(args.output, LABEL, recipe.plain(), PARTS, dry_run=args.dry_run) as output:
        left = output.pending(chosen)
        output.refuse_others([file for name, _ in left for file in targets[name]])
        if args.dry_run:
            print(f'dry run: {plural(len(left), "picture")} of {len(chosen):,} to do, the others are done -> '
                  f'{plural(len(left) * recipe.per_image, "pair")} more in {args.output}; nothing was written')
            return 0
        failed = _work(output, left, targets, partial(make_pairs, recipe=recipe, folder=args.output), args.jobs)
        done = [name for name, _ in chosen if name in output.done]
        print(summary(len(done), len(done) * recipe.per_image, 'pair', args.output, {'{} cannot be used': failed},
                      time.monotonic() - began))
        if failed and (args.on_error == 'fail' or not done):
            print(f'{LABEL}: {plural(failed, "picture")} of {len(chosen):,} cannot be used, named above; mend or '
                  'remove them, or give --on_error skip, then run the same command again to finish', file=sys.stderr)
            return 1
        write_reports(output, {REPORT: _report(output, chosen)})
        output.commit()
    return 0


def read_recipe(args: argparse.Namespace) -> Recipe:
    """What the flags and the option file ask for.

    Raises:
        ValueError: One line for each mistake.
    """
    if args.force_yml and args.opt is None:
        raise ValueError('--force_yml: overrides an option file; give one with -opt')
    settings, scale, sharpen = DegradationSettings(), args.scale or 4, True
    if args.opt is not None:
        try:
            options = load_options(args.opt, args.force_yml, check_files=False)
        except OptionError as error:
            raise ValueError(locate(str(error), args.opt, args.force_yml)) from error
        if not options.high_order_degradation:
            raise ValueError(f'{args.opt}: high_order_degradation is false: this run degrades nothing; give an option '
                             'file of a run that does, or -s')
        settings, scale, sharpen = options.degradation, options.scale, sharpened(options)
    if args.crop % scale or 0 < args.crop < SMALLEST_LQ * scale:
        raise ValueError(f'--crop {args.crop}; accepted: 0, or a multiple of the scale {scale} from '
                         f'{SMALLEST_LQ * scale}')
    return Recipe(settings, scale, sharpen and not args.no_usm, args.per_image, args.crop, args.seed, args.alpha)


def _work(output: Output, left: Sequence[tuple[str, Path]], targets: Mapping[str, Sequence[str]], do: Any,
          jobs: int) -> int:
    """Return how many pictures cannot be used; each is told."""
    def begun() -> Iterator[tuple[str, Path]]:
        for name, path in left:
            output.begin(name, targets[name])
            yield name, path

    failed = 0
    for (name, path), rows in each(do, begun(), jobs, LABEL):
        if isinstance(rows, Failure):
            tell(f'{LABEL}: {rows.reason}')
            failed += 1
        else:
            output.note(name, path, targets[name], rows)
    return failed


def _report(output: Output, chosen: Sequence[tuple[str, Path]]) -> str:
    """A line for each pair that lies there; of pictures that are gone, whose pairs stay, as in the last report."""
    rows = {name: output.done[name] for name, _ in chosen if name in output.done}
    gone: dict[str, list[dict[str, Any]]] = {}
    for line in _lines(output.folder / REPORT):
        row = json.loads(line)
        if row['source'] not in rows and (output.folder / 'gt' / row['name']).is_file():
            gone.setdefault(row['source'], []).append(row)
    if gone:
        tell(f'note: {output.folder} keeps the pairs of {plural(len(gone), "picture")} no longer among those given, '
             f'such as {min(gone)}')
    rows |= gone
    return ''.join(f'{json.dumps(row)}\n' for name in in_order(list(rows)) for row in rows[name])


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding='utf-8').splitlines() if path.is_file() else []
