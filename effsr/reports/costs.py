"""What each contestant costs: the plots of quality against cost, and a table."""
import math
from collections.abc import Callable, Mapping
from html import escape
from typing import NamedTuple, Protocol

from effsr.evaluation.results import Evaluation, SetInfo
from effsr.metrics.catalogue import MetricInfo
from effsr.reports.plots import Labels, Level, Point, scatter
from effsr.reports.words import ARROWS, NOTHING, count_words, milliseconds_words, significant, value_words

MIB = 2**20


class Seconds(Protocol):
    """A measured time: median, lowest and highest."""

    median: float
    low: float
    high: float


class Cost(Protocol):
    """What is read of a contestant's cost; benchmarks.quick_costs gives such rows."""

    parameters: int
    macs: int
    activations: int
    seconds: Seconds
    peak_memory: int | None


class Kind(NamedTuple):
    """One sort of cost: the axis's words, its value with lowest and highest, how it is printed."""

    name: str
    axis: str
    value: Callable[[Cost], tuple[float, float | None, float | None]]
    words: Callable[[float], str]


KINDS = (
    Kind('latency', 'Latency, ms', lambda cost: (cost.seconds.median, cost.seconds.low, cost.seconds.high),
         milliseconds_words),
    Kind('parameters', 'Parameters', lambda cost: (cost.parameters, None, None), count_words),
    Kind('FLOPs', 'FLOPs (2 × MACs)', lambda cost: (2 * cost.macs, None, None), count_words),
)


def plot_figures(evaluation: Evaluation, costs: Mapping[str, Cost]) -> list[tuple[str, str, str]]:
    """(set, metric, HTML of three plots side by side) wherever a contestant with costs has a figure."""
    found = []
    for info in evaluation.sets:
        for metric in evaluation.metrics:
            plots = [plot for kind in KINDS if (plot := _plot(evaluation, info, metric, kind, costs))]
            if plots:
                found.append((info.name, metric.name, ''.join(f'<figure>{plot}</figure>' for plot in plots)))
    return found


def _plot(evaluation: Evaluation, info: SetInfo, metric: MetricInfo, kind: Kind, costs: Mapping[str, Cost]) -> str:
    points, levels = [], []
    for contestant in evaluation.contestants:
        quality = evaluation.whole.get(info.name, {}).get(contestant.name, {}).get(metric.name)
        if quality is None or not math.isfinite(quality):
            continue
        cost = costs.get(contestant.name)
        if cost is None:
            levels.append(Level(contestant.name, quality))
        elif kind.value(cost)[0] > 0:
            points.append(Point(contestant.name, kind.value(cost)[0], quality, *kind.value(cost)[1:]))
    if not points:
        return ''
    title = f'{metric.label} on {info.name} against {kind.name}'
    unit = f'{metric.label}{", " + metric.unit if metric.unit else ""} {ARROWS[metric.better]}'
    return scatter(points, levels, Labels(title, kind.axis, unit, kind.words, lambda value: value_words(value, metric)))


def cost_table(evaluation: Evaluation, costs: Mapping[str, Cost]) -> str:
    """HTML of a table of all costs, a row for each contestant that has any."""
    heads = ('Model', 'Parameters', 'MACs', 'FLOPs <small>2 × MACs</small>', 'Activations',
             'Latency <small>ms, median</small>', 'Range <small>ms</small>', 'Peak memory <small>MiB</small>')
    head = ''.join(f'<th scope="col"><button type="button">{text}</button></th>' for text in heads)
    rows = ''.join(_row(contestant.name, costs[contestant.name]) for contestant in evaluation.contestants
                   if contestant.name in costs)
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="Costs"><table class="figures" data-sortable>'
            f'<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')


def _row(name: str, cost: Cost) -> str:
    seconds = cost.seconds
    cells: list[tuple[float | None, str]] = [
        (cost.parameters, count_words(cost.parameters)), (cost.macs, count_words(cost.macs)),
        (2 * cost.macs, count_words(2 * cost.macs)), (cost.activations, count_words(cost.activations)),
        (seconds.median, milliseconds_words(seconds.median)),
        (seconds.low, f'{milliseconds_words(seconds.low)}–{milliseconds_words(seconds.high)}'),
        (cost.peak_memory, NOTHING if cost.peak_memory is None else significant(cost.peak_memory / MIB))]
    body = ''.join(f'<td data-value="{"" if value is None else value}">{escape(text)}</td>' for value, text in cells)
    return f'<tr><th scope="row">{escape(name)}</th>{body}</tr>'
