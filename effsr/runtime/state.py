"""Training states: what a run needs to go on, beside its weights."""
from pathlib import Path
from typing import Any

from effsr.runtime.checkpoint import CheckpointError, load_file


def read_state(path: Path, total_iter: int) -> dict[str, Any]:
    """Read a training state, of at most total_iter iterations.

    Raises:
        CheckpointError: Missing, damaged, something else, or of a longer run.
    """
    state = load_file(path)
    if not isinstance(state, dict) or not {'iter', 'optimizers', 'schedulers'} <= state.keys():
        raise CheckpointError(f'{path}: is no training state; accepted: experiments/NAME/training_states/N.state')
    if state['iter'] > total_iter:
        raise CheckpointError(f'{path}: is of iteration {state["iter"]}, past train: total_iter {total_iter}; raise '
                              'total_iter, or name an earlier state in path: resume_state')
    return state
