"""How degradation parameters are distributed over many draws: as rows for a terminal or a CSV file."""
import csv
import io
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from effsr.degradations import DegradationParameters, describe

QUANTILES = {'min': 0.0, '5%': 0.05, 'median': 0.5, '95%': 0.95, 'max': 1.0}
HEAD = ('parameter', 'share', *QUANTILES)


class Row(NamedTuple):
    """A parameter or one of its kinds, in how many of the draws it occurs (0 to 1), and the quantiles of a number."""

    name: str
    share: float
    quantiles: tuple[float, ...] = ()


def flat(parameters: DegradationParameters) -> dict[str, float | str]:
    """:func:`effsr.degradations.describe`, less what stands at a constant, noise's strengths under names of their own.
    """
    row = describe(parameters)
    for order, stage in ((1, parameters.first), (2, parameters.second)):
        row[f'noise{order}_{stage.noise}_strength'] = row.pop(f'noise{order}_strength')
        kind = '' if stage.kernel is None else stage.kernel.kind
        if not kind.startswith(('generalized', 'plateau')):
            row.pop(f'blur{order}_beta', None)
        if not kind.endswith('aniso'):
            row.pop(f'blur{order}_rotation', None)
            row.pop(f'blur{order}_sigma_y', None)
    return row


def distribution(drawn: Iterable[DegradationParameters]) -> list[Row]:
    """A row for each number, and for each kind of what is told in words; in the order of a degradation."""
    rows = [flat(parameters) for parameters in drawn]
    values: dict[str, list[float | str]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    found = []
    for name, seen in sorted(values.items(), key=lambda item: _order(item[0])):
        if isinstance(seen[0], str):
            found += [Row(f'{name}: {kind}', count / len(rows)) for kind, count in Counter(seen).most_common()]
        else:
            quantiles = np.quantile(np.array(seen, float), list(QUANTILES.values()))
            found.append(Row(name, len(seen) / len(rows), tuple(map(float, quantiles))))
    return found


_PARTS = ('blur1', 'resize1', 'noise1', 'jpeg1', 'blur2', 'resize2', 'noise2', 'jpeg2', 'final', 'severity')


def _order(name: str) -> tuple[int, str]:
    return next((place for place, part in enumerate(_PARTS) if name.startswith(part)), len(_PARTS)), name


def as_lines(rows: Iterable[Row]) -> list[str]:
    """Columns for a terminal."""
    cells = [HEAD]
    for row in rows:
        cells.append((row.name, f'{100 * row.share:.1f}%', *(f'{value:.3g}' for value in row.quantiles)))
    width = max(len(row[0]) for row in cells)
    return ['  '.join([row[0].ljust(width), *(cell.rjust(7) for cell in row[1:])]).rstrip() for row in cells]


def as_csv(rows: Iterable[Row]) -> str:
    """The same as comma-separated values, shares from 0 to 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(HEAD)
    writer.writerows([row.name, round(row.share, 6), *(round(value, 6) for value in row.quantiles)] for row in rows)
    return text.getvalue()
