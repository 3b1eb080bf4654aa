"""Pairs of pictures that show the same: as a whole by their hashes, in parts by their local features; each confirmed.

Measured on 606 photographic tiles of 480 to 512 pixels (183,315 pairs): copies of the whole differ in 0 to 37 of 255
bits (JPEG quality 20 and 50, half and quarter size, mirrored, turned, brightened), strangers in 78 or more, two views
of one symmetric thing in 49 and 67; SURE lies between. Where strangers were laid on each other (stars, eyes, a hill and
its reflection in water) the correlation of their detail was 0.5 at most, well below AGREE: no pair is found.

Of copies made of every sixth tile, 101 of each kind, all that show the whole were found (JPEG 50 and 20, half and
quarter size, stretched, mirrored, turned, brightened, grey). Of crops at random places: all that lack 5% or 20% of the
sides; 99% that lack 20% and are mirrored or turned, JPEG 50; 97% that lack 20%, at half size; 96% that lack 50%; 90%
that lack 50%, enlarged twice. Of tiles in pictures of 2.8 megapixels, a twelfth of their area, 92 of 96. Each was found
in its own picture, none in another. Those missed are blurred or plain.
"""
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from effsr.curation.agreement import agreement, correlation, overlap
from effsr.curation.features import place
from effsr.curation.hashing import distances, transformed
from effsr.curation.key_index import KeyIndex
from effsr.curation.parallel import Failure, each
from effsr.curation.sketch import Sketch, read_gray

SURE = 45  # bits of 255: at most so many differ in copies of the whole
DOUBTFUL = 76  # bits: up to this the features decide
AGREE = 0.8  # least correlation of two pictures' detail where they overlap
PLACES = 6  # least number of features that agree on where one picture lies on the other
NEAREST = 4  # pictures with the most votes that are compared feature by feature
BLOCK, WIDE = 512, 8192  # so many hashes are compared with so many at a time


class Near(NamedTuple):
    """Two pictures that show the same.

    Attributes:
        one, two: Their numbers, one < two.
        kind: 'exact', the same bytes; 'copy' of the whole; 'part'.
        shares: How much of each picture, of its area, the other shows, 0 to 1.
        bits: Of 255 that differ in the hashes; None for a part.
        agreement: Correlation of their detail where they overlap, up to 1.
    """

    one: int
    two: int
    kind: str
    shares: tuple[float, float]
    bits: int | None
    agreement: float


class _Try(NamedTuple):
    """Two pictures that may overlap: `one`, mirrored or not, is laid on `two`."""

    one: int
    two: int
    mirror: bool


def find_near(sketches: Sequence[Sketch], count: int, jobs: int) -> list[Near]:
    """All pairs among the first `count` pictures, and of these with the others.

    Args:
        sketches: All pictures.
        count: How many come first; the others are not compared among each other.
        jobs: Processes.

    Returns:
        In order of the numbers; one entry for a pair.

    Raises:
        ValueError: A picture that was read before cannot be read any more.
    """
    found, doubtful = _by_hash(sketches, count)
    if sketches and sketches[0].features is not None:
        found |= _by_features(sketches, count, doubtful, set(found), jobs)
    return [found[pair] for pair in sorted(found)]


def _by_hash(sketches: Sequence[Sketch], count: int) -> tuple[dict[tuple[int, int], Near], list[tuple[int, int]]]:
    hashes = np.stack([sketch.hash for sketch in sketches])
    found, doubtful = {}, []
    for top in range(0, count, BLOCK):
        for left in range(top, len(hashes), WIDE):
            bits, symmetries = distances(hashes[top:min(top + BLOCK, count)], hashes[left:left + WIDE])
            for row, column in np.argwhere(bits <= DOUBTFUL):
                one, two = top + int(row), left + int(column)
                if one >= two:
                    continue
                near = _as_whole(sketches, one, two, int(bits[row, column]), int(symmetries[row, column]))
                if near is None:
                    doubtful.append((one, two))
                else:
                    found[one, two] = near
    return found, doubtful


def _as_whole(sketches: Sequence[Sketch], one: int, two: int, bits: int, symmetry: int) -> Near | None:
    if sketches[one].digest == sketches[two].digest:
        return Near(one, two, 'exact', (1.0, 1.0), bits, 1.0)
    agree = correlation(transformed(sketches[one].small, symmetry), sketches[two].small) if bits <= SURE else 0.0
    return Near(one, two, 'copy', (1.0, 1.0), bits, agree) if agree >= AGREE else None


def _tries(sketches: Sequence[Sketch], count: int, doubtful: Sequence[tuple[int, int]],
           known: set[tuple[int, int]]) -> Iterator[_Try]:
    """Pairs worth comparing feature by feature, each once."""
    told: set[_Try] = set()

    def fresh(one: int, two: int, mirror: bool) -> Iterator[_Try]:
        one, two = min(one, two), max(one, two)
        attempt = _Try(one, two, mirror)
        if one != two and one < count and (one, two) not in known and attempt not in told:
            told.add(attempt)
            yield attempt

    for one, two in doubtful:
        yield from fresh(one, two, False)
        yield from fresh(one, two, True)
    index = KeyIndex([sketch.keys[0] for sketch in sketches])
    for number, sketch in enumerate(sketches):
        for mirror in (False, True):
            votes = index.votes(sketch.keys[mirror])
            votes[number] = 0
            # The others apart, so that a crowd of alike pictures does not hide the one that matters.
            for first, last in ((0, count), (count, len(sketches) if number < count else count)):
                others = first + np.flatnonzero(votes[first:last])
                for other in others[np.argsort(-votes[others], kind='stable')[:NEAREST]].tolist():
                    yield from fresh(number, other, mirror)


def _by_features(sketches: Sequence[Sketch], count: int, doubtful: Sequence[tuple[int, int]],
                 known: set[tuple[int, int]], jobs: int) -> dict[tuple[int, int], Near]:
    laid = []
    pairs = ((attempt, sketches[attempt.one].features, sketches[attempt.two].features, sketches[attempt.one].size)
             for attempt in _tries(sketches, count, doubtful, known))
    for (attempt, _, _, _), result in each(_lay, pairs, jobs, 'comparing'):
        matrix, places = result
        if places >= PLACES:
            laid.append((attempt, matrix))
    found: dict[tuple[int, int], Near] = {}
    confirm = partial(_confirm, [(sketch.path, sketch.size) for sketch in sketches] if laid else [])
    for (attempt, _), result in each(confirm, laid, jobs if len(laid) > jobs else 1, 'confirming'):
        if isinstance(result, Failure):
            raise ValueError(f'{result.reason} (it could be read a moment ago)')
        agree, shares = result
        pair = attempt[:2]
        if agree >= AGREE and (pair not in found or agree > found[pair].agreement):
            found[pair] = Near(*pair, 'part', shares, None, agree)
    return found


def _lay(item: tuple) -> tuple[np.ndarray | None, int]:
    attempt, one, two, size = item
    return place(one.mirrored(size[1]) if attempt.mirror else one, two)


def _confirm(pictures: Sequence[tuple], item: tuple[_Try, np.ndarray]) -> tuple[float, tuple[float, float]]:
    """Correlation over the overlap, and the shares of the two areas."""
    attempt, matrix = item
    (path_one, size_one), (path_two, size_two) = pictures[attempt.one], pictures[attempt.two]
    shares = overlap(matrix, size_one, size_two)
    one = read_gray(path_one)
    return agreement(one[:, ::-1] if attempt.mirror else one, read_gray(path_two), matrix), shares
