"""What the benchmark of networks measured, as tables, notes and plain values."""
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from effsr.benchmarks.backends import Way
from effsr.benchmarks.costs import CostRow, Costs, Key
from effsr.benchmarks.interleave import Spread, ratio
from effsr.benchmarks.peak import Peak
from effsr.runtime.tables import Table

MIB = 2**20
NOTES = (
    'MACs are multiplications with their addition, of convolutions and matrix products; FLOPs are twice as many. '
    'Activations are the numbers that convolutions write, as the NTIRE challenges on efficient super-resolution count. '
    'Weights do not matter for any of it; those of classes are random.',
    'Latency is the median over the rounds, in brackets the lowest and highest; the first round is dropped. All take '
    'turns within each round; of what is quick a round holds many calls, of which it counts the median. Times as fast: '
    'the median of the ratios within each round.',
    'Of peak: FLOPs a second, of the best of several dense 3x3 convolutions in the same precision, measured in the '
    'same rounds. Of bandwidth: what all operations read and write, as if each went to memory, of what a copy moves; '
    'above 100% caches serve, or a compiler joins operations. Where FLOP/byte lies below the balance of the machine, '
    'memory is the limit, not arithmetic.',
    'onnxruntime, openvino and ncnn run files that effsr/export.py writes, with the checks of every answer that '
    'upscale.py has; int8 is calibrated by percentile. cudagraphs launches the recorded pass as one. Above 100% of '
    'peak a library multiplies less than is counted (Winograd).',
    'Peak memory: each in a process of its own, one pass, above Python and its libraries; weights are in it, and so is '
    'what a compiler needs. On a GPU what torch allocated.',
)


def label(name: str, way: Way, ways: int) -> str:
    """A row's name: the model's, and the way where there are several."""
    return name if ways == 1 else f'{name}, {way.precision}, {way.backend}'


def shape_of(costs: Costs) -> str:
    """1 x 3 x 64 x 64."""
    return ' x '.join(map(str, costs.shape))


def size_table(costs: Costs) -> Table:
    """Parameters and arithmetic of each model, in the first way that it runs in."""
    first: dict[str, CostRow] = {}
    for (name, _), row in costs.rows.items():
        first.setdefault(name, row)
    rows = tuple((name, f'{row.parameters / 1e6:.3f}', f'{row.macs / 1e9:.2f}', f'{row.flops / 1e9:.2f}',
                  f'{row.activations / 1e6:.1f}') for name, row in first.items())
    return Table(f'Size, {shape_of(costs)}', ('model', 'parameters, M', 'GMACs', 'GFLOPs', 'activations, M'), rows)


def cost_table(costs: Costs, baseline: Key | None) -> Table:
    """Time, memory and how well the device is used."""
    ways = len({way for _, way in (*costs.rows, *costs.failed)})
    reference = costs.rows.get(baseline) if baseline is not None else None
    rows = []
    for key in _in_order(costs):
        name = label(*key, ways)
        row = costs.rows.get(key)
        if row is None:
            rows.append((name, *[''] * 7))
            continue
        memory = '' if row.peak_memory is None else f'{row.peak_memory / MIB:.0f}'
        faster = '' if reference is None else _told(ratio(reference.times, row.times))
        rows.append((name, _milliseconds(row.seconds), f'{row.megapixels_a_second:.3g}', memory,
                     *_use(row, key[1], costs.peak), faster))
    against = '' if reference is None else f'; times as fast as {label(*baseline, ways)}'
    return Table(f'Cost, {shape_of(costs)}{against}', ('model', 'latency, ms', 'output MP/s', 'peak memory, MiB',
                                                       'of peak', 'FLOP/byte', 'of bandwidth', 'times as fast'),
                 tuple(rows))


def peak_line(peak: Peak) -> str:
    """The device's peak in words."""
    told = ' · '.join(f'{name} {flops / 1e9:,.0f} GFLOP/s (balance {flops / peak.bandwidth:.1f} FLOP/byte)'
                      for name, flops in peak.flops.items())
    return f'measured peak of dense 3x3 convolutions: {told} · memory {peak.bandwidth / 1e9:.1f} GB/s'


def failure_notes(costs: Costs) -> list[str]:
    """Why cells are empty."""
    return [f'{name}, {way.precision}, {way.backend}, {shape_of(costs)} is left empty: {reason}'
            for (name, way), reason in costs.failed.items()]


def as_plain(costs: Costs) -> dict[str, Any]:
    """Everything measured for one shape."""
    return {'shape': costs.shape, 'peak': costs.peak and {'flops': costs.peak.flops,
                                                          'bytes_a_second': costs.peak.bandwidth},
            'rows': [{'model': name, **asdict(way), **asdict(row), 'flops': row.flops,
                      'seconds': row.seconds._asdict(), 'megapixels_a_second': row.megapixels_a_second}
                     for (name, way), row in costs.rows.items()],
            'failed': [{'model': name, **asdict(way), 'reason': reason}
                       for (name, way), reason in costs.failed.items()]}


def _in_order(costs: Costs) -> Sequence[Key]:
    names = dict.fromkeys(name for name, _ in costs.order)
    return [key for name in names for key in costs.order if key[0] == name]


def _use(row: CostRow, way: Way, peak: Peak | None) -> tuple[str, str, str]:
    if way.precision == 'int8':  # what it moves is not counted
        return '', '', ''
    intensity = f'{row.flops / row.moved:.1f}'
    if peak is None:
        return '', intensity, ''
    seconds = row.seconds.median
    dense = peak.flops.get(way.precision)
    return (f'{100 * row.flops / seconds / dense:.0f}%' if dense else '', intensity,
            f'{100 * row.moved / seconds / peak.bandwidth:.0f}%')


def _milliseconds(seconds: Spread) -> str:
    digits = 0 if seconds.median >= 1 else 1 if seconds.median >= 0.01 else 3
    median, low, high = (f'{1000 * value:.{digits}f}' for value in seconds)
    return f'{median} ({low}-{high})'


def _told(measured: Spread) -> str:
    digits = 4 if measured.median < 0.1 else 2 if measured.median < 10 else 1
    return f'{measured.median:.{digits}f} ({measured.low:.{digits}f}-{measured.high:.{digits}f})'
