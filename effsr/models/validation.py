"""Validation: results in tiles, metrics beside those of bicubic, the best so far, pictures, metrics.jsonl."""
import json
import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from basicsr.utils.matlab_functions import imresize
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from effsr.data.image_io import to_uint8, write_rgb
from effsr.inference.tiling import crop_to_scale, pad_to_multiple, upscale_tiled
from effsr.metrics import check_metrics, compute_metrics, higher_is_better, without_reference
from effsr.options import Options
from effsr.runtime.atomic import atomic_file

logger = logging.getLogger('basicsr')

SHOWN_SIDE = 400  # pixels of a picture in TensorBoard; larger ones are cut to their middle


class Score(NamedTuple):
    """Mean of one metric over a dataset: of the network, of bicubic, and the best one so far."""

    value: float
    baseline: float | None
    best: float
    best_iter: int | str


def bicubic(lq: Tensor, scale: int) -> np.ndarray:
    """Enlarge lq (1, 3, h, w) as MATLAB's imresize does, the baseline of the literature; uint8 (H, W, 3) RGB."""
    return to_uint8(imresize(lq[0].cpu(), scale))


class Validator:
    """Runs validations of one model and remembers their results.

    Args:
        options: The sections val, path, name and scale are read.
    """

    def __init__(self, options: Options):
        assert options.val is not None, 'a model without a val section has nothing to validate with'
        self.options = options.val
        self.scale = options.scale
        self.metrics = {name: entry.model_dump() for name, entry in options.val.metrics.items()}
        check_metrics(self.metrics)
        self.no_reference = without_reference(self.metrics)
        # RRDBNet folds pixels into channels for small factors.
        self.multiple = {2: 2, 1: 4}.get(options.scale, 1) if options.network_g.type == 'RRDBNet' else 1
        root = options.path.experiments_root or options.path.results_root
        self.metrics_file = Path(root) / 'metrics.jsonl' if root else None
        self.visualization = Path(options.path.visualization) if options.path.visualization else None
        self.is_train = options.runtime.is_train
        self.suffix = options.val.suffix or options.name
        self.scores: dict[str, dict[str, Score]] = {}
        self._baselines: dict[tuple[str, int], dict[str, float]] = {}

    @torch.no_grad()
    def infer(self, net: Callable[[Tensor], Tensor], lq: Tensor) -> Tensor:
        """lq (B, 3, h, w) -> (B, 3, h*scale, w*scale), in tiles where val: tile says so."""
        tile, tile_pad = (-(-side // self.multiple) * self.multiple
                          for side in (self.options.tile, self.options.tile_pad))
        result = upscale_tiled(net, pad_to_multiple(lq, self.multiple), self.scale, tile, tile_pad)
        return crop_to_scale(result, lq, self.scale)

    def run(self, net: Callable[[Tensor], Tensor], loader: DataLoader, device: torch.device, iteration: int | str,
            tb_logger: Any = None, save_img: bool = False) -> dict[str, Score]:
        """Validate a network on one dataset, log and write what came out.

        Args:
            net: In evaluation mode, on `device`.
            loader: Gives one image at a time: lq, lq_path and, for metrics, gt.
            device: Where to compute.
            iteration: Number of finished iterations; for a test, the name of the run.
            tb_logger: TensorBoard's SummaryWriter, or None.
            save_img: Whether to write every result to the visualization folder.

        Returns:
            The scores by the metric's name; empty where there is no gt.
        """
        dataset = loader.dataset.opt['name']
        rows: list[dict[str, float]] = []
        baselines: list[dict[str, float]] = []
        names: set[str] = set()
        samples = tqdm(loader, f'validating {dataset}', leave=False, disable=not self.options.pbar)
        for number, sample in enumerate(samples):
            name = Path(sample['lq_path'][0]).stem
            if name in names:  # of another folder, or with another suffix
                name = f'{name}_{number}'
            names.add(name)
            lq = sample['lq'].to(device)
            result = to_uint8(self.infer(net, lq))
            gt = to_uint8(sample['gt']) if 'gt' in sample else None
            shown = tb_logger is not None and number < self.options.tb_images
            metrics = self.metrics if gt is not None else self.no_reference
            scored = bool(metrics)
            unknown = scored and (dataset, number) not in self._baselines
            enlarged = bicubic(lq, self.scale) if shown or unknown else None
            if unknown:
                self._baselines[dataset, number] = compute_metrics(metrics, enlarged, gt)
            if scored:
                rows.append(compute_metrics(metrics, result, gt))
                baselines.append(self._baselines[dataset, number])
            if save_img:
                self._write(result, dataset, name, iteration)
            if shown:
                tb_logger.add_image(f'pictures/{dataset}/{name} (lq, bicubic, result, gt)',
                                    side_by_side(to_uint8(lq), enlarged, result, gt), iteration, dataformats='HWC')
        if not rows:
            logger.info('%s: no metrics: val: metrics has none, or none that does without gt', dataset)
            return {}
        return self._record(dataset, rows, baselines, iteration, tb_logger)

    def _write(self, result: np.ndarray, dataset: str, name: str, iteration: int | str) -> None:
        if self.visualization is None:
            return
        folder, stem = self.visualization / dataset, f'{name}_{self.suffix}'
        if self.is_train:
            folder, stem = folder / name, f'{name}_{iteration}'
        folder.mkdir(parents=True, exist_ok=True)
        write_rgb(folder / f'{stem}.png', result)

    def _record(self, dataset: str, rows: list[dict[str, float]], baselines: list[dict[str, float]],
                iteration: int | str, tb_logger: Any) -> dict[str, Score]:
        means = _means(rows)
        bicubic_means = _means(baselines)
        scores = {name: self._score(dataset, name, value, bicubic_means[name], iteration)
                  for name, value in means.items()}
        self.scores[dataset] = scores
        logger.info('%s', describe(dataset, iteration, scores))
        if self.metrics_file is not None:
            with self.metrics_file.open('a', encoding='utf-8') as file:
                for name, score in scores.items():
                    # JSON has no infinity, which is the PSNR of equal pictures.
                    numbers = {key: value if math.isfinite(value) else None for key, value in
                               (('value', score.value), ('baseline', score.baseline), ('best', score.best))}
                    file.write(json.dumps({'iter': iteration, 'dataset': dataset, 'metric': name, **numbers}) + '\n')
        if tb_logger is not None:
            for name, score in scores.items():
                tb_logger.add_scalar(f'metrics/{dataset}/{name}', score.value, iteration)
                tb_logger.add_scalar(f'metrics/{dataset}/{name}_bicubic', score.baseline, iteration)
        return scores

    def _score(self, dataset: str, name: str, value: float, baseline: float, iteration: int | str) -> Score:
        before = self.scores.get(dataset, {}).get(name)
        higher = higher_is_better(self.metrics[name])
        if before is None or math.isnan(before.best) or (value > before.best if higher else value < before.best):
            return Score(value, baseline, value, iteration)
        return Score(value, baseline, before.best, before.best_iter)

    def state(self) -> dict[str, dict[str, list]]:
        """The scores as plain values, for a training state."""
        return {dataset: {name: list(score) for name, score in scores.items()}
                for dataset, scores in self.scores.items()}

    def restore(self, state: Mapping[str, Mapping[str, list]]) -> None:
        """Take up the scores of an earlier run, so that the best so far goes on from there."""
        self.scores = {dataset: {name: Score(*score) for name, score in scores.items()}
                       for dataset, scores in state.items()}


    def rewind(self, iteration: int) -> None:
        """Take out of metrics.jsonl what lies past an iteration, and the best so far from what is left."""
        if self.metrics_file is None or not self.metrics_file.exists():
            return
        rows = [json.loads(line) for line in self.metrics_file.read_text(encoding='utf-8').splitlines()]
        kept = [row for row in rows if isinstance(row['iter'], int) and row['iter'] <= iteration]
        with atomic_file(self.metrics_file) as file:
            file.write(''.join(json.dumps(row) + '\n' for row in kept).encode())
        self.scores = {}
        for row in kept:
            if row['metric'] in self.metrics and row['value'] is not None:
                scores = self.scores.setdefault(row['dataset'], {})
                scores[row['metric']] = self._score(row['dataset'], row['metric'], row['value'], row['baseline'],
                                                    row['iter'])


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


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


def side_by_side(lq: np.ndarray, *pictures: np.ndarray | None) -> np.ndarray:
    """lq enlarged without smoothing, and the pictures, in one row; large ones cut to their middle.

    Args:
        lq: uint8 (h, w, 3) RGB.
        pictures: uint8 (h*scale, w*scale, 3) RGB, or None to leave one out.
    """
    present = [picture for picture in pictures if picture is not None]
    height, width = present[0].shape[:2]
    factor = height // lq.shape[0]
    lq = lq.repeat(factor, axis=0).repeat(factor, axis=1)
    top, left = max(0, (height - SHOWN_SIDE) // 2), max(0, (width - SHOWN_SIDE) // 2)
    return np.concatenate([picture[top:top + SHOWN_SIDE, left:left + SHOWN_SIDE] for picture in (lq, *present)], axis=1)
