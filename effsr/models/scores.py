"""Scores of validations: means beside those of bicubic, the best so far, metrics.jsonl, TensorBoard."""
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from effsr.metrics import higher_is_better
from effsr.runtime.atomic import atomic_file

logger = logging.getLogger('basicsr')


class Score(NamedTuple):
    """Mean of one metric over a dataset: of the network, of bicubic, and the best one so far."""

    value: float
    baseline: float | None
    best: float
    best_iter: int | str


class ScoreBook:
    """The scores of a run's datasets, and the file they are written to.

    Args:
        metrics: The options of each metric by its name.
        file: metrics.jsonl, or None.
    """

    def __init__(self, metrics: Mapping[str, Mapping[str, Any]], file: Path | None):
        self.metrics = metrics
        self.file = file
        self.scores: dict[str, dict[str, Score]] = {}

    def add(self, dataset: str, iteration: int | str, rows: Sequence[Mapping[str, float]],
            baselines: Sequence[Mapping[str, float]]) -> dict[str, Score]:
        """Take in one validation: the metrics of each image, in the images' order, and those of bicubic."""
        bicubic = means(baselines)
        self.scores[dataset] = {name: self._score(dataset, name, value, bicubic[name], iteration)
                                for name, value in means(rows).items()}
        return self.scores[dataset]

    def write(self, dataset: str, iteration: int | str, board: Any = None) -> None:
        """Log the scores of a dataset, append them to the file, and write them to TensorBoard."""
        scores = self.scores[dataset]
        logger.info('%s', describe(dataset, iteration, scores))
        if self.file is not None:
            text = ''.join(row(dataset, iteration, name, score) for name, score in scores.items())
            with self.file.open('a', encoding='utf-8') as file:
                file.write(text)  # at once, so that a kill leaves all of it or none
                file.flush()
        if board is not None:
            for name, score in scores.items():
                board.add_scalar(f'metrics/{dataset}/{name}', score.value, iteration)
                board.add_scalar(f'metrics/{dataset}/{name}_bicubic', score.baseline, iteration)

    def state(self) -> dict[str, dict[str, list]]:
        """The scores as plain values, for a training state."""
        return {dataset: {name: list(score) for name, score in scores.items()}
                for dataset, scores in self.scores.items()}

    def restore(self, state: Mapping[str, Mapping[str, list]]) -> None:
        """Take up the scores of an earlier run, so that the best so far goes on from there."""
        self.scores = {dataset: {name: Score(*score) for name, score in scores.items()}
                       for dataset, scores in state.items()}

    def rewind(self, iteration: int, validated: Mapping[str, int | str] | None = None) -> None:
        """Take out of metrics.jsonl what lies past an iteration, and the best so far from what is left.

        Args:
            iteration: The last one that stays.
            validated: Dataset to the iteration of its last validation, as a training state has it: rows of `iteration`
                itself stay only for datasets that were validated at it. None keeps them all.
        """
        if self.file is None or not self.file.exists():
            return
        kept = [row for row in read_rows(self.file) if isinstance(row['iter'], int) and (
            row['iter'] < iteration or row['iter'] == iteration and
            (validated is None or validated.get(row['dataset']) == iteration))]
        with atomic_file(self.file) as file:
            file.write(''.join(json.dumps(row) + '\n' for row in kept).encode())
        self.scores = {}
        for row in kept:
            if row['metric'] in self.metrics and row['value'] is not None:
                scores = self.scores.setdefault(row['dataset'], {})
                scores[row['metric']] = self._score(row['dataset'], row['metric'], row['value'], row['baseline'],
                                                    row['iter'])

    def _score(self, dataset: str, name: str, value: float, baseline: float, iteration: int | str) -> Score:
        before = self.scores.get(dataset, {}).get(name)
        higher = higher_is_better(self.metrics[name])
        if before is None or math.isnan(before.best) or (value > before.best if higher else value < before.best):
            return Score(value, baseline, value, iteration)
        return Score(value, baseline, before.best, before.best_iter)


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over all images."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def row(dataset: str, iteration: int | str, name: str, score: Score) -> str:
    """One line of metrics.jsonl. JSON has no infinity, which is the PSNR of equal pictures: it becomes null."""
    numbers = {key: value if value is not None and math.isfinite(value) else None for key, value in
               (('value', score.value), ('baseline', score.baseline), ('best', score.best))}
    return json.dumps({'iter': iteration, 'dataset': dataset, 'metric': name, **numbers}) + '\n'


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; a last line that a kill cut short is left out.

    Raises:
        ValueError: Another line is no JSON.
    """
    lines = file.read_text(encoding='utf-8').splitlines(keepends=True)
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            if number < len(lines) or line.endswith('\n'):
                raise ValueError(f'{file}, line {number}: no JSON ({error}); take the line out') from error
    return rows


def describe(dataset: str, iteration: int | str, scores: Mapping[str, Score]) -> str:
    """One line for each metric: value, difference to bicubic, best so far."""
    where = f'iteration {iteration}' if isinstance(iteration, int) else str(iteration)
    lines = [f'Validation on {dataset}, {where}']
    for name, score in scores.items():
        line = f'  {name:<9} {score.value:8.4f}   bicubic {score.baseline:8.4f} ({score.value - score.baseline:+.4f})'
        if isinstance(iteration, int):
            line += f'   best {score.best:8.4f} at {score.best_iter}'
        lines.append(line)
    return '\n'.join(lines)
