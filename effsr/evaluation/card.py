"""A model in several precisions on pictures of one shape: what a model card's table tells."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from effsr.benchmarks.counting import Counted, count
from effsr.data.image_io import read_rgb
from effsr.evaluation.low_quality import Recipe, eight_bits
from effsr.evaluation.sets import SetFolders, open_set
from effsr.inference.engine import Engine, EngineSettings, Say, open_engine, silent
from effsr.inference.weights import LoadedModel
from effsr.metrics.psnr_ssim import psnr, ssim

BICUBIC = 'bicubic'
INT8 = 'int8'
PRECISIONS = ('fp32', 'bf16', 'fp16', INT8)
INT8_LIBRARIES = ('onnx', 'onnxscript', 'onnxruntime')
SHOWN = 3  # sample pictures


class Pair(NamedTuple):
    """A picture to upscale and what it should become, both uint8 (H, W, 3) RGB."""

    name: str
    lq: np.ndarray
    gt: np.ndarray


@dataclass(frozen=True)
class CardRow:
    """One line of the table.

    Attributes:
        name: Precision, or 'bicubic'.
        counted: Operations and parameters; None for bicubic.
        psnr: dB, RGB, mean over the pictures; None where it could not be run.
        ssim: Likewise.
        engine: What ran it.
        note: What the reader should know; '' for nothing.
    """

    name: str
    counted: Counted | None
    psnr: float | None
    ssim: float | None
    engine: str = ''
    note: str = ''


@dataclass(frozen=True)
class Card:
    """Everything found.

    Attributes:
        shape: (height, width) of the input.
        rows: In order.
        pictures: Name of a picture -> name of a row, 'lq' or 'gt' -> uint8 (H, W, 3); of the first few.
        count: Pictures measured on.
    """

    shape: tuple[int, int]
    rows: tuple[CardRow, ...]
    pictures: dict[str, dict[str, np.ndarray]]
    count: int


def area(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize uint8 (H, W, 3) by OpenCV's INTER_AREA, whatever the sides were to each other."""
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def read_pairs(folders: SetFolders, shape: tuple[int, int], scale: int) -> list[Pair]:
    """The pictures of a set, brought to one shape.

    Args:
        folders: Of ground truth, and of low-resolution pictures or None.
        shape: (height, width) of the input. Low-resolution pictures, or the ground truth where there are none, are
            resized to it by area, the ground truth to ``scale`` times that.
        scale: Of the network.

    Raises:
        ValueError: Folders that do not fit each other, or have no ground truth.
    """
    if folders.hr is None:
        raise ValueError(f'-d {folders.name}=: a card needs ground truth; accepted: NAME=HR or NAME=HR:LR')
    height, width = shape
    pairs = []
    for entry in open_set(folders, Recipe(scale)).entries:
        truth = eight_bits(read_rgb(entry.gt))
        small = truth if entry.lq is None else eight_bits(read_rgb(entry.lq))
        pairs.append(Pair(entry.name, area(small, height, width), area(truth, height * scale, width * scale)))
    return pairs


def make_card(model: LoadedModel, pairs: Sequence[Pair], precisions: Sequence[str], device: str,
              crops: Callable[[], Sequence[np.ndarray]], say: Say = silent) -> Card:
    """Run a model in every precision on all pictures.

    Args:
        model: From :func:`effsr.inference.weights.load_model`.
        pairs: Of one shape, one at least.
        precisions: Of PRECISIONS, the first is what others are told against.
        device: 'cpu' or 'cuda'; int8 always runs on the CPU.
        crops: Gives what int8 is calibrated on: float32 (1, 3, h, w) in [0, 1].
        say: Told what was chosen on the way.
    """
    shape = pairs[0].lq.shape[:2]
    counted = count(model.net, (1, 3, *shape))
    shown: dict[str, dict[str, np.ndarray]] = {pair.name: {'lq': pair.lq} for pair in pairs[:SHOWN]}
    size = tuple(side * model.scale for side in shape)
    rows = [_scored(CardRow(BICUBIC, None, None, None, 'OpenCV'), lambda lq: _bicubic(lq, *size), pairs, shown)]
    for precision in precisions:
        row = CardRow(precision, counted, None, None)
        try:
            engine = open_precision(model, precision, device, crops, say)
            row = _scored(row, lambda lq, run=engine: upscaled(run, lq), pairs, shown)
            row = replace(row, engine=engine_name(engine))  # which may have had to change its precision
        # A library that lacks, or that cannot run this network so; the other rows are done.
        except (ValueError, RuntimeError) as error:
            row = replace(row, note=' '.join(str(error).split()))
        rows.append(row)
    for pair in pairs[:SHOWN]:
        shown[pair.name]['gt'] = pair.gt
    return Card(shape, tuple(rows), shown, len(pairs))


def open_precision(model: LoadedModel, precision: str, device: str, crops: Callable[[], Sequence[np.ndarray]],
                   say: Say = silent) -> Engine:
    """The engine of one row: PyTorch's, or ONNX Runtime's for int8.

    Raises:
        ValueError: A library is missing, or the network cannot be run so.
    """
    if precision != INT8:
        return open_engine(model, EngineSettings(precision=precision, device=device), say)
    from effsr.exporting.int8 import quantise
    from effsr.exporting.quantisation import Calibration
    from effsr.inference.backends.facts import facts_of
    from effsr.inference.backends.libraries import need
    from effsr.inference.backends.onnxruntime_engine import open_onnx

    need(INT8_LIBRARIES, 'the row of int8')
    made = quantise(model, facts_of(model), crops(), Calibration('percentile'), say=say)
    return open_onnx(made.model.SerializeToString(), EngineSettings('onnxruntime', device='cpu'), made.facts)


def engine_name(engine: Engine) -> str:
    """Its name, and of int8 which ends of the network were kept in float32."""
    kept = (getattr(getattr(engine, 'facts', None), 'quantisation', None) or {}).get('kept')
    return f'{engine.name} ({" and ".join(kept)} convolution in float32)' if kept else engine.name


def upscaled(engine: Engine, lq: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (H * scale, W * scale, 3), whole, clipped and rounded."""
    tiles = torch.from_numpy(lq.transpose(2, 0, 1).astype(np.float32))[None] / 255
    answer = engine(tiles)[0].clamp(0, 1).mul(255).round()
    return answer.permute(1, 2, 0).to(torch.uint8).contiguous().numpy()


def _bicubic(lq: np.ndarray, height: int, width: int) -> np.ndarray:
    return cv2.resize(lq, (width, height), interpolation=cv2.INTER_CUBIC)


def _scored(row: CardRow, run: Callable[[np.ndarray], np.ndarray], pairs: Sequence[Pair],
            shown: dict[str, dict[str, np.ndarray]]) -> CardRow:
    found = []
    for pair in pairs:
        result = run(pair.lq)
        found.append((psnr(result, pair.gt), ssim(result, pair.gt)))
        if pair.name in shown:
            shown[pair.name][row.name] = result
    means = np.mean(found, axis=0)
    return replace(row, psnr=float(means[0]), ssim=float(means[1]))


def sample_set(folder: Path) -> SetFolders:
    """scikit-image's photographs, those that no quick start trains on, written below a folder."""
    from effsr.data.sample import write_sample_photographs

    write_sample_photographs(folder / 'sample')
    return SetFolders('sample photographs', folder / 'sample' / 'val', None)
