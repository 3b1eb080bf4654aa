"""What the degradation benchmark measured, as tables, notes and plain values."""
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from effsr.benchmarks.chains import BASICSR, BATCH, GROUPED, NAMES, OURS, STAGES, WORKER
from effsr.benchmarks.interleave import Spread, mean_ratio
from effsr.runtime.tables import Table

NOTES = (
    'Times are means over the rounds, as the cost changes with what is drawn; the first round is dropped. All take '
    'turns within each round on the same crops, once with nothing wrapped and once with their stages timed. What costs '
    'little goes through several batches a round. A ratio is that of the means; in brackets, where 90% of resamples '
    'of the rounds lie.',
    "BasicSR is RealESRGANModel.feed_data of BasicSR 1.4.2 itself, with its own dataset's kernels, USMSharp and "
    'DiffJPEG; patched as in `benchmark.py train`: any memory format, and for "USM grouped" one grouped convolution. '
    'Its pair pool, and the second USM after it, are left out.',
    'draw, kernels: parameters and kernel arrays. blur and resize hold the last ones, too. rest: rounding, cutting out '
    'the square that is trained on, and what lies between the stages, wrapping included.',
    '"effsr" draws every choice for each image; "mode: batch" shares the choices that BasicSR shares in a batch. '
    '"where: workers" is what one data worker does for the batch, image after image on one thread, by OpenCV and '
    'libjpeg: in a training it runs beside the step, several at a time.',
    'Growth: milliseconds an image over the same 16 images in every row, drawn with the same seeds, once through '
    '("USM grouped": 4 batches at most); photographs smaller than a crop are completed by reflection.',
)


@dataclass(frozen=True)
class Growth:
    """Milliseconds an image of each contender for one batch and crop."""

    batch: int
    crop: int
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class Result:
    """Seconds of a batch by contender, a value for each round: whole, and by stage; growth; who waits for a GPU."""

    batch: int
    whole: dict[str, list[float]]
    stages: dict[str, list[dict[str, float]]]
    growth: list[Growth] = field(default_factory=list)
    waits: dict[str, str] = field(default_factory=dict)


def _cell(value: Spread) -> str:
    return f'{value.median:.2f} ({value.low:.2f}-{value.high:.2f})'


def _row(label: str, seconds: dict[str, list[float]], digits: int = 1) -> tuple[str, ...]:
    """Milliseconds of each, and BasicSR's two ways against ours; `-` where ours has no such stage."""
    means = {name: 1000 * fmean(seconds[name]) for name in NAMES}
    ratios = [f'{means[name] / means[OURS]:.1f}' if means[OURS] else '-' for name in (BASICSR, GROUPED)]
    return (label, *(f'{means[name]:.{digits}f}' for name in NAMES), *ratios)


def stage_table(result: Result) -> Table:
    """Milliseconds of a batch, stage by stage and whole."""
    rows = [_row(stage, {name: [one.get(stage, 0.0) for one in result.stages[name]] for name in NAMES})
            for stage in STAGES]
    rows.append(_row('sum of the stages', {name: [sum(one.values()) for one in result.stages[name]] for name in NAMES}))
    rows.append(_row('whole, nothing wrapped', result.whole))
    rows.append(_row('  an image', {name: [one / result.batch for one in result.whole[name]] for name in NAMES}))
    head = ('milliseconds', *NAMES, f'{BASICSR} / {OURS}', f'{GROUPED} / {OURS}')
    return Table(f'A batch of {result.batch}, stage by stage', head, tuple(rows))


def summary_table(result: Result) -> Table:
    """How many times as fast, whole batches with nothing wrapped; whether a GPU was waited for."""
    rows = [(f'{fast} against {slow}', _cell(mean_ratio(result.whole[slow], result.whole[fast])))
            for fast, slow in ((OURS, BASICSR), (OURS, GROUPED), (BATCH, BASICSR), (WORKER, BASICSR))]
    rows.append((f'cost of {OURS} (each image its own) over {BATCH}',
                 _cell(mean_ratio(result.whole[OURS], result.whole[BATCH]))))
    rows += [(f'{name}: the host waits for the GPU', said) for name, said in result.waits.items()]
    return Table('Times as fast', ('', 'ratio'), tuple(rows))


def growth_table(growth: list[Growth]) -> Table:
    """Milliseconds an image by batch and crop."""
    names = [name for name in NAMES if any(name in one.milliseconds for one in growth)]
    rows = [(f'batch {one.batch}, crop {one.crop}',
             *(f'{one.milliseconds[name]:.1f}' if name in one.milliseconds else '-' for name in names))
            for one in growth]
    return Table('How the cost grows: milliseconds an image', ('', *names), tuple(rows))


def as_plain(result: Result) -> dict[str, Any]:
    """Everything measured, for a JSON file; seconds of a batch, one number a round."""
    ratios = {f'{slow} / {fast}': mean_ratio(result.whole[slow], result.whole[fast])._asdict()
              for fast, slow in ((OURS, BASICSR), (OURS, GROUPED), (BATCH, OURS), (WORKER, BASICSR))}
    return {'batch': result.batch,
            'contenders': {name: {'seconds': result.whole[name], 'stage_seconds': result.stages[name]}
                           for name in NAMES},
            'ratio': ratios, 'waits_for_gpu': result.waits,
            'growth': [{'batch': one.batch, 'crop': one.crop, 'milliseconds_an_image': one.milliseconds}
                       for one in result.growth]}
