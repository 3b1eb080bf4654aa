"""What happens between the calls of BasicSR's loop: the end of an iteration, saving, stopping, what the user sees."""
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from effsr.data.loaders import Prefetcher
from effsr.models.checkpoints import commit
from effsr.models.preflight import is_own
from effsr.models.step.determinism import enforce
from effsr.options import settings
from effsr.preparation import Run
from effsr.runtime.board import Board, open_board
from effsr.runtime.distributed import any_process, gather
from effsr.runtime.events import purge_events
from effsr.runtime.progress import ProgressLogger
from effsr.runtime.signals import STATUS, Stopped, StopRequest
from effsr.sheets.first_samples import TAG, board_sheet

logger = logging.getLogger('basicsr')


class IterationEnd:
    """BasicSR's loop asks for the next batch when an iteration, its validation included, is over: then this one ends.

    Args:
        loader: Gives the batches.
        at_end: Called at the end of every iteration.
    """

    def __init__(self, loader: DataLoader, at_end: Callable[[], None]):
        self.prefetcher = Prefetcher(loader, gather)
        self.at_end = at_end
        self.under_way = False

    def reset(self) -> None:
        """Begin an epoch."""
        self.prefetcher.reset()

    def next(self) -> Mapping[str, Any] | None:
        """End the iteration under way; the next batch, or None at the end of the epoch."""
        if self.under_way:
            self.at_end()
        batch = self.prefetcher.next()
        self.under_way = batch is not None
        return batch


def show_first_samples(board: Board, run: Run) -> None:
    """Log the contact sheet of the run's first samples; what cannot be shown is left out, the training will tell."""
    try:
        sheet = board_sheet(run.options, run.loaders.train.dataset)
    except ValueError as error:
        logger.warning('TensorBoard shows no first samples: %s', error)
        return
    if sheet is not None:
        board.add_image(TAG, sheet, 0, dataformats='HWC')


class Loop:
    """What a training run needs between the calls of BasicSR's loop."""

    def __init__(self, run: Run):
        self.run = run
        self.request = StopRequest()
        self.iteration = run.resume_state['iter'] if run.resume_state is not None else 0
        self.board: Board | None = None
        self.progress: ProgressLogger | None = None
        self.batches: IterationEnd | None = None

    def read(self, loader: DataLoader) -> IterationEnd:
        """The training's batches, with the end of each iteration between them."""
        self.batches = IterationEnd(loader, self.end_iteration)
        return self.batches

    def open_board(self, plain: dict[str, Any]) -> Board | None:
        """TensorBoard's log; what an earlier process wrote there past the iteration to resume from is removed."""
        options = self.run.options
        if self.run.resume_state is not None and options.runtime.rank == 0:
            purge_events(Path(options.runtime.root_path) / 'tb_logger' / options.name, self.iteration)
        self.board = open_board(options, plain, settings(options))
        if self.board is not None and self.run.resume_state is None:
            show_first_samples(self.board, self.run)
        return self.board

    def make_progress(self, start_iter: int) -> ProgressLogger:
        """The run's progress; it is asked for after BasicSR has switched cudnn's benchmark on."""
        options, model = self.run.options, self.run.model
        enforce(options)
        drawn = model.pairs.drawn if is_own(model) else None
        self.progress = ProgressLogger(options.train.total_iter, start_iter, self.board, drawn, device=model.device,
                                       samples=self.run.loaders.sampler.describe()['batch'], rank=options.runtime.rank)
        return self.progress

    def end_iteration(self) -> None:
        """Save what is due, and stop where a signal asked for it, all processes at the same iteration."""
        model = self.run.model
        self.iteration += 1
        self.progress.tick(self.iteration)
        stop = any_process(self.request.signum is not None)
        if is_own(model) and (model.save_is_due or stop):
            commit(model)
            if self.board is not None:
                self.board.flush()
        elif stop:
            model.save(0, self.iteration)
        if stop:
            raise Stopped(self.request.signum or min(STATUS), self.iteration)

    def close(self) -> None:
        """Close what the loop leaves open when an exception ends it; a full disk must not hide that exception."""
        if self.batches is not None:
            self.batches.prefetcher.close()
        if self.progress is not None:
            self.progress.close()
        if self.board is not None:
            with suppress(OSError):
                self.board.close()
