"""What is to be evaluated, looked at as a whole before anything long starts."""
import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from effsr.evaluation.contestants import Entrant, check_scales, enter, given_results
from effsr.evaluation.low_quality import Recipe, read_recipe
from effsr.evaluation.scoring import GREY_VALUE, Way
from effsr.evaluation.sets import PictureSet, SetFolders, open_set, parse_sets, scale_of
from effsr.inference.upscaling import choose_device
from effsr.metrics.catalogue import describe, metric_names, open_metric
from effsr.metrics.scorer import MetricInfo, MetricSettings, Unavailable

DEFAULT_SCALE = 4
GREY_LUMA = 'luma'


@dataclass(frozen=True)
class Plan:
    """An evaluation to be carried out.

    Attributes:
        entrants: Those compared.
        sets: Over which pictures.
        given: (set, contestant) -> picture -> file of the results made elsewhere.
        recipe: Of low-resolution pictures that are not given.
        way: How results are made and scored.
        metrics: All that were asked for.
        identities: Metric -> what its values depend on; of those that can be computed here.
        unavailable: Metric -> why it cannot be.
        baseline: Name of one of the entrants.
        processes: How many.
    """

    entrants: tuple[Entrant, ...]
    sets: tuple[PictureSet, ...]
    given: Mapping[tuple[str, str], Mapping[str, Path]]
    recipe: Recipe
    way: Way
    metrics: tuple[MetricInfo, ...]
    identities: Mapping[str, str]
    unavailable: Mapping[str, str]
    baseline: str
    processes: int


def make_plan(args: argparse.Namespace) -> Plan:
    """Look at all that was asked for.

    Raises:
        ValueError: One line for each mistake: a model, a set, a metric, sizes or names that do not match.
    """
    sys.path.append(str(Path.cwd()))
    for module in args.modules:
        try:
            import_module(module)
        except ImportError as error:
            raise ValueError(f'--import {module}: {error}') from error
    infos = _metrics(args.metrics)
    folders = parse_sets(args.sets)
    entrants = enter(args.models)
    baseline = args.baseline or entrants[0].name
    if baseline not in [entrant.name for entrant in entrants]:
        raise ValueError(f'--baseline {baseline}: is none of those compared; accepted: '
                         f'{", ".join(entrant.name for entrant in entrants)}')
    scale = args.scale or _scale(entrants, folders)
    check_scales(entrants, scale)
    if args.degrade and all(place.lr is not None for place in folders):
        raise ValueError(f'--degrade {args.degrade}: every -d names low-resolution pictures of its own; leave one or '
                         'the other out')
    recipe = read_recipe(args.degrade, scale, args.seed)
    sets = tuple(open_set(place, recipe) for place in folders)
    _refuse_work_inside(args.work, folders)
    given = given_results(entrants, sets, scale)
    border = scale if args.border is None else args.border
    device = choose_device(args.device).type
    settings = MetricSettings(_weights(args.metric_weights), args.download, device, args.pyiqa)
    identities, opened, unavailable = _opened(infos, border, settings)
    way = Way(scale, border, {info.name: identities[info.name] for info in opened if info.per_image
                              and info.name in identities},
              frozenset(info.name for info in opened if info.needs_gt), settings, _grey(args.grey, sets), args.tile,
              args.tile_pad, device, tuple(args.modules), args.work)
    return Plan(entrants, sets, given, recipe, way, opened, identities, unavailable, baseline,
                args.processes if device == 'cpu' else 1)


def _refuse_work_inside(work: Path, folders: Sequence[SetFolders]) -> None:
    """The next run would take results for pictures of the set."""
    for place in folders:
        for folder in filter(None, (place.hr, place.lr)):
            if folder.resolve() in (work.resolve(), *work.resolve().parents):
                raise ValueError(f'--work {work}: lies in {folder} of -d {place.name}; accepted: a folder outside of '
                                 'what is read')


def _metrics(names: Sequence[str]) -> tuple[MetricInfo, ...]:
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice:
        raise ValueError(f'--metrics: {twice} is given twice; give it once')
    try:
        return tuple(describe(name) for name in names)
    except ValueError as error:
        raise ValueError(f'--metrics: {error}') from error


def _scale(entrants: Sequence[Entrant], folders: Sequence[SetFolders]) -> int:
    """That of the first weights; else of a set that has both pictures; else 4."""
    own = next((entrant.contestant.scale for entrant in entrants if entrant.contestant.scale), None)
    return own or scale_of(folders) or DEFAULT_SCALE


def _grey(names: Sequence[str], sets: Sequence[PictureSet]) -> tuple[str, ...]:
    """--grey: none for luma, 'value' for all, or pictures, which must be there."""
    if list(names) in ([GREY_LUMA], [GREY_VALUE]):
        return tuple(name for name in names if name != GREY_LUMA)
    known = {text for pictures in sets for entry in pictures.entries
             for text in (entry.name, f'{pictures.name}/{entry.name}')}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            raise ValueError(f'--grey {name}: no picture of this name; accepted: {GREY_LUMA}, {GREY_VALUE}, or names '
                             f'of pictures without suffix{f"; nearest: {near[0]}" if near else ""}')
    return tuple(names)


def _weights(texts: Sequence[str]) -> dict[str, str]:
    """--metric_weights NAME=FILE."""
    weights = {}
    for text in texts:
        name, _, file = text.partition('=')
        if name not in metric_names():
            near = difflib.get_close_matches(name, metric_names(), 1)
            raise ValueError(f'--metric_weights {text}: no metric is named {name!r}; accepted: NAME=FILE, as '
                             f'lpips=alexnet.pth{f"; nearest: {near[0]}" if near else ""}')
        if not file or not Path(file).is_file():
            raise ValueError(f'--metric_weights {text}: {f"{file}: no such file" if file else "no file"}; accepted: '
                             'NAME=FILE, as lpips=alexnet.pth')
        weights[name] = file
    return weights


def _opened(infos: Sequence[MetricInfo], border: int, settings: MetricSettings,
            ) -> tuple[dict[str, str], tuple[MetricInfo, ...], dict[str, str]]:
    """Identities of the metrics that can be opened here, what all are, and why the others cannot."""
    identities, told, reasons = {}, [], {}
    for info in infos:
        try:
            with open_metric(info.name, border, settings) as scorer:
                identities[info.name] = scorer.identity
                told.append(scorer.info)
        except Unavailable as error:
            reasons[info.name] = ' '.join(str(error).split())
            told.append(describe(info.name, border))
    return identities, tuple(told), reasons
