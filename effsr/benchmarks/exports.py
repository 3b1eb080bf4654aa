"""Networks as files that libraries run, for the benchmark of networks; each is compared with PyTorch first."""
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from effsr.benchmarks.backends import CannotRun, Way, prepare, reason_of
from effsr.benchmarks.counting import count
from effsr.data.sample import write_sample_photographs
from effsr.inference.weights import LoadedModel

STEPS = (1, 2, 4, 8, 16)  # what sides may have to be divisible by
TRIED = 5, 7  # sides, times those
# Of the largest value, or of 1: sums in another order differ by far less than the first.
TOLERANCE = {'fp32': 1e-3, 'fp16': 2e-2, 'bf16': 5e-2}
FORMATS = {'ncnn': 'ncnn'}  # the others read ONNX


@dataclass
class Exports:
    """Files of networks, each made once.

    Attributes:
        folder: To write into.
        calibrate: Photographs on which ranges of int8 are found; None takes scikit-image's.
        made: (network's number, format, precision) -> file.
        crops: Read when int8 is first wanted, by multiple.
    """

    folder: Path
    calibrate: Path | None = None
    made: dict[tuple[int, str, str], Path] = field(default_factory=dict)
    crops: dict[int, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def file(self, number: int, net: nn.Module, picture: Tensor, way: Way) -> Path | None:
        """The file that a way runs, or None for those of PyTorch.

        Args:
            number: Of the network.
            net: In evaluation mode; left as it is.
            picture: (B, 3, H, W), on which the file must give what the network gives.
            way: How.

        Raises:
            CannotRun: It cannot be exported, or the answers differ.
        """
        if not way.exported:
            return None
        key = number, FORMATS.get(way.backend, 'onnx'), way.precision.replace('bf16', 'fp32')
        try:
            if key not in self.made:
                self.made[key] = self._write(net, *key)
            found = prepare(net, picture, way, self.made[key])()
        except CannotRun:
            raise
        # Exporters and libraries may fail at any operation in any way.
        except Exception as error:
            raise CannotRun(f'{way.backend}: {reason_of(error)}') from error
        check_answer(found, net, picture, way)
        return self.made[key]

    def _write(self, net: nn.Module, number: int, kind: str, precision: str) -> Path:
        from effsr.exporting.writers import WRITERS, Order
        from effsr.inference.backends.facts import Facts

        scale, multiple = scale_and_multiple(net)
        arch = type(net).__name__
        model = LoadedModel(net, arch, {}, scale, self.folder / f'{arch}.pth', 'params', multiple)
        crops = self._crops(multiple) if precision == 'int8' else ()
        target = self.folder / f'{number}_{kind}_{precision}'
        target.mkdir()
        return WRITERS[kind](Order(model, Facts(scale, arch, {}, multiple, None, precision), crops), target, 'net')[0]

    def _crops(self, multiple: int) -> tuple[np.ndarray, ...]:
        from effsr.exporting.int8 import read_crops

        if multiple not in self.crops:
            folder = self.calibrate
            if folder is None:
                write_sample_photographs(self.folder / 'sample')
                folder = self.folder / 'sample' / 'train'
            self.crops[multiple] = tuple(read_crops(folder, multiple))
        return self.crops[multiple]


def scale_and_multiple(net: nn.Module) -> tuple[int, int]:
    """What a network enlarges by, and what sides must be divisible by, found by counting passes.

    Raises:
        CannotRun: It takes no picture of the sides tried.
    """
    reason = ''
    for step in STEPS:
        height, width = (side * step for side in TRIED)
        try:
            shape: Sequence[int] = count(net, (1, 3, height, width)).output
        # What an architecture says to a size that it does not take.
        except Exception as error:
            reason = reason_of(error)
            continue
        if shape[2] % height == 0 and shape[2] * width == shape[3] * height:
            return shape[2] // height, step
    raise CannotRun(f'takes no picture with sides divisible by {STEPS[-1]}: {reason}')


def check_answer(found: Tensor, net: nn.Module, picture: Tensor, way: Way) -> None:
    """Compare what a library makes of a picture with what PyTorch makes of it; int8 is compared in size alone.

    Raises:
        CannotRun: They differ.
    """
    with torch.inference_mode():
        expected = net(picture).float().cpu()
    if found.shape != expected.shape:
        raise CannotRun(f'{way.backend} gives {tuple(found.shape)}, torch {tuple(expected.shape)}')
    differs = float((found - expected).abs().max())
    # Written so that NaN fails.
    if way.precision in TOLERANCE and not differs <= TOLERANCE[way.precision] * max(1.0, float(expected.abs().max())):
        raise CannotRun(f"{way.backend}'s {way.precision} answer differs from torch's in fp32 by up to {differs:.3g}")
