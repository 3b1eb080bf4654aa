"""What the benchmark of whole upscaling programs measured, as tables, notes and plain values."""
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from effsr.benchmarks.interleave import ratio, spread
from effsr.benchmarks.whole_programs import Ran
from effsr.runtime.tables import Table

MIB = 2**20
HEAD = ('way', 'seconds', 'output MP/s', 'times as long', 'peak memory, MiB', 'of the GPU, MiB',
        'largest difference', 'PSNR, dB')
NOTES = (
    'Seconds are of the whole program, from its start to its end: Python, its libraries, the weights, decoding, the '
    'network, encoding PNG. Median, in brackets lowest and highest; all take turns within each round, and the first '
    'round, which finds the disk cold, is dropped. Times as long: as the way in the first row, the median of the '
    'ratios within each round.',
    'effsr is effsr/upscale.py as it comes, which picks precision and tiles by itself; "effsr, fp32" is the same with '
    '--precision fp32. The reference is the same network and weights run as '
    "Real-ESRGAN's inference script runs them: one picture after the other in one thread, fp32 on a CPU and fp16 on "
    'CUDA, whole or in tiles with 10 pixels around each, the result put together in memory.',
    'Peak memory is what was resident of the process, Python and its libraries included. A program that asks for more '
    'than the limit is refused it.',
    'Largest difference, of 255, and PSNR: to the pictures that the reference makes whole.',
)


@dataclass(frozen=True)
class Result:
    """One task.

    Attributes:
        title: What was upscaled.
        megapixels: Of the input.
        scale: Factor.
        rans: Way -> its rounds; without those that failed.
        failed: Way -> the run that failed.
        differences: Way -> (largest difference, mean squared error) to the reference's results, of 255.
    """

    title: str
    megapixels: float
    scale: int
    rans: dict[str, list[Ran]]
    failed: dict[str, Ran]
    differences: dict[str, tuple[int, float]] = field(default_factory=dict)


def result_table(result: Result) -> Table:
    """A row for each way, what failed last."""
    output = result.megapixels * result.scale**2
    first = next(iter(result.rans), None)
    rows = []
    for way, rans in result.rans.items():
        seconds = [ran.seconds for ran in rans]
        median, low, high = spread(seconds)
        against = ratio(seconds, [ran.seconds for ran in result.rans[first]])
        rows.append((way, f'{median:.1f} ({low:.1f}-{high:.1f})', f'{output / median:.3g}', f'{against.median:.2f}',
                     _mib([ran.resident for ran in rans]), _mib([ran.device for ran in rans]),
                     *_difference(result.differences.get(way))))
    rows += [(way, 'out of memory' if ran.of_memory else 'failed', '', '', _mib([ran.resident]), _mib([ran.device]), '',
              '') for way, ran in result.failed.items()]
    title = f'{result.title}, {result.megapixels:.1f} MP, x{result.scale} to {output:.0f} MP'
    return Table(title, HEAD, tuple(rows))


def failure_notes(results: Sequence[Result]) -> list[str]:
    """Why rows are empty."""
    return [f'{result.title}, {way}, ended after {ran.seconds:.1f} s: {ran.error}' for result in results
            for way, ran in result.failed.items()]


def as_plain(result: Result) -> dict[str, Any]:
    """Everything measured for one task."""
    return {'task': result.title, 'megapixels': result.megapixels, 'scale': result.scale,
            'ways': {way: [asdict(ran) for ran in rans] for way, rans in result.rans.items()},
            'failed': {way: asdict(ran) for way, ran in result.failed.items()},
            'differences': {way: {'largest': largest, 'mean_squared_error': error}
                            for way, (largest, error) in result.differences.items()}}


def _mib(sizes: Sequence[int | None]) -> str:
    known = [size for size in sizes if size is not None]
    return f'{max(known) / MIB:.0f}' if known else ''


def _difference(found: tuple[int, float] | None) -> tuple[str, str]:
    if found is None:
        return '', ''
    largest, error = found
    return str(largest), '' if error == 0 else f'{10 * math.log10(255**2 / error):.1f}'
