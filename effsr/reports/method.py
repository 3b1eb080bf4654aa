"""What a reader needs to trust the figures: how each was computed, what was compared, on what machine."""
from collections.abc import Mapping
from html import escape
from typing import Any

from effsr.evaluation.results import Contestant, Evaluation
from effsr.reports.words import ARROWS

KINDS = {'weights': 'network', 'bicubic': 'bicubic interpolation', 'lanczos': 'Lanczos interpolation',
         'pictures': 'folder of pictures'}


def metric_list(evaluation: Evaluation) -> str:
    """HTML: each metric with the way it was computed."""
    return '<dl class="metrics">' + ''.join(
        f'<dt>{escape(metric.label)} {ARROWS[metric.better]}</dt><dd>{escape(metric.how)}</dd>'
        for metric in evaluation.metrics) + '</dl>'


def model_list(evaluation: Evaluation) -> str:
    """HTML: each contestant with its file, architecture, digest and what had to be assumed."""
    return '<dl>' + ''.join(f'<dt>{escape(one.name)}</dt><dd>{_model(one)}</dd>' for one in evaluation.contestants) \
        + '</dl>'


def _model(one: Contestant) -> str:
    arguments = ', '.join(f'{key}={value!r}' for key, value in one.args.items())
    lines = [KINDS.get(one.kind, one.kind)]
    if one.arch:
        lines[0] = f'{one.arch}({arguments})'
    if one.steps is not None:
        lines[0] += f', {one.steps:,} steps'
    text = escape(lines[0])
    for value in (one.source, f'SHA-256 {one.sha256}' if one.sha256 else ''):
        text += f'<br><code>{escape(value)}</code>' if value else ''
    return text + (f'<br>{escape(one.note)}' if one.note else '')


def plain_list(values: Mapping[str, Any]) -> str:
    """HTML: names and values of a mapping; what is nested is printed on one line."""
    return '<dl>' + ''.join(f'<dt>{escape(str(key))}</dt><dd>{escape(_words(value))}</dd>'
                            for key, value in values.items()) + '</dl>'


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_words(item)}' for key, item in value.items()) or '–'
    if isinstance(value, list | tuple):
        return ', '.join(map(_words, value)) or '–'
    return '–' if value is None else str(value)
