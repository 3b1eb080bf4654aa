"""What the training benchmark measured, as tables, notes and plain values."""
from dataclasses import dataclass
from typing import Any

from effsr.benchmarks.case import STAGES, Case
from effsr.benchmarks.contender import Whole
from effsr.benchmarks.contenders import BASICSR, GROUPED, NAMES, OURS
from effsr.benchmarks.interleave import Spread, ratio, spread
from effsr.benchmarks.memory import Memory
from effsr.runtime.tables import Table

HEAD = ('milliseconds', *NAMES, f'{BASICSR} / {OURS}', f'{GROUPED} / {OURS}')
MIB = 2**20

NOTES = (
    'Times are medians over the rounds, in brackets the lowest and highest; the first round is dropped. Contenders '
    'take turns within each round (A B C A B C ...), once with nothing wrapped and once with their stages timed. '
    'A ratio is the median of the ratios within each round, not the ratio of the medians.',
    'Stages: the functions that a step calls are wrapped, which costs a little itself; their sum is to be compared '
    'with the whole iteration below it, in which nothing is wrapped. Ratios of whole iterations and steps are of the '
    'unwrapped runs; on a GPU these wait for the device at both ends of an iteration, the stages at theirs.',
    'backward G goes through the discriminator too; forward D is its passes for both networks (3), backward D its own '
    '(2). losses and rest: losses, zero_grad, learning rate, log, checks of what came out.',
    'Data are loaded in the same process, one batch at a time, the same photographs in the same round, decoded anew '
    'for every crop. BasicSR makes its kernels there; ours are drawn in the step, under "degradation, rest".',
    'Not the same by design: BasicSR draws resizing, noise and the order of JPEG once for a batch, ours for each '
    'image, and its degradation therefore goes image by image. BasicSR and "USM grouped" draw the same numbers in the '
    "same round; ours come from the seeds of its samples, from the same distributions. BasicSR's RealESRGANModel "
    'sharpens gt a second time, after the pool; our pool keeps the sharpened crop, which takes memory instead.',
    "The same for all: the classes of the networks (effsr's SRVGGNetCompact and UNetDiscriminatorSN, BasicSR's "
    'RRDBNet), float32, threads, photographs, batch, pool (filled before timing), Adam, L1 loss, GAN loss, moving '
    'average. There is no perceptual loss; it would be the same code on both sides.',
    'Peak memory: each contender in a process of its own (model, pool, a few iterations). On a CPU the resident '
    'memory, and what of it lies above Python with its libraries; on a GPU what torch allocated.',
)


@dataclass(frozen=True)
class Result:
    """Measurements of one case, by contender: whole iterations, stages (both in seconds a round), peak memory."""

    case: Case
    whole: dict[str, list[Whole]]
    stages: dict[str, list[dict[str, float]]]
    memory: dict[str, Memory | None]

    def steps(self, name: str) -> list[float]:
        """Seconds from feed_data to the end of the step."""
        return [one.step for one in self.whole[name]]

    def iterations(self, name: str) -> list[float]:
        """Seconds of an iteration, loading its batch included."""
        return [one.data + one.step for one in self.whole[name]]


def case_title(case: Case) -> str:
    """Model and network."""
    return f'{case.model_type}, {case.network}'


def _times(label: str, seconds: dict[str, list[float]], wide: bool = False) -> tuple[str, ...]:
    """A row of the table of one case; `wide` tells the spread too."""
    cells = []
    for name in NAMES:
        middle, low, high = (1000 * value for value in spread(seconds[name]))
        cells.append(f'{middle:.1f} ({low:.1f}-{high:.1f})' if wide else f'{middle:.1f}')
    for name in (BASICSR, GROUPED):
        if all(seconds[OURS]):
            value = ratio(seconds[name], seconds[OURS])
            cells.append(_ratio(value) if wide else f'{value.median:.2f}')
        else:
            cells.append('-')  # ours has no such stage
    return (label, *cells)


def _ratio(value: Spread) -> str:
    return f'{value.median:.2f} ({value.low:.2f}-{value.high:.2f})'


def case_table(result: Result) -> Table:
    """Stage by stage, then whole iterations, iterations a second and memory."""
    rows = []
    for stage in STAGES:
        seconds = {name: [one.get(stage, 0.0) for one in result.stages[name]] for name in NAMES}
        if any(value for values in seconds.values() for value in values):
            rows.append(_times(stage, seconds))
    sums = {name: [sum(one.values()) for one in result.stages[name]] for name in NAMES}
    steps = {name: result.steps(name) for name in NAMES}
    iterations = {name: result.iterations(name) for name in NAMES}
    rows += [_times('sum of the stages', sums, True), _times('whole iteration', iterations, True),
             _times('  of it the step (data at hand)', steps, True)]
    for label, seconds in (('iterations a second', iterations), ('  data at hand', steps)):
        rows.append((label, *(f'{1 / spread(seconds[name]).median:.3f}' for name in NAMES), '', ''))
    return Table(case_title(result.case), HEAD, (*rows, *_memory_rows(result)))


def _memory_rows(result: Result) -> list[tuple[str, ...]]:
    if any(result.memory[name] is None for name in NAMES):
        return [('peak memory, MiB', *('not told by this system',) * len(NAMES), '', '')]
    rows = []
    for label, values in (('peak memory, MiB', {name: result.memory[name].peak for name in NAMES}),
                          ('  above the libraries', {name: result.memory[name].peak - result.memory[name].before
                                                     for name in NAMES})):
        rows.append((label, *(f'{values[name] / MIB:.0f}' for name in NAMES),
                     *(f'{values[name] / values[OURS]:.2f}' if values[OURS] else '-' for name in (BASICSR, GROUPED))))
    return rows


def summary_table(results: list[Result]) -> Table:
    """How many times as many iterations a second ours does, of each case."""
    head = ('times as fast as', BASICSR, GROUPED, f'{BASICSR}, data at hand', f'{GROUPED}, data at hand')
    rows = []
    for result in results:
        cells = [_ratio(ratio(seconds(name), seconds(OURS))) for seconds in (result.iterations, result.steps)
                 for name in (BASICSR, GROUPED)]
        rows.append((case_title(result.case), *cells))
    return Table(f'{OURS} against BasicSR as it is, and against BasicSR with its USM merely grouped', head, tuple(rows))


def as_plain(result: Result) -> dict[str, Any]:
    """Everything measured, for a JSON file; seconds and bytes, one number a round."""
    case = result.case
    return {
        'model': case.model_type, 'network': case.network, 'network_args': case.network_args,
        'batch': case.batch, 'crop': case.crop, 'gt_size': case.gt_size, 'pool': case.pool,
        'num_feat_d': case.num_feat_d if case.gan else None,
        'contenders': {name: {
            'data_seconds': [one.data for one in result.whole[name]], 'step_seconds': result.steps(name),
            'stage_seconds': result.stages[name],
            'iterations_per_second': 1 / spread(result.iterations(name)).median,
            'peak_memory_bytes': result.memory[name].peak if result.memory[name] else None,
            'memory_before_bytes': result.memory[name].before if result.memory[name] else None,
        } for name in NAMES},
        'ratio': {name: ratio(result.iterations(name), result.iterations(OURS))._asdict()
                  for name in (BASICSR, GROUPED)},
    }
