"""The parity gate: an exported network beside PyTorch on real pictures, and whether it may stay."""
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from effsr.benchmarks.interleave import Spread, interleave, ratio
from effsr.data.image_io import to_uint8
from effsr.inference.engine import Engine
from effsr.inference.tiling import crop_to_scale, pad_to_multiple
from effsr.metrics.psnr_ssim import psnr

ROUNDS = 6  # the first is dropped
SLOW = 3.0  # seconds of a run, above which one round must do
AT_LEAST = 0.1  # seconds of a timed run: short ones are repeated within it


@dataclass(frozen=True)
class Limits:
    """What an export may differ by.

    Attributes:
        largest: Difference of any value, colours from 0 to 1; None: not judged.
        mean: Mean absolute difference; None: not judged.
        drop: Decibels of PSNR on pairs, where there are some.
    """

    largest: float | None
    mean: float | None
    drop: float


# Of int8 single values near edges say little, the mean tells whether it is the same network.
LIMITS = {'fp32': Limits(1e-4, None, 0.01), 'fp16': Limits(0.02, None, 0.05), 'int8': Limits(None, 0.01, 0.5)}


@dataclass(frozen=True)
class Parity:
    """What was found.

    Attributes:
        pictures: How many were compared.
        largest, mean: Absolute difference of values from 0 to 1, not clipped.
        pairs: How many pairs had ground truth.
        psnr: PyTorch's and the export's mean PSNR on them, in dB; None without.
        speed: How many times faster than PyTorch, by rounds.
        size: (height, width) of the picture that was timed.
    """

    pictures: int
    largest: float
    mean: float
    pairs: int
    psnr: tuple[float, float] | None
    speed: Spread
    size: tuple[int, int]

    @property
    def change(self) -> float | None:
        """PSNR of the export less PyTorch's, in dB."""
        if self.psnr is None:
            return None
        return 0.0 if self.psnr[0] == self.psnr[1] else self.psnr[1] - self.psnr[0]  # both may be infinite


def whole(engine: Engine) -> Callable[[Tensor], Tensor]:
    """An engine for one picture of any size, which is padded to what the network takes."""
    return lambda lq: crop_to_scale(engine(pad_to_multiple(lq, engine.multiple)), lq, engine.scale)


def compare(reference: Engine, exported: Engine, pictures: Sequence[Tensor], pairs: Sequence[tuple[Tensor, np.ndarray]]
            ) -> Parity:
    """Run both on the same pictures.

    Args:
        reference: PyTorch, fp32.
        exported: The other.
        pictures: (1, 3, h, w) in [0, 1] each; the first is timed.
        pairs: A picture and its ground truth, uint8 (h * scale, w * scale, 3).

    Raises:
        ValueError: One of them fails on a picture.
    """
    ours, theirs = whole(reference), whole(exported)
    largest, total, values = 0.0, 0.0, 0
    for picture in pictures:
        difference = (theirs(picture) - ours(picture)).abs().double()
        largest = float(np.maximum(largest, float(difference.max())))  # unlike max, it keeps NaN
        total, values = total + float(difference.sum()), values + difference.numel()
    scores = [[_psnr(run(lq), truth, reference.scale) for run in (ours, theirs)] for lq, truth in pairs]
    means = tuple(float(value) for value in np.mean(scores, axis=0)) if scores else None
    return Parity(len(pictures), largest, total / values, len(pairs), means, _speed(ours, theirs, pictures[0]),
                  tuple(pictures[0].shape[2:]))


def judge(parity: Parity, limits: Limits) -> str:
    """Why an export is refused; '' if it may stay. Written so that NaN is refused."""
    if limits.largest is not None and not parity.largest <= limits.largest:
        return (f'its largest difference from PyTorch is {parity.largest:.3g}, above --tolerance {limits.largest:g} '
                '(colours from 0 to 1)')
    if limits.mean is not None and not parity.mean <= limits.mean:
        return (f'its mean difference from PyTorch is {parity.mean:.3g}, above --tolerance {limits.mean:g} '
                '(colours from 0 to 1)')
    if parity.change is not None and not parity.change >= -limits.drop:
        return f'it loses {-parity.change:.3f} dB of PSNR on the pairs, above --tolerance_psnr {limits.drop:g}'
    return ''


def _psnr(answer: Tensor, truth: np.ndarray, scale: int) -> float:
    height, width = answer.shape[2:]
    border = scale if min(height, width) > 2 * scale else 0
    return psnr(to_uint8(answer), truth[:height, :width], border, test_y_channel=True)


def _speed(ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor], picture: Tensor) -> Spread:
    def timed(run: Callable[[Tensor], Tensor]) -> float:
        started, count = time.perf_counter(), 0
        while not count or time.perf_counter() - started < AT_LEAST:
            run(picture)
            count += 1
        return (time.perf_counter() - started) / count

    with torch.inference_mode():
        rounds = ROUNDS if max(timed(ours), timed(theirs)) < SLOW else 2
        taken = interleave({'torch': lambda _: timed(ours), 'export': lambda _: timed(theirs)}, rounds)
    return ratio(taken['torch'], taken['export'])
