"""The page: its parts put into the template, and written as one file that asks for nothing else."""
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path

from effsr.evaluation.results import Evaluation
from effsr.reports.content import Content, as_script
from effsr.reports.costs import Cost, cost_table, plot_figures
from effsr.reports.method import metric_list, model_list, plain_list
from effsr.reports.quality import quality_tables
from effsr.reports.words import plural
from effsr.runtime.atomic import atomic_file

ASSETS = Path(__file__).with_name('assets')
STYLES = ('base.css', 'tables.css', 'viewer.css', 'small.css')
SCRIPTS = ('basics.js', 'tables.js', 'store.js', 'errors.js', 'view.js', 'viewer.js', 'gestures.js', 'crops.js')
MOST = 48_000_000  # characters of pictures: a page beyond about 60 MB opens slowly
NO_COSTS = 'No network is compared here whose cost was measured.'


def write_report(evaluation: Evaluation, costs: Mapping[str, Cost] | None, folder: str | Path,
                 most: int = MOST, measured: str = '') -> Path:
    """Write an evaluation as one self-contained page: no request leaves it, and it works from the disk.

    Args:
        evaluation: Its pictures must still be where it says.
        costs: By a contestant's name; None or empty leaves out the plots.
        folder: Made where missing; an index.html in it is replaced.
        most: Characters of pictures, in base64, that are not gone beyond: further ones are left out; the page says so.
        measured: On what input and how costs were measured, a line that stands below them.

    Returns:
        The page.

    Raises:
        ValueError: A picture cannot be read, or the page not be written; names the file.
    """
    content = Content(evaluation, most)
    page = Path(folder) / 'index.html'
    with atomic_file(page) as file:
        for text in _texts(evaluation, costs or {}, content, measured):
            file.write(text.encode('utf-8'))
    return page


def _texts(evaluation: Evaluation, costs: Mapping[str, Cost], content: Content, measured: str) -> Iterator[str]:
    """The page in order; pictures come last, after what is seen first."""
    parts = {
        'title': escape(_title(evaluation)),
        'style': ''.join(map(_asset, STYLES)),
        # What was run, and on what; the rest of the head stands with the tables and under Method.
        'head': _lines(evaluation.head[:2]),
        'run': _lines(evaluation.head),
        'tables': quality_tables(evaluation),
        'baseline': escape(evaluation.baseline),
        'costs': _cost_section(evaluation, costs, measured),
        'left_out': f'<p class="quiet">{escape(content.left_out())}</p>' if content.left_out() else '',
        'metrics': metric_list(evaluation),
        'models': model_list(evaluation),
        'settings': plain_list(evaluation.settings),
        'environment': plain_list(evaluation.environment),
        'data': as_script(content.document()),
    }
    before, after = _asset('page.html').split('<!-- pictures -->')
    # One pass over the template, so that no name can pass for a place in it.
    yield re.sub(r'<!-- ([a-z_]+) -->|/\* (style) \*/', lambda found: parts[found[1] or found[2]], before)
    yield from content.embedded.html()
    yield after.replace('/* script */', ''.join(map(_asset, SCRIPTS)))


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding='utf-8')


def _lines(lines: Iterable[str]) -> str:
    return ''.join(f'<li>{escape(line)}</li>' for line in lines)


def _title(evaluation: Evaluation) -> str:
    names = [info.name for info in evaluation.sets]
    sets = names[0] if len(names) == 1 else f'{", ".join(names[:-1])} and {names[-1]}'
    return f'{plural(len(evaluation.contestants), "model")} on {sets}'


def _cost_section(evaluation: Evaluation, costs: Mapping[str, Cost], measured: str) -> str:
    shown = {one.name: costs[one.name] for one in evaluation.contestants if one.name in costs}
    if not shown:
        return f'<p class="quiet">{NO_COSTS}</p>'
    figures = plot_figures(evaluation, shown)
    plots = ''.join(f'<div class="plots" data-set="{escape(name)}" data-metric="{escape(metric)}"'
                    f'{" hidden" if number else ""}>{html}</div>'
                    for number, (name, metric, html) in enumerate(figures))
    choice = '<div class="bar" id="plot-choice" hidden></div>' if len(figures) > 1 else ''
    note = f'<p class="quiet key">{escape(measured)}</p>' if measured else ''
    return f'{choice}{plots}{cost_table(evaluation, shown)}{note}'
