"""Progress of a training: a bar on a terminal, one line every print_freq iterations, and TensorBoard's curves."""
import datetime
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

import numpy as np
import torch

from effsr.runtime.bar import on_terminal, open_bar
from effsr.runtime.board import Board, write_drawn, write_values
from effsr.runtime.memory_use import peak_memory

logger = logging.getLogger('basicsr')


class Drawn(Protocol):
    """Gives arrays by name of what was drawn since it was last asked."""

    def read(self) -> Mapping[str, np.ndarray]: ...


class ProgressLogger:
    """What BasicSR's loop calls as MessageLogger.

    Args:
        total_iter: Iterations of the run.
        start_iter: Iterations done before.
        board: TensorBoard's SummaryWriter, or None.
        drawn: The degradation parameters of late, for histograms, or None.
        samples: Images in an iteration, over all processes; 0 where it is not known.
        device: Whose memory is told.
        rank: Only process 0 draws a bar.
        stream: Where to draw it, if that is a terminal; None for the standard output.
    """

    def __init__(self, total_iter: int, start_iter: int = 0, board: Board | None = None, drawn: Drawn | None = None, *,
                 samples: int = 0, device: torch.device | None = None, rank: int = 0, stream: TextIO | None = None):
        self.total_iter = total_iter
        self.last_iter = start_iter
        self.last_time = time.perf_counter()
        self.seconds_per_iter: float | None = None
        self.board = board
        self.drawn = drawn
        self.samples = samples
        self.device = device if device is not None else torch.device('cpu')
        self.ticked = False
        self.bar = open_bar(total_iter, start_iter, stream) if rank == 0 and on_terminal(stream) else None

    def reset_start_time(self) -> None:
        """BasicSR's loop calls it after the first iteration of a new run; tick does the same for every run."""

    def tick(self, iteration: int) -> None:
        """An iteration is over; it costs next to nothing."""
        if not self.ticked:
            self.ticked = True
            if iteration > self.last_iter:  # the first one, with its start of readers and compilers, says nothing
                self.last_iter, self.last_time = iteration, time.perf_counter()
        if self.bar is not None:
            self.bar.update(iteration - self.bar.n)

    def __call__(self, log_vars: Mapping[str, Any]) -> None:
        """Log one line, and write what TensorBoard shows.

        Args:
            log_vars: epoch, iter, lrs, time and data_time in seconds, and the losses by name.
        """
        iteration = log_vars['iter']
        values = {name: value for name, value in log_vars.items()
                  if name not in ('epoch', 'iter', 'lrs', 'time', 'data_time')}
        recent = self._seconds_since(iteration)
        remaining = round(max(0, self.total_iter - iteration) * self.seconds_per_iter)
        waiting = min(1.0, log_vars['data_time'] / max(log_vars['time'], 1e-9))  # BasicSR's time includes data_time
        logger.info('%7d/%d  epoch %d  %.2f it/s  ETA %s  data %2.0f%%  lr %s  %s', iteration, self.total_iter,
                    log_vars['epoch'], 1 / recent, datetime.timedelta(seconds=remaining), 100 * waiting,
                    ' '.join(f'{rate:.2e}' for rate in log_vars['lrs']),
                    '  '.join(f'{name} {value:.4f}' for name, value in values.items()))
        memory = peak_memory(self.device)
        if self.bar is not None:
            self.bar.set_postfix_str(postfix(log_vars['lrs'], waiting, memory, values))
        if self.board is not None:
            write_values(self.board, iteration, values, log_vars['lrs'])
            self._write_costs(iteration, recent, waiting, memory)
            write_drawn(self.board, iteration, self.drawn.read() if self.drawn is not None else {})

    def close(self) -> None:
        """Take the bar away, so that what follows stands on lines of its own."""
        if self.bar is not None:
            self.bar.close()

    def _seconds_since(self, iteration: int) -> float:
        """Seconds for an iteration since the last line; the ETA goes by a mean over lines."""
        now = time.perf_counter()
        recent = max(now - self.last_time, 1e-9) / max(1, iteration - self.last_iter)
        self.last_time, self.last_iter = now, iteration
        # Half old, half new: follows a change of pace without jumping with every validation in between.
        self.seconds_per_iter = recent if self.seconds_per_iter is None else (self.seconds_per_iter + recent) / 2
        return recent

    def _write_costs(self, iteration: int, seconds: float, waiting: float, memory: int | None) -> None:
        self.board.add_scalar('speed/iterations_per_second', 1 / seconds, iteration)
        self.board.add_scalar('speed/share_waiting_for_data', waiting, iteration)
        if self.samples:
            self.board.add_scalar('speed/samples_per_second', self.samples / seconds, iteration)
        if memory is not None:
            self.board.add_scalar('memory/peak_gib', memory / 2**30, iteration)


def postfix(rates: list[float], waiting: float, memory: int | None, values: Mapping[str, float]) -> str:
    """What stands behind the bar: learning rate, share of waiting for data, memory, losses; the last is cut first."""
    parts = [f'lr {rates[0]:.1e}'] if rates else []
    parts.append(f'data {100 * waiting:.0f}%')
    if memory is not None:
        parts.append(f'{memory / 2**30:.1f} GiB')
    return ', '.join([*parts, *(f'{name} {value:.3g}' for name, value in values.items() if name.startswith('l_'))])
