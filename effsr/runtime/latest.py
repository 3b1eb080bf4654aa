"""What is called latest, and what a checkpoint leaves behind when the next one is there."""
from pathlib import Path

from effsr.runtime.atomic import link_atomic, remove_leftovers
from effsr.runtime.sidecar import sidecar_path

LATEST = 'latest'


def call_latest(models: Path, states: Path | None, label: str) -> None:
    """Let the files called latest be those of a checkpoint; one that is left half done is mended by the next."""
    for network in ('g', 'd'):
        source = models / f'net_{network}_{label}.pth'
        if source.exists():
            link_atomic(source, models / f'net_{network}_{LATEST}.pth')
    sidecar, latest = (sidecar_path(models / f'net_g_{name}.pth') for name in (label, LATEST))
    if sidecar.exists():
        link_atomic(sidecar, latest)
    else:  # BasicSR writes none, and one of other weights would mislead
        latest.unlink(missing_ok=True)
    if states is not None:
        link_atomic(states / f'{label}.state', states / f'{LATEST}.state')


def clear(models: Path, states: Path, label: str) -> None:
    """Remove the pools of earlier states, and what killed processes left half written."""
    for pool in states.glob('*_rank*.pool'):
        if pool.name.partition('_')[0] != label:
            pool.unlink(missing_ok=True)
    for folder in (models, states):
        remove_leftovers(folder)


def settle_latest(models: Path, states: Path, iteration: int) -> None:
    """Let latest be the checkpoint that a run resumes from, whatever an earlier process was killed in the middle of.

    Args:
        models, states: Folders of the run; where it goes on from another run's state, they do not have it.
        iteration: Of the state.
    """
    if (states / f'{iteration}.state').exists():
        call_latest(models, states, str(iteration))
        clear(models, states, str(iteration))
