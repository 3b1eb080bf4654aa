"""The tables of an evaluation, for a terminal, for Markdown and as CSV."""
import csv
import io
from collections.abc import Sequence

from effsr.evaluation.results import Contestant, Difference, Evaluation, SetInfo
from effsr.metrics.scorer import MetricInfo
from effsr.runtime.tables import Table, as_markdown, as_text

EMPTY = '-'
NONE_SIGNIFICANT = 'n.s.'
CSV_HEAD = ('set', 'contestant', 'steps', 'parameters', 'metric', 'picture', 'value', 'reason')
ALL = '(all)'


class Footnotes:
    """Reasons, each numbered once."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def mark(self, reason: str) -> str:
        """'[1]' for the first reason told."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return f'[{self.reasons.index(reason) + 1}]'

    def lines(self) -> list[str]:
        """'[1] reason' for each."""
        return [f'[{number}] {reason}' for number, reason in enumerate(self.reasons, 1)]


def tables_of(evaluation: Evaluation, bold: bool = False) -> tuple[list[Table], list[str]]:
    """A table of figures and one of differences for each set, and the notes below them.

    Args:
        evaluation: What was found.
        bold: Put the best figure of a column between **, as Markdown has it.
    """
    footnotes = Footnotes()
    tables, notes = [], []
    for info in evaluation.sets:
        tables.append(_figures(evaluation, info, footnotes, bold))
        differences = _differences(evaluation, info)
        if differences is not None:
            tables.append(differences)
    notes += footnotes.lines()
    notes += [f'{one.name}: {one.note}' for one in evaluation.contestants if one.note]
    notes += _told_of_differences(evaluation)
    return tables, notes


def as_terminal(evaluation: Evaluation) -> str:
    """Everything as it is printed."""
    tables, notes = tables_of(evaluation)
    return '\n\n'.join(filter(None, ['\n'.join(evaluation.head), *map(as_text, tables), '\n'.join(notes)])) + '\n'


def as_markdown_text(evaluation: Evaluation) -> str:
    """Everything as Markdown, the best figures bold."""
    tables, notes = tables_of(evaluation, bold=True)
    head = '\n'.join(f'- {line}' for line in evaluation.head)
    return '\n\n'.join(filter(None, [head, *map(as_markdown, tables), '\n'.join(f'- {note}' for note in notes)])) + '\n'


