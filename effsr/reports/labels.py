"""Names beside the points of a plot, so placed that none lies on another."""
from collections.abc import Sequence
from typing import NamedTuple

GAP = 8  # pixels from a point to its name
LINE = 14  # pixels of a line of text
CHARACTER = 6.4  # pixels, about, of one of 11.5 pixels' height
LONGEST = 26  # characters


class Box(NamedTuple):
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: 'Box') -> float:
        """Square pixels that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)

    def outside(self, bounds: 'Box') -> float:
        """Square pixels beyond bounds."""
        return (self.right - self.left) * (self.bottom - self.top) - self.overlap(bounds)


def shortened(names: Sequence[str]) -> dict[str, str]:
    """Names of at most 26 characters: of a longer one both ends, so divided that no two names become alike.

    Where none of a few divisions tells them apart, names stay whole.
    """
    for head in (13, 19, 9, 22, 5, 25, 0):
        short = {name: name if len(name) <= LONGEST else f'{name[:head]}…{name[len(name) - (LONGEST - head - 1):]}'
                 for name in names}
        if len(set(short.values())) == len(short):
            return short
    return {name: name for name in names}


def place_labels(points: Sequence[tuple[float, float]], names: Sequence[str], bounds: Box,
                 taken: Sequence[Box] = ()) -> list[Box]:
    """A box for each name near its point: clear of points, other names and what is taken, within bounds.

    The nearest free place is taken, from left to right over the points; where there is none, the least covered.

    Args:
        points: Pixels (x, y).
        names: As they are printed.
        bounds: Where names may lie.
        taken: Other things that must stay visible.
    """
    dots = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    boxes: dict[int, Box] = {}
    for number in sorted(range(len(points)), key=lambda n: points[n]):
        blocked = [*taken, *dots, *boxes.values()]
        boxes[number] = min(_candidates(points[number], len(names[number]) * CHARACTER), key=lambda box: (
            round(sum(map(box.overlap, blocked)) + 4 * box.outside(bounds), 3), _distance(box, points[number])))
    return [boxes[number] for number in range(len(points))]


def _candidates(point: tuple[float, float], width: float) -> list[Box]:
    x, y = point
    lefts = (x + GAP, x - GAP - width, x - width / 2)
    boxes = []
    for row in range(-7, 8):
        for place, left in enumerate(lefts):
            if place < 2 or row:
                top = y + row * (LINE - 1) - LINE / 2
                boxes.append(Box(left, top, left + width, top + LINE))
    return boxes


def _distance(box: Box, point: tuple[float, float]) -> tuple[float, int]:
    """How far a name lies from its point; of equals the one to the right, then above."""
    x = min(max(point[0], box.left), box.right) - point[0]
    y = (box.top + box.bottom) / 2 - point[1]
    return (round(abs(x) + abs(y) * (1.0 if y <= 0 else 1.02), 3), 0 if x > 0 else 1)
