"""Training states: what a run needs to go on beside its weights; which of them are whole."""
import logging
from pathlib import Path
from typing import Any, NamedTuple

from effsr.runtime.checkpoint import CheckpointError, file_digest, load_file

logger = logging.getLogger('basicsr')

ASIDE = '.skipped'  # put behind the names of files that a resumed run goes past


class Found(NamedTuple):
    """The newest whole state of a folder, and a line for each newer one on why it is not."""

    path: Path | None
    skipped: list[str]


def read_state(path: Path, total_iter: int | None = None) -> dict[str, Any]:
    """Read a training state.

    Args:
        path: experiments/NAME/training_states/N.state, effsr's or BasicSR's.
        total_iter: Iterations of the run, which the state must not be past; None: any.

    Raises:
        CheckpointError: Missing, damaged, something else, or of a longer run.
    """
    state = load_file(path)
    if not isinstance(state, dict) or not {'iter', 'optimizers', 'schedulers'} <= state.keys():
        raise CheckpointError(f'{path}: is no training state; accepted: experiments/NAME/training_states/N.state')
    if total_iter is not None and state['iter'] > total_iter:
        raise CheckpointError(f'{path}: is of iteration {state["iter"]}, past train: total_iter {total_iter}; raise '
                              'total_iter, or name an earlier state in path: resume_state')
    return state


def weights_of(state_path: Path, label: str, iteration: int) -> Path:
    """The weights that belong to a state: experiments/NAME/models/net_LABEL_ITERATION.pth, label g or d."""
    return state_path.parent.parent / 'models' / f'net_{label}_{iteration}.pth'


def check_whole(path: Path) -> None:
    """Check that a state and the weights that it goes with are there as they were written.

    A state of effsr's knows its weights' checksums; beside one of BasicSR's, weights that can be read are enough.

    Raises:
        CheckpointError: What is missing, damaged or of another moment.
    """
    state = read_state(path)
    if 'files' not in state:
        load_file(weights_of(path, 'g', state['iter']))
        return
    for name, digest in state['files'].items():
        file = path.parent.parent / name
        if file_digest(file) != digest:
            raise CheckpointError(f'{file}: is not the file that {path.name} was written with (its checksum differs)')


def numbered(folder: Path) -> list[Path]:
    """States of a folder, N.state, newest first."""
    states = [path for path in folder.glob('*.state') if path.stem.isdecimal()]
    return sorted(states, key=lambda path: int(path.stem), reverse=True)


def newest_whole(folder: Path) -> Found:
    """Find the newest state of a folder that is whole.

    Raises:
        CheckpointError: There are states, and none is whole: starting afresh would put a damaged run out of sight.
    """
    skipped: list[str] = []
    latest = folder / 'latest.state'  # the last one's second name, should only that be left
    for path in numbered(folder) or ([latest] if latest.exists() else []):
        try:
            check_whole(path)
        except CheckpointError as error:
            skipped.append(f'{path.name}: {error}')
            continue
        return Found(path, skipped)
    if skipped:
        reasons = skipped[0] if len(skipped) == 1 else '\n'.join(('', *skipped))
        raise CheckpointError(f'{folder}: none of its {len(skipped)} checkpoints is whole, and nothing was changed; '
                              f'restore one, or move the run away to start afresh: {reasons}')
    return Found(None, [])


def find_resume_state(training_states: str | None, auto_resume: bool, resume_state: str | None) -> Path | None:
    """The training state to go on from, or None to start afresh.

    Args:
        training_states: Folder of this run's states.
        auto_resume: Take the newest whole one of them; that there is none at all is no error.
        resume_state: The file that the option file names, taken where auto_resume finds none.

    Raises:
        CheckpointError: As :func:`newest_whole`; or the named state, or its weights, are not whole.
    """
    if auto_resume and training_states is not None:
        found = newest_whole(Path(training_states))
        for reason in found.skipped:
            logger.warning('--auto_resume: skipped %s', reason)
        if found.path is not None:
            return found.path
        logger.info('--auto_resume: no state in %s, %s', training_states,
                    f'going on from {resume_state}' if resume_state else 'starting afresh')
    if resume_state is None:
        return None
    check_whole(Path(resume_state))
    return Path(resume_state)


def put_aside(folder: Path, models: Path, iteration: int) -> None:
    """Rename states and weights of later iterations to NAME.skipped: the run that resumes here takes another way.

    Without it the next --auto_resume would take them for the newest of this run.
    """
    for path in numbered(folder):
        number = int(path.stem)
        if number <= iteration:
            continue
        # The state last: as long as it is there, a next attempt knows that there is something to put aside.
        for file in (*folder.glob(f'{number}_rank*.pool'), *models.glob(f'net_*_{number}.pth'),
                     *models.glob(f'net_*_{number}.json'), path):
            file.rename(_free_name(file))
        logger.warning('%s and its weights lie past iteration %d; they are now *%s', path.name, iteration, ASIDE)


def _free_name(file: Path) -> Path:
    """NAME.skipped, or NAME.skipped2 ... where an earlier resume has put one of this name aside."""
    target, count = file.with_name(file.name + ASIDE), 1
    while target.exists():
        count += 1
        target = file.with_name(f'{file.name}{ASIDE}{count}')
    return target
