"""What the data benchmark measured, as tables, notes and plain values."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from effsr.benchmarks.interleave import Spread, ratio, spread
from effsr.benchmarks.picture_sets import HEIGHT, SIDE, WIDTH, PictureSet
from effsr.benchmarks.readers import BASICSR, FOLDER, NO_KERNELS, PACKED, Cost
from effsr.runtime.tables import Table

NOTES = (
    'A sample is a crop of 400 pixels, flipped and rotated at random, as a float tensor in a batch. All read the same '
    'pictures, in turn within each round, in a random order that changes. Figures are medians over the rounds; a ratio '
    'is that of samples a second, round by round, in brackets its lowest and highest.',
    'CPU is what all processes of a reader use together, for one sample. With workers they share the cores with the '
    'process that receives the batches.',
    'BasicSR is RealESRGANDataset of BasicSR 1.4.2 as it is. It also makes the blur kernels of its degradation for '
    'each sample; "no kernels" gives it zeros in their place, as effsr makes them in the training step.',
    'effsr is RealESRGANDataset with cache_mb: 0, so that every sample is read from its storage; "default cache_mb" '
    'keeps decoded pictures in memory, 256 MB in each process, which pays for sets that fit.',
    'The files were just written and lie in the memory of the system: no disk is measured.',
)
STORED = {'disk': 'folder of PNG', 'lmdb': 'LMDB', 'packed': 'packed', 'shards': 'shards'}


@dataclass(frozen=True)
class Result:
    """What was measured, a value for each round.

    Attributes:
        speed: (set of pictures, workers) -> reader -> what its samples cost.
        whole: Seconds to decode a picture of WIDTH x HEIGHT.
        crop: Seconds to take a crop out of one that is packed.
    """

    speed: dict[tuple[str, int], dict[str, list[Cost]]]
    whole: list[float]
    crop: list[float]


def _cell(value: Spread) -> str:
    return f'{value.median:.1f} ({value.low:.1f}-{value.high:.1f})'


def times_as_fast(costs: Mapping[str, Sequence[Cost]], name: str, against: str) -> Spread:
    """Samples a second of one reader over those of another, round by round."""
    return ratio([cost.seconds / cost.samples for cost in costs[against]],
                 [cost.seconds / cost.samples for cost in costs[name]])


def speed_table(title: str, workers: int, costs: Mapping[str, Sequence[Cost]]) -> Table:
    """Samples a second, CPU for each, and how many times as fast as BasicSR, reader by reader."""
    rows = [(name, f'{median(cost.samples / cost.seconds for cost in costs[name]):.0f}',
             f'{median(1000 * cost.cpu / cost.samples for cost in costs[name]):.2f}',
             *(_cell(times_as_fast(costs, name, against)) for against in (BASICSR, NO_KERNELS))) for name in costs]
    of = {0: 'read by the main process', 1: '1 worker'}.get(workers, f'{workers} workers')
    return Table(f'{title}, {of}', ('', 'samples/s', 'CPU ms/sample', '/ BasicSR', '/ BasicSR, no kernels'),
                 tuple(rows))


def crop_share(result: Result) -> Spread:
    """Percent of the time to decode a picture that a crop of the packed one takes."""
    return spread(100 * part for part in ratio(result.crop, result.whole))


def crop_table(result: Result) -> Table:
    """What a crop costs when its picture is packed, beside decoding the picture."""
    share = crop_share(result)
    return Table(f'A crop of {SIDE}x{SIDE} out of {WIDTH}x{HEIGHT}', ('', 'milliseconds'), (
        ('decoding the whole PNG', f'{1000 * median(result.whole):.2f}'),
        ('the crop, packed', f'{1000 * median(result.crop):.3f}'),
        ('share', f'{share.median:.2f}% ({share.low:.2f}-{share.high:.2f})')))


def storage_table(sets: Sequence[PictureSet]) -> Table:
    """Megabytes on the disk."""
    rows = [(words, *(f'{pictures.megabytes(kind):.0f}' for pictures in sets)) for kind, words in STORED.items()]
    return Table('Megabytes on the disk', ('', *(pictures.title for pictures in sets)), tuple(rows))


def as_plain(result: Result) -> dict[str, Any]:
    """Everything measured, for a JSON file; one entry a round."""
    found = []
    for (title, workers), costs in result.speed.items():
        found.append({'pictures': title, 'workers': workers,
                      'readers': {name: [cost._asdict() for cost in costs[name]] for name in costs},
                      'ratio': {f'{name} / {against}': times_as_fast(costs, name, against)._asdict()
                                for name in (FOLDER, PACKED) for against in (BASICSR, NO_KERNELS)}})
    return {'reading': found, 'crop': {'whole_seconds': result.whole, 'crop_seconds': result.crop,
                                       'percent': crop_share(result)._asdict()}}
