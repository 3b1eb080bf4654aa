"""What a metric is, and an opened one that scores pictures."""
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import numpy as np


class Unavailable(ValueError):
    """A metric that cannot be computed here, since weights, a package or an environment are missing; one line why."""


@dataclass(frozen=True)
class MetricInfo:
    """What a table needs to know of a metric.

    Attributes:
        name: As it is asked for: psnr_y, lpips, pyiqa:NAME ...
        label: Head of its column.
        better: 'higher' or 'lower'.
        unit: 'dB' or ''.
        digits: Decimals that are printed.
        needs_gt: Whether it compares with a truth.
        per_image: False for a metric with one figure a set, see :meth:`Scorer.score_set`.
        how: Conversion and border, one line.
    """

    name: str
    label: str
    better: str
    unit: str
    digits: int
    needs_gt: bool
    per_image: bool
    how: str


@dataclass(frozen=True)
class MetricSettings:
    """What metrics may use besides the pictures; picklable, so that every process opens its own scorers.

    Attributes:
        weights: Metric's name -> file of the trained network below it: lpips, lpips_vgg, dists, fid. Others are looked
            for.
        download: Whether weights that are not found may be downloaded.
        device: Where networks compute, 'cpu', 'cuda' ...
        pyiqa: Virtual environment in which pyiqa is installed.
    """

    weights: Mapping[str, str] = field(default_factory=dict)
    download: bool = False
    device: str = 'cpu'
    pyiqa: Path | None = None


@dataclass(frozen=True)
class Opened:
    """The working part of a metric.

    Attributes:
        score: (result, truth or None) -> value; (H, W, 3) RGB or (H, W) grey, uint8 or float in [0, 255]. None for a
            metric with one figure a set.
        score_set: (results, truths) -> value. None for a metric with a figure a picture.
        identity: What else the value depends on: versions, digests of weights.
        close: Called at the end.
        info: What the metric turned out to be, where only opening it tells.
    """

    score: Callable[[np.ndarray, np.ndarray | None], float] | None = None
    score_set: Callable[[Iterable[np.ndarray], Iterable[np.ndarray]], float] | None = None
    identity: str = ''
    close: Callable[[], None] = lambda: None
    info: MetricInfo | None = None


class Scorer:
    """An opened metric. A context manager; used in one process and one thread.

    Args:
        info: What it is, as listed.
        opened: What computes; its own info, where it has one, goes before but for `how`.

    Attributes:
        identity: A line that is the same where the same pictures give the same value: name, border and conversion,
            weights, versions. For the key of a stored value.
    """

    def __init__(self, info: MetricInfo, opened: Opened):
        self.info = info if opened.info is None else replace(opened.info, how=info.how)
        self.identity = ' | '.join(filter(None, [info.name, info.how, opened.identity]))
        self._opened = opened

    def score(self, result_rgb: np.ndarray, gt_rgb: np.ndarray | None = None) -> float:
        """The value for one picture; ``inf`` for PSNR of identical ones.

        Args:
            result_rgb: (H, W, 3) RGB or (H, W) grey, uint8 or float in [0, 255].
            gt_rgb: The truth, alike; None where there is none.

        Raises:
            ValueError: There is no truth where one is needed, the pictures differ in shape or are too small, the
                value is not a number, or the metric has one figure a set.
            Unavailable: A process of the metric's own ended.
        """
        if self._opened.score is None:
            raise ValueError(f'{self.info.name} is one figure for a whole set, not for a picture')
        if gt_rgb is None and self.info.needs_gt:
            raise ValueError(f'{self.info.name} compares with a ground truth, and this picture has none')
        return self._number(self._opened.score(result_rgb, gt_rgb if self.info.needs_gt else None))

    def score_set(self, results: Iterable[np.ndarray], truths: Iterable[np.ndarray]) -> float:
        """The one value for a set, where the metric is such; pictures are read one by one.

        Raises:
            ValueError: The metric has a figure a picture; too few pictures; the value is not a number.
        """
        if self._opened.score_set is None:
            raise ValueError(f'{self.info.name} is a figure for each picture, not for a set')
        return self._number(self._opened.score_set(results, truths))

    def close(self) -> None:
        """Ends what the metric started."""
        self._opened.close()

    def _number(self, value: float) -> float:
        if np.isnan(value):
            raise ValueError(f'{self.info.name} of this picture is not a number')
        return float(value)

    def __enter__(self) -> 'Scorer':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self.close()
