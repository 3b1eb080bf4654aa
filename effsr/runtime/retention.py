"""Which checkpoints a run keeps: the last ones, every k-th, the best of each metric."""
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from effsr.runtime.checkpoint import CheckpointError
from effsr.runtime.sidecar import read_sidecar
from effsr.runtime.state import numbered

logger = logging.getLogger('basicsr')

Metrics = Mapping[str, Mapping[str, float | None]]  # dataset -> metric -> value


def best_iterations(metrics: Mapping[int, Metrics], lower_is_better: Iterable[str]) -> set[int]:
    """The iteration of the best value of each metric of each dataset; of equal ones the latest.

    Args:
        metrics: Of each checkpoint that was validated, by iteration.
        lower_is_better: Names of metrics whose smallest value is the best.
    """
    lower = set(lower_is_better)
    best: dict[tuple[str, str], tuple[float, int]] = {}
    for iteration in sorted(metrics):
        for dataset, values in metrics[iteration].items():
            for name, value in values.items():
                if value is None:
                    continue
                rank = -value if name in lower else value
                if (dataset, name) not in best or rank >= best[dataset, name][0]:
                    best[dataset, name] = (rank, iteration)
    return {iteration for _, iteration in best.values()}


def superfluous(iterations: Iterable[int], keep_last: int | None, keep_every: int | None,
                keep: Iterable[int] = ()) -> list[int]:
    """Those that may go.

    Args:
        iterations: Of all checkpoints.
        keep_last: How many of the newest stay; None: all of them, and nothing goes.
        keep_every: Those that it divides stay.
        keep: These stay, too.
    """
    ordered = sorted(iterations)
    if keep_last is None:
        return []
    assert keep_last >= 1, 'the newest checkpoint is what a run resumes from'
    kept = set(ordered[-keep_last:]) | set(keep)
    return [one for one in ordered if one not in kept and not (keep_every and one % keep_every == 0)]


def remove_superfluous(states: Path, models: Path, keep_last: int | None, keep_every: int | None,
                       keep_best: bool, lower_is_better: Iterable[str]) -> list[int]:
    """Remove state and weights of checkpoints that need not be kept; return their iterations.

    The state goes first: without it, what is left of a checkpoint is never resumed from.
    """
    iterations = [int(path.stem) for path in numbered(states)]
    best = best_iterations(_metrics(models, iterations), lower_is_better) if keep_best else ()
    gone = superfluous(iterations, keep_last, keep_every, best)
    for iteration in gone:
        (states / f'{iteration}.state').unlink(missing_ok=True)
        for pattern in (f'net_*_{iteration}.pth', f'net_*_{iteration}.json'):
            for file in models.glob(pattern):
                file.unlink(missing_ok=True)
    return gone


def _metrics(models: Path, iterations: Iterable[int]) -> dict[int, Metrics]:
    found = {}
    for iteration in iterations:
        try:
            sidecar = read_sidecar(models / f'net_g_{iteration}.pth')
        except CheckpointError as error:
            logger.warning('%s', error)
            continue
        if sidecar is not None and sidecar.get('metrics'):
            found[iteration] = sidecar['metrics']
    return found
