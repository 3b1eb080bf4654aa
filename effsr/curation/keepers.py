"""Which of several pictures that show the same to keep."""
from collections.abc import Sequence
from typing import NamedTuple

from effsr.curation.near import Near
from effsr.curation.sketch import Sketch


class LeftOut(NamedTuple):
    """Why a picture is left out: another one, of this number, shows it."""

    by: int
    near: Near


def choose_keepers(sketches: Sequence[Sketch], count: int, pairs: Sequence[Near], least: float) -> dict[int, LeftOut]:
    """Decide for the first `count` pictures; the others, held out, are never touched.

    One that shows any part of a held-out picture is left out. Of the rest the largest come first (pixels, then bytes,
    then files before links, then order): each is kept unless one that is kept shows at least the share `least` of it.
    So whatever is left out has a partner that is kept or held out; a picture in the middle of a chain does not take
    both its ends along.

    Returns:
        Number of each picture that is left out -> why.
    """
    partners: dict[int, list[tuple[int, float, Near]]] = {}
    for near in pairs:
        partners.setdefault(near.one, []).append((near.two, near.shares[0], near))
        partners.setdefault(near.two, []).append((near.one, near.shares[1], near))
    out: dict[int, LeftOut] = {}
    kept: set[int] = set()

    def best_first(number: int) -> tuple[int, int, bool, int]:
        sketch = sketches[number]
        # A link that is kept would lead nowhere once its picture is moved away.
        return -sketch.size[0] * sketch.size[1], -sketch.bytes, sketch.path.is_symlink(), number

    for number in sorted(range(count), key=best_first):
        own = partners.get(number, [])
        held = [(share, other, near) for other, share, near in own if other >= count]
        twins = [(share, other, near) for other, share, near in own if other in kept and share >= least]
        if held or twins:
            _, by, near = max(held or twins, key=lambda entry: (entry[0], -entry[1]))
            out[number] = LeftOut(by, near)
        else:
            kept.add(number)
    return out
