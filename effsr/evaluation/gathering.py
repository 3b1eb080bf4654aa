"""From what was computed to an Evaluation: means over whole sets, reasons where there is none, differences."""
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from effsr.evaluation.bootstrap import paired_difference
from effsr.evaluation.plan import Plan
from effsr.evaluation.preparing import GREY, set_notes
from effsr.evaluation.results import Difference, Evaluation, SetInfo
from effsr.evaluation.running import Found
from effsr.evaluation.sets import PictureSet
from effsr.metrics.scorer import MetricInfo

NO_TRUTH = 'the set has no ground truth'
NO_PICTURES = 'no pictures of this set'

Table = dict[str, dict[str, dict[str, Any]]]


def gather(plan: Plan, found: Found, head: tuple[str, ...], settings: Mapping[str, Any],
           environment: Mapping[str, Any]) -> Evaluation:
    """Put everything together.

    Args:
        plan: What was to be done.
        found: What was.
        head: Lines that stand above those about sets and metrics.
        settings: As asked for.
        environment: Versions and machine.
    """
    sets = tuple(_set_info(plan, pictures, found) for pictures in plan.sets)
    values: Table = {}
    whole: Table = {}
    missing: Table = {}
    for info in sets:
        for entrant in plan.entrants:
            name = entrant.name
            mine = {metric.name: _column(info, name, metric.name, found) for metric in plan.metrics
                    if metric.per_image}
            values.setdefault(info.name, {})[name] = mine
            means, reasons = {}, {}
            for metric in plan.metrics:
                means[metric.name], reason = _whole(plan, info, name, metric, mine.get(metric.name), found)
                if reason:
                    reasons[metric.name] = reason
            whole.setdefault(info.name, {})[name] = means
            missing.setdefault(info.name, {})[name] = reasons
    return Evaluation(
        (*head, *head_of(plan, found, sets)), tuple(entrant.contestant for entrant in plan.entrants), sets,
        plan.metrics, values, whole, missing, plan.baseline, _differences(plan, values), _pictures(plan, found),
        dict(settings), dict(environment))


def head_of(plan: Plan, found: Found, sets: tuple[SetInfo, ...]) -> tuple[str, ...]:
    """Lines about the pictures and how they are compared."""
    border = (f'{plan.way.border} pixels left out at each side of every picture' if plan.way.border
              else 'none left out: whole pictures')
    lines = [f'Scale {plan.way.scale}; results rounded to 8 bits; border: {border}']
    for info in sets:
        truth = '' if info.has_gt else ', no ground truth'
        count = f'{len(info.pictures)} picture{"s" if len(info.pictures) > 1 else ""}'
        lines.append(f'{info.name}: {count}{truth}; low resolution: {info.made}')
        lines += [f'{info.name}: {note}' for note in info.notes]
    lines += [f'{metric.label}: {metric.how}; {metric.better} is better' for metric in plan.metrics]
    grey = [place for place, one in found.prepared.items() if GREY in one.traits]
    by_value = [place for place in grey if plan.way.by_value(*place)]
    for places, how in ((by_value, 'by their grey value, the result by 0.299 R + 0.587 G + 0.114 B'),
                        ([place for place in grey if place not in by_value],
                         'as three equal channels, whose luma is 16 + value * 219 / 255')):
        if places:
            lines.append(f'Grey ground truth, for metrics on luma, {how}: {", ".join(map("/".join, places))}')
    return tuple(lines)


def _set_info(plan: Plan, pictures: PictureSet, found: Found) -> SetInfo:
    prepared = [found.prepared[pictures.name, entry.name] for entry in pictures.entries]
    made = f'as given in {pictures.folders.lr.as_posix()}' if pictures.folders.lr else plan.recipe.made
    return SetInfo(pictures.name, tuple(entry.name for entry in pictures.entries), plan.way.scale,
                   pictures.folders.hr is not None, made, plan.way.border, set_notes(prepared, plan.way.scale))


def _column(info: SetInfo, name: str, metric: str, found: Found) -> tuple[float | None, ...]:
    scored = (found.scored.get((info.name, name, picture)) for picture in info.pictures)
    return tuple(None if one is None else one.values.get(metric) for one in scored)


def _whole(plan: Plan, info: SetInfo, name: str, metric: MetricInfo, column: tuple[float | None, ...] | None,
           found: Found) -> tuple[float | None, str]:
    """The figure of a set, or None and the reason: no mean of some pictures passes for that of all."""
    places = [(info.name, name, picture) for picture in info.pictures]
    failed = [found.failed[place] for place in places if place in found.failed]
    if failed:
        return None, f'{len(failed)} of {len(places)} pictures failed: {failed[0]}'
    if not any(place in found.scored for place in places):
        return None, f'{NO_PICTURES} in {plan_source(plan, name)}'
    if metric.name in plan.unavailable:
        return None, plan.unavailable[metric.name]
    if metric.needs_gt and not info.has_gt:
        return None, NO_TRUTH
    if column is None:
        value = found.whole.get((info.name, name, metric.name))
        return value, '' if value is not None else found.reasons.get((info.name, name, metric.name), 'not computed')
    if None in column:
        reasons = [found.scored[place].reasons.get(metric.name, 'not computed') for place, value
                   in zip(places, column, strict=True) if value is None]
        return None, f'{len(reasons)} of {len(places)} pictures have no value: {reasons[0]}'
    return sum(column) / len(column), ''


def plan_source(plan: Plan, name: str) -> str:
    """Where a contestant lies."""
    return next(entrant.contestant.source for entrant in plan.entrants if entrant.name == name)


def _differences(plan: Plan, values: Table) -> dict[str, dict[str, dict[str, Difference]]]:
    found: dict[str, dict[str, dict[str, Difference]]] = {}
    for name, contestants in values.items():
        base = contestants[plan.baseline]
        for contestant, columns in contestants.items():
            if contestant != plan.baseline:
                found.setdefault(name, {})[contestant] = {
                    metric: paired_difference(column, base[metric]) for metric, column in columns.items()
                    if _finite(column) and _finite(base[metric])}
    return found


def _finite(column: tuple[float | None, ...]) -> bool:
    return all(value is not None and isfinite(value) for value in column)


def _pictures(plan: Plan, found: Found) -> dict[str, dict[str, dict[str, Path]]]:
    shown: dict[str, dict[str, dict[str, Path]]] = {}
    for pictures in plan.sets:
        for entry in pictures.entries:
            prepared = found.prepared[pictures.name, entry.name]
            row = {'lq': prepared.lq} | ({'gt': prepared.gt} if prepared.gt else {})
            for entrant in plan.entrants:
                scored = found.scored.get((pictures.name, entrant.name, entry.name))
                if scored is not None:
                    row[entrant.name] = scored.path
            shown.setdefault(pictures.name, {})[entry.name] = row
    return shown