def as_csv(evaluation: Evaluation) -> str:
    """One line for each value: of a picture, or of a whole set, whose picture is '(all)'."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(CSV_HEAD)
    for info in evaluation.sets:
        for one in evaluation.contestants:
            about = (info.name, one.name, _number(one.steps), _number(one.parameters))
            for metric in evaluation.metrics:
                values = evaluation.values[info.name][one.name].get(metric.name, ())
                for picture, value in zip(info.pictures, values, strict=False):
                    writer.writerow((*about, metric.name, picture, _number(value), ''))
                writer.writerow((*about, metric.name, ALL, _number(evaluation.whole[info.name][one.name][metric.name]),
                                 evaluation.missing[info.name][one.name].get(metric.name, '')))
    return text.getvalue()


def _number(value: float | None) -> str:
    return '' if value is None else repr(value)


def _figures(evaluation: Evaluation, info: SetInfo, footnotes: Footnotes, bold: bool) -> Table:
    best = {metric.name: _best(evaluation, info, metric) for metric in evaluation.metrics}
    rows = []
    for one in evaluation.contestants:
        cells = []
        for metric in evaluation.metrics:
            value = evaluation.whole[info.name][one.name][metric.name]
            if value is None:
                cells.append(f'{EMPTY} {footnotes.mark(evaluation.missing[info.name][one.name][metric.name])}')
                continue
            text = f'{value:.{metric.digits}f}'
            cells.append(f'**{text}**' if bold and text == best[metric.name] else text)
        rows.append((one.name, _steps(one), EMPTY if one.parameters is None else f'{one.parameters:,}', *cells))
    heads = [_head(metric) for metric in evaluation.metrics]
    return Table(_title(info), ('model', 'steps', 'parameters', *heads), tuple(rows))


def _title(info: SetInfo) -> str:
    count = f'{len(info.pictures)} picture{"s" if len(info.pictures) > 1 else ""}'
    return f'{info.name} x{info.scale}, {count}' + ('' if info.has_gt else ', no ground truth')


def _steps(one: Contestant) -> str:
    if one.kind != 'weights':
        return EMPTY
    return 'unknown' if one.steps is None else f'{one.steps:,}'


def _head(metric: MetricInfo) -> str:
    unit = f' {metric.unit}' if metric.unit else ''
    return f'{metric.label}{unit}' + (' (lower)' if metric.better == 'lower' else '')


def _best(evaluation: Evaluation, info: SetInfo, metric: MetricInfo) -> str:
    """The best figure as printed, '' where there are fewer than two to choose from."""
    values = [whole[metric.name] for whole in evaluation.whole[info.name].values() if whole[metric.name] is not None]
    if len(values) < 2:
        return ''
    return f'{(max if metric.better == "higher" else min)(values):.{metric.digits}f}'


def _differences(evaluation: Evaluation, info: SetInfo) -> Table | None:
    """Differences with their intervals; None where there is none."""
    found = evaluation.differences.get(info.name, {})
    metrics = [metric for metric in evaluation.metrics if any(metric.name in row for row in found.values())]
    if not metrics:
        return None
    rows = [(name, *(_difference(row.get(metric.name), metric.digits) for metric in metrics))
            for name, row in found.items()]
    title = f'{info.name} x{info.scale}: difference to {evaluation.baseline} [95% interval]'
    return Table(title, ('model', *map(_head, metrics)), tuple(rows))


def _difference(one: Difference | None, digits: int) -> str:
    if one is None:
        return EMPTY
    text = f'{one.mean:+.{digits}f}'
    if one.significant is None:
        return f'{text} [{EMPTY}]'
    return f'{text} [{one.low:+.{digits}f}, {one.high:+.{digits}f}]' + (
        '' if one.significant else f' {NONE_SIGNIFICANT}')


def _told_of_differences(evaluation: Evaluation) -> list[str]:
    """What the differences come to, in words."""
    notes = []
    labels = {metric.name: metric.label for metric in evaluation.metrics}
    for name, contestants in evaluation.differences.items():
        for contestant, row in contestants.items():
            alike = [labels[metric] for metric, one in row.items() if one.significant is False]
            if alike:
                notes.append(f'{name}: no significant difference between {contestant} and {evaluation.baseline} in '
                             f'{_listed(alike)} ({NONE_SIGNIFICANT}: the interval holds 0)')
    notes += _infinite(evaluation)
    every = [one for contestants in evaluation.differences.values() for row in contestants.values()
             for one in row.values()]
    if every:
        notes.append('Intervals: paired bootstrap over the pictures, 10,000 draws, seeded; they say nothing of other '
                     'pictures, and with less than about 20 they are too narrow')
    if any(one.significant is None for one in every):
        notes.append('[-]: fewer than 3 pictures, no interval can be given')
    return notes


def _infinite(evaluation: Evaluation) -> list[str]:
    """Differences that do not exist although both sides have a value for every picture."""
    notes = []
    for info in evaluation.sets:
        values, found = evaluation.values[info.name], evaluation.differences.get(info.name, {})
        for name in (one.name for one in evaluation.contestants if one.name != evaluation.baseline):
            labels = [metric.label for metric in evaluation.metrics if metric.per_image
                      and metric.name not in found.get(name, {})
                      and None not in (*values[name][metric.name], *values[evaluation.baseline][metric.name])]
            if labels:
                notes.append(f'{info.name}: no difference between {name} and {evaluation.baseline} in '
                             f'{_listed(labels)}: a value is infinite, as that of identical pictures is')
    return notes


def _listed(words: Sequence[str]) -> str:
    return ', '.join(words[:-1]) + f' and {words[-1]}' if len(words) > 1 else words[0]
