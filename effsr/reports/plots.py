"""A plot of quality against cost as inline SVG, coloured by the page's style sheet."""
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from effsr.reports.axes import Axis, alike, fit_axis
from effsr.reports.labels import CHARACTER, LINE, Box, place_labels, shortened

WIDTH, HEIGHT = 380, 300
AREA = Box(46, 30, WIDTH - 12, HEIGHT - 46)
RADIUS = 4.5
LEADER = 15  # pixels between a point and its name from which a line joins them


class Point(NamedTuple):
    """One who is compared: its cost, the range of the cost where it was measured, its quality."""

    name: str
    cost: float
    quality: float
    low: float | None = None
    high: float | None = None
    emphasis: bool = False


class Level(NamedTuple):
    """One without a cost, shown as a line across."""

    name: str
    quality: float


class Labels(NamedTuple):
    """Words of a plot: what it is called for those who hear it, its axes, how its numbers are printed."""

    title: str
    cost: str
    quality: str
    cost_words: Callable[[float], str]
    quality_words: Callable[[float], str]


def scatter(points: Sequence[Point], levels: Sequence[Level], labels: Labels) -> str:
    """SVG of points, of lines for those without cost, of axes; names do not lie on each other.

    Args:
        points: One at least, costs above 0, everything finite.
        levels: Those that cost nothing that was counted.
        labels: Its words.

    Raises:
        ValueError: No point.
    """
    if not points:
        raise ValueError(f'{labels.title}: no point to draw')
    costs = [value for point in points for value in (point.cost, point.low, point.high) if value is not None]
    short = shortened([one.name for one in (*points, *levels)])
    across = fit_axis(costs, AREA.left, AREA.right)
    upward = fit_axis([one.quality for one in (*points, *levels)], AREA.bottom, AREA.top, log=False, room=0.12)
    return (f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(labels.title)}">'
            f'{_grid(across, upward, labels)}{_levels(levels, upward, short)}'
            f'{_points(points, levels, across, upward, labels, short)}</svg>')


def _grid(across: Axis, upward: Axis, labels: Labels) -> str:
    parts = []
    ticks = upward.ticks(5)
    for value, words in zip(ticks, alike(ticks), strict=True):
        y = upward.place(value)
        parts.append(f'<line class="grid" x1="{AREA.left}" x2="{AREA.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text class="tick" x="{AREA.left - 7}" y="{y + 4:.1f}" text-anchor="end">'
                     f'{words}</text>')
    for value in across.ticks(5):
        x = across.place(value)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{AREA.bottom}" y2="{AREA.bottom + 4}"/>'
                     f'<text class="tick" x="{x:.1f}" y="{AREA.bottom + 17}" text-anchor="middle">'
                     f'{escape(_bare(labels.cost_words(value)))}</text>')
    kind = ', logarithmic' if across.log else ''
    parts.append(f'<line class="axis" x1="{AREA.left}" x2="{AREA.right}" y1="{AREA.bottom}" y2="{AREA.bottom}"/>'
                 f'<text class="label" x="{(AREA.left + AREA.right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
                 f'{escape(labels.cost)}{kind}</text>'
                 f'<text class="label" x="0" y="13">{escape(labels.quality)}</text>')
    return ''.join(parts)


def _bare(words: str) -> str:
    """A number without noughts after its point, its prefix kept: 1.20 M -> 1.2 M."""
    number, *prefix = words.split(' ')
    return ' '.join([number.rstrip('0').rstrip('.') if '.' in number else number, *prefix])


def _level_boxes(levels: Sequence[Level], upward: Axis, short: Mapping[str, str]) -> list[Box]:
    """Where the names of the lines stand: at the right end, above their line, or below where that is taken."""
    boxes: list[Box] = []
    for level in levels:
        width = CHARACTER * len(short[level.name])
        y = upward.place(level.quality)
        tries = [Box(right - width, top, right, top + LINE) for right in (AREA.right, AREA.right - width - 12)
                 for top in (y - LINE - 2, y + 2)]
        boxes.append(min(tries, key=lambda box: sum(map(box.overlap, boxes)) + box.outside(AREA)))
    return boxes


def _levels(levels: Sequence[Level], upward: Axis, short: Mapping[str, str]) -> str:
    parts = []
    for level, box in zip(levels, _level_boxes(levels, upward, short), strict=True):
        y = upward.place(level.quality)
        parts.append(f'<line class="level" x1="{AREA.left}" x2="{AREA.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text class="name faint" x="{box.right:.1f}" y="{box.bottom - 3:.1f}" text-anchor="end">'
                     f'{escape(short[level.name])}<title>{escape(level.name)}</title></text>')
    return ''.join(parts)


def _points(points: Sequence[Point], levels: Sequence[Level], across: Axis, upward: Axis, labels: Labels,
            short: Mapping[str, str]) -> str:
    places = [(across.place(point.cost), upward.place(point.quality)) for point in points]
    lines = [Box(AREA.left, y - 1, AREA.right, y + 1) for y in (upward.place(level.quality) for level in levels)]
    ranges = [Box(across.place(point.low), y - 1, across.place(point.high), y + 1)
              for point, (_, y) in zip(points, places, strict=True) if point.low is not None and point.high is not None]
    boxes = place_labels(places, [short[point.name] for point in points], AREA,
                         [*_level_boxes(levels, upward, short), *lines, *ranges])
    parts = []
    for point, (x, y), box in zip(points, places, boxes, strict=True):
        told = escape(f'{point.name}: {labels.cost_words(point.cost)}, {labels.quality_words(point.quality)}')
        if point.low is not None and point.high is not None:
            parts.append(f'<line class="range" x1="{across.place(point.low):.1f}" x2="{across.place(point.high):.1f}" '
                         f'y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_leader(x, y, box))
        kind = 'point first' if point.emphasis else 'point'
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"><title>{told}</title></circle>')
        anchor, at = ('start', box.left) if box.left > x else ('end', box.right) if box.right < x else \
            ('middle', (box.left + box.right) / 2)
        parts.append(f'<text class="name" x="{at:.1f}" y="{box.bottom - 3:.1f}" text-anchor="{anchor}">'
                     f'{escape(short[point.name])}</text>')
    return ''.join(parts)


def _leader(x: float, y: float, box: Box) -> str:
    end_x, end_y = min(max(x, box.left - 2), box.right + 2), min(max(y, box.top + 3), box.bottom - 1)
    if abs(end_x - x) + abs(end_y - y) <= LEADER:
        return ''
    return f'<line class="leader" x1="{x:.1f}" y1="{y:.1f}" x2="{end_x:.1f}" y2="{end_y:.1f}"/>'
