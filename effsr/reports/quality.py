"""The tables of quality: one for each set, a row for each contestant, a column for each metric."""
import math
from html import escape

from effsr.evaluation.results import Contestant, Difference, Evaluation, SetInfo
from effsr.metrics.catalogue import MetricInfo
from effsr.reports.words import NOTHING, change_words, count_words, metric_heading, plural, value_words

UNDECIDED = {False: 'no significant difference', None: 'too few pictures to say'}


def quality_tables(evaluation: Evaluation) -> str:
    """HTML of all tables, with the reasons of empty cells beneath; every name is escaped."""
    reasons: list[str] = []
    tables = ''.join(_section(evaluation, info, reasons) for info in evaluation.sets)
    notes = ''.join(f'<li id="reason-{number}" value="{number}">{escape(reason)}</li>'
                    for number, reason in enumerate(reasons, 1))
    return tables + (f'<ol class="reasons" aria-label="Why cells are empty">{notes}</ol>' if notes else '')


def best_names(evaluation: Evaluation, set_name: str, metric: MetricInfo) -> set[str]:
    """Who is best in a set by the printed figure; nobody where only one has any."""
    found = {name: value for name, metrics in evaluation.whole.get(set_name, {}).items()
             if (value := metrics.get(metric.name)) is not None and not math.isnan(value)}
    if len(found) < 2:
        return set()
    best = (max if metric.better == 'higher' else min)(found.values())
    return {name for name, value in found.items() if value_words(value, metric) == value_words(best, metric)}


def set_words(info: SetInfo) -> str:
    """How many pictures, the scale, how the low-resolution ones came about, the border, what else is to be told."""
    truth = f'border {info.border} px' if info.has_gt else 'no ground truth'
    return '; '.join([f'{plural(len(info.pictures), "picture")}, ×{info.scale}, {truth}', info.made, *info.notes])


def _section(evaluation: Evaluation, info: SetInfo, reasons: list[str]) -> str:
    metrics = [metric for metric in evaluation.metrics if _anything(evaluation, info, metric)]
    label = escape(info.name)
    heads = ['Model', 'Steps', 'Parameters', *map(metric_heading, metrics)]
    head = ''.join(f'<th scope="col"><button type="button">{text}</button></th>' for text in heads)
    rows = ''.join(_row(evaluation, info, contestant, metrics, reasons) for contestant in evaluation.contestants)
    return (f'<section class="set"><h3>{label}</h3><p class="quiet">{escape(set_words(info))}</p>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="Quality on {label}">'
            f'<table class="figures" data-sortable><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
            '</section>')


def _anything(evaluation: Evaluation, info: SetInfo, metric: MetricInfo) -> bool:
    """Whether a column says anything: a set without ground truth needs none that compare with it."""
    return info.has_gt or not metric.needs_gt or any(
        metrics.get(metric.name) is not None for metrics in evaluation.whole.get(info.name, {}).values())


def _row(evaluation: Evaluation, info: SetInfo, contestant: Contestant, metrics: list[MetricInfo],
         reasons: list[str]) -> str:
    base = ' <small class="tag">baseline</small>' if contestant.name == evaluation.baseline else ''
    cells = [f'<th scope="row">{escape(contestant.name)}{base}</th>',
             _count(contestant.steps, '' if contestant.steps is None else f'{contestant.steps:,}'),
             _count(contestant.parameters, count_words(contestant.parameters))]
    cells += [_cell(evaluation, info.name, contestant.name, metric, reasons) for metric in metrics]
    return f'<tr>{"".join(cells)}</tr>'


def _count(value: int | None, text: str) -> str:
    return f'<td data-value="{"" if value is None else value}">{text or NOTHING}</td>'


def _cell(evaluation: Evaluation, set_name: str, name: str, metric: MetricInfo, reasons: list[str]) -> str:
    value = evaluation.whole.get(set_name, {}).get(name, {}).get(metric.name)
    if value is None or math.isnan(value):
        reason = evaluation.missing.get(set_name, {}).get(name, {}).get(metric.name, 'not computed')
        if reason not in reasons:
            reasons.append(reason)
        number = reasons.index(reason) + 1
        return (f'<td data-value="" class="empty">{NOTHING}<sup><a href="#reason-{number}" '
                f'aria-label="reason {number}">{number}</a></sup></td>')
    kind = 'strong' if name in best_names(evaluation, set_name, metric) else 'span'
    difference = evaluation.differences.get(set_name, {}).get(name, {}).get(metric.name)
    return (f'<td data-value="{value!r}"><{kind} class="value">{value_words(value, metric)}</{kind}>'
            f'{_change(difference, metric)}</td>')


def _change(difference: Difference | None, metric: MetricInfo) -> str:
    """The difference from the baseline, its interval where there is one, and what cannot be said from it."""
    if difference is None:
        return ''
    text = f'<span class="change">{change_words(difference.mean, metric)}'
    if difference.significant is not None:
        text += f' <span class="interval">[{value_words(difference.low, metric)}, ' \
                f'{value_words(difference.high, metric)}]</span>'
    text += '</span>'
    if not difference.significant:
        text += f'<span class="undecided">{UNDECIDED[difference.significant]}</span>'
    return text
