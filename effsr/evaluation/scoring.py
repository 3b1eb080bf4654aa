"""The second half of an evaluation: one contestant's result for one picture, and what the metrics say of it."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from effsr.command_line import failure_line
from effsr.data.image_decode import decode_file
from effsr.data.image_io import Picture, image_size
from effsr.data.imresize import imresize
from effsr.evaluation.content import as_picture, key_of, made_file, sha256_of, values_of
from effsr.evaluation.contestants import Entrant
from effsr.evaluation.networks import engine_of, open_network
from effsr.evaluation.preparing import GREY, Prepared, plain_result
from effsr.inference.engine import Engine
from effsr.inference.plan import Plan
from effsr.inference.sinks import upscale_pixels
from effsr.metrics.catalogue import open_metric
from effsr.metrics.scorer import MetricSettings, Scorer, Unavailable

LUMA = np.array([0.299, 0.587, 0.114])
GREY_VALUE = 'value'
ON_LUMA = ('psnr_y', 'ssim_y', 'ms_ssim_y')
# Tiles of large pictures; not by the free memory, so that figures are the same at any time.
AUTO_TILE = 512
AUTO_TILE_ABOVE = 1_000_000
HOW = 'engine fp32'  # for the journal: how weights are run


@dataclass(frozen=True)
class Way:
    """How results are made and scored; picklable, the same for all pictures.

    Attributes:
        scale: Factor.
        border: Pixels that metrics leave out at each side.
        metrics: Metric's name -> identity, of those that give a figure a picture and can be computed here.
        with_truth: Those of them that need a ground truth.
        settings: What metrics may use.
        grey: Which grey truths are compared by their value and not by the luma of three equal channels: none, all
            (GREY_VALUE), or pictures by their names, NAME or SET/NAME.
        tile: Side of a tile in pixels of the low-resolution picture; 0: whole, but tiles for large pictures.
        tile_pad: Halo; None for what the network's outputs depend on.
        device: 'cpu' or 'cuda'.
        modules: To be imported first.
        work: Folder.
    """

    scale: int
    border: int
    metrics: Mapping[str, str]
    with_truth: frozenset[str]
    settings: MetricSettings = field(default_factory=MetricSettings)
    grey: tuple[str, ...] = ()
    tile: int = 0
    tile_pad: int | None = None
    device: str = 'cpu'
    modules: tuple[str, ...] = ()
    work: Path = Path('results/evaluation')

    def by_value(self, set_name: str, picture: str) -> bool:
        """Whether a picture, if it is grey, is compared by its grey value where metrics are on luma."""
        return bool({GREY_VALUE, picture, f'{set_name}/{picture}'} & set(self.grey))


class Task(NamedTuple):
    """One result to make and to score; ``given`` is its file where it was made elsewhere."""

    set_name: str
    picture: str
    prepared: Prepared
    entrant: Entrant
    given: Path | None


@dataclass(frozen=True)
class Scored:
    """What became of a task.

    Attributes:
        path: The result, a PNG.
        sha: Its SHA-256.
        values: Metric -> value.
        reasons: Metric -> why there is none.
        files, scores: By key, for the journal.
    """

    path: Path
    sha: str
    values: dict[str, float]
    reasons: dict[str, str]
    files: dict[str, str]
    scores: dict[str, float]


class Scoring:
    """Makes results and scores them; one a process, which keeps networks and metrics from picture to picture.

    Args:
        way: How.
        files: Key -> SHA-256 of the files made earlier.
        scores: Key -> value of earlier scores.
    """

    def __init__(self, way: Way, files: Mapping[str, str], scores: Mapping[str, float]):
        self.way = way
        self.files = files
        self.scores = scores
        self._engines: dict[str, Engine] = {}
        self._scorers: dict[str, Scorer] = {}

    def __call__(self, task: Task) -> Scored:
        """Make and score one result.

        Raises:
            ValueError: It cannot be made.
        """
        files: dict[str, str] = {}
        path, sha = self._result(task, files)
        values, reasons, scores = {}, {}, {}
        pictures: list[np.ndarray] = []
        for name, identity in self.way.metrics.items():
            if name in self.way.with_truth and task.prepared.gt is None:
                continue
            key = key_of('score', identity, sha, task.prepared.gt_sha, self._by_value(name, task))
            try:
                values[name] = self.scores[key] if key in self.scores else self._score(name, task, path, pictures)
                scores[key] = values[name]
            except Unavailable as error:
                reasons[name] = str(error)
            except (ValueError, RuntimeError, MemoryError) as error:
                reasons[name] = f'{task.picture}: {" ".join(failure_line(error).split()) or type(error).__name__}'
        new = {key: value for key, value in scores.items() if key not in self.scores}
        return Scored(path, sha, values, reasons, {key: sha for key, sha in files.items()
                                                   if self.files.get(key) != sha}, new)

    def close(self) -> None:
        """End what metrics have started."""
        for scorer in self._scorers.values():
            scorer.close()
        self._scorers.clear()

    def _result(self, task: Task, files: dict[str, str]) -> tuple[Path, str]:
        way, entrant = self.way, task.entrant
        target = way.work / task.set_name / entrant.name / f'{task.picture}.png'
        height, width = image_size(task.prepared.lq)
        if task.given is not None:
            return plain_result(task.given, (height * way.scale, width * way.scale), target, self.files, files)
        tile = way.tile or (AUTO_TILE if height * width > AUTO_TILE_ABOVE else max(height, width))
        how = (HOW, tile, way.tile_pad, way.device) if entrant.contestant.kind == 'weights' else ()
        key = key_of('result', entrant.identity, task.prepared.lq_sha, way.scale, *how)
        made = made_file(target, key, self.files, lambda: self._upscaled(entrant, task.prepared.lq, tile))
        files[key] = made
        return target, made

    def _upscaled(self, entrant: Entrant, lq: Path, tile: int) -> Picture:
        """A result of 8 bits, as papers compare them."""
        if entrant.contestant.kind != 'weights':
            return interpolated(values_of(lq), self.way.scale, entrant.contestant.kind)
        try:
            plan = Plan(tile=tile, tile_pad=self.way.tile_pad, bits=8)
            return as_picture(upscale_pixels(self._engine(entrant), _colour(lq), plan)[0])
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or 'memory' in str(error).lower():
                raise ValueError(f'{lq}: {entrant.name} is out of memory; pass -t {max(32, tile // 2)}, or '
                                 'fewer --processes') from error
            raise ValueError(f'{lq}: {entrant.name} failed: {" ".join(str(error).split())}') from error

    def _engine(self, entrant: Entrant) -> Engine:
        if entrant.name not in self._engines:
            for module in self.way.modules:
                import_module(module)
            if sha256_of(entrant.path) != entrant.contestant.sha256:
                raise ValueError(f'{entrant.path}: has changed since this evaluation began; copy it, and evaluate the '
                                 'copy')
            self._engines[entrant.name] = engine_of(open_network(entrant.path, self.way.device), self.way.device)
        return self._engines[entrant.name]

    def _by_value(self, metric: str, task: Task) -> bool:
        return (GREY in task.prepared.traits and metric in ON_LUMA
                and self.way.by_value(task.set_name, task.picture))

    def _score(self, name: str, task: Task, path: Path, pictures: list[np.ndarray]) -> float:
        """``pictures`` holds result and truth once a metric has asked for them."""
        if name not in self._scorers:
            self._scorers[name] = open_metric(name, self.way.border, self.way.settings)
        if not pictures:
            pictures += [values_of(file) for file in (path, task.prepared.gt) if file is not None]
        result, truth = (*pictures, None)[:2]
        if self._by_value(name, task):
            result, truth = by_grey_value(result, truth)
        return self._scorers[name].score(result, truth)


def _colour(path: Path) -> np.ndarray:
    """uint8 or uint16 (H, W, 3): transparency is passed over, and a grey picture's result is to be colour too."""
    pixels, _ = decode_file(path)
    pixels = pixels[..., :-1] if pixels.shape[2] in (2, 4) else pixels
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def interpolated(values: np.ndarray, scale: int, method: str) -> Picture:
    """MATLAB's imresize of (H, W, 3) in [0, 255], in floating point and rounded once, as papers' baselines are."""
    result = imresize(values.astype(np.float64), scale=scale, method=method)
    return as_picture(np.floor(result.clip(0, 255) + 0.5).astype(np.uint8))


def by_grey_value(result: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Result and grey truth, (H, W, 3), as (H, W) grey values.

    A result's is its luma 0.299 R + 0.587 G + 0.114 B, not rounded; of equal channels that is their value.
    """
    return result.astype(np.float64) @ LUMA, truth[..., 0].astype(np.float64)
