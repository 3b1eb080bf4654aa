"""Progress of a training: one line every print_freq iterations, and TensorBoard's scalars."""
import datetime
import logging
import time
from typing import Any

logger = logging.getLogger('basicsr')


class ProgressLogger:
    """What BasicSR's loop calls as MessageLogger.

    Args:
        total_iter: Iterations of the run.
        start_iter: Iterations done before.
        tb_logger: TensorBoard's SummaryWriter, or None.
    """

    def __init__(self, total_iter: int, start_iter: int = 0, tb_logger: Any = None):
        self.total_iter = total_iter
        self.last_iter = start_iter
        self.last_time = time.perf_counter()
        self.seconds_per_iter: float | None = None
        self.tb_logger = tb_logger

    def reset_start_time(self) -> None:
        """BasicSR's loop calls it after the first iteration; the rate is taken between log lines anyway."""

    def __call__(self, log_vars: dict[str, Any]) -> None:
        """Log one line.

        Args:
            log_vars: epoch, iter, lrs, time and data_time in seconds, and the losses by name.
        """
        iteration = log_vars['iter']
        losses = {name: value for name, value in log_vars.items()
                  if name not in ('epoch', 'iter', 'lrs', 'time', 'data_time')}
        now = time.perf_counter()
        recent = max(now - self.last_time, 1e-9) / max(1, iteration - self.last_iter)
        self.last_time, self.last_iter = now, iteration
        # Half old, half new: follows a change of pace without jumping with every validation in between.
        self.seconds_per_iter = recent if self.seconds_per_iter is None else (self.seconds_per_iter + recent) / 2
        remaining = round(max(0, self.total_iter - iteration) * self.seconds_per_iter)
        waiting = min(1.0, log_vars['data_time'] / max(log_vars['time'], 1e-9))  # BasicSR's time includes data_time
        logger.info('%7d/%d  epoch %d  %.2f it/s  ETA %s  data %2.0f%%  lr %s  %s', iteration, self.total_iter,
                    log_vars['epoch'], 1 / recent, datetime.timedelta(seconds=remaining), 100 * waiting,
                    ' '.join(f'{rate:.2e}' for rate in log_vars['lrs']),
                    '  '.join(f'{name} {value:.4f}' for name, value in losses.items()))
        if self.tb_logger is not None:
            self._write_scalars(iteration, log_vars['lrs'], losses, 1 / recent, waiting)

    def _write_scalars(self, iteration: int, lrs: list[float], losses: dict[str, float], speed: float,
                       waiting: float) -> None:
        for name, value in losses.items():
            self.tb_logger.add_scalar(f'losses/{name}', value, iteration)
        for number, rate in enumerate(lrs):
            self.tb_logger.add_scalar(f'learning_rate/group_{number}', rate, iteration)
        self.tb_logger.add_scalar('speed/iterations_per_second', speed, iteration)
        self.tb_logger.add_scalar('speed/share_waiting_for_data', waiting, iteration)
