"""TensorBoard's log of a run, and Weights & Biases, which copies it."""
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from basicsr.utils.logger import init_wandb_logger

logger = logging.getLogger('basicsr')

Board = Any  # torch's SummaryWriter, which takes a second to import

FLUSH_SECONDS = 10  # what a killed run loses
BINS = 30
GRADIENT_NORM = 'grad_norm_'
BALANCE = ('gradient_ratio', 'd_accuracy_real', 'd_accuracy_fake')
OWN_TAGS = ('loss_scale', 'skipped')


def open_board(options: Any, plain: dict[str, Any], settings: Mapping[str, Any] | None = None) -> Board | None:
    """Open tb_logger/NAME on process 0, beginning with the run's settings; before it Weights & Biases, if wanted.

    Args:
        options: name, logger, runtime, datasets and val are read. As in BasicSR, a name with debug in it has no log.
        plain: The same as BasicSR's dict, for Weights & Biases.
        settings: What the page HPARAMS shows, by name; None for no such page.
    """
    if not options.logger.use_tb_logger or options.runtime.rank != 0 or 'debug' in options.name:
        return None
    if (options.logger.wandb or {}).get('project') is not None:
        init_wandb_logger(plain)  # first, so that it sees the writer being made
    from torch.utils.tensorboard import SummaryWriter

    board = SummaryWriter(str(Path(options.runtime.root_path) / 'tb_logger' / options.name), flush_secs=FLUSH_SECONDS)
    if settings:
        write_settings(board, settings, metric_tags(options))
    return board


def metric_tags(options: Any) -> list[str]:
    """Under which names validations write their scores."""
    names = [dataset.name for dataset in options.datasets.values() if dataset.phase == 'val']
    metrics = options.val.metrics if options.val is not None else {}
    return [f'metrics/{dataset}/{metric}' for dataset in names for metric in metrics]


def write_settings(board: Board, settings: Mapping[str, Any], tags: Sequence[str]) -> None:
    """Write a run's settings and the scores to show beside them into the run itself.

    SummaryWriter.add_hparams would make a second run in a subfolder, and write a score of its own.

    Args:
        board: The writer.
        settings: Name to number, word, truth value; anything else is written as its text.
        tags: Of scalars that the run will write.
    """
    from torch.utils.tensorboard.summary import hparams

    shown = {name: value if isinstance(value, bool | int | float | str) else str(value)
             for name, value in settings.items()}
    for summary in hparams(shown, dict.fromkeys(tags, 0)):
        board.file_writer.add_summary(summary)
    board.flush()


def tag_of(name: str) -> str:
    """Where a value of the model's log stands: losses/, gradient_norms/, balance/, or on its own."""
    if name.startswith(GRADIENT_NORM):
        return f'gradient_norms/{name.removeprefix(GRADIENT_NORM)}'
    if name in BALANCE:
        return f'balance/{name}'
    return name if name in OWN_TAGS else f'losses/{name}'


def write_values(board: Board, iteration: int, values: Mapping[str, float], rates: Sequence[float]) -> None:
    """Write the model's log and the learning rate of each group."""
    for name, value in values.items():
        board.add_scalar(tag_of(name), value, iteration)
    for number, rate in enumerate(rates):
        board.add_scalar(f'learning_rate/group_{number}', rate, iteration)


def write_drawn(board: Board, iteration: int, drawn: Mapping[str, np.ndarray]) -> None:
    """Write a histogram of each degradation parameter since the last ones, in equal steps from least to most."""
    for name, values in drawn.items():
        board.add_histogram(f'degradation/{name}', values, iteration, bins=BINS)
