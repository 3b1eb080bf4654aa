"""A model in int8: calibrated, with the ends kept in float32 that are worth it."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from effsr.data.image_io import list_images, read_rgb
from effsr.exporting.quantisation import Calibration, find_ranges, quantise_graph
from effsr.inference.backends.facts import Facts
from effsr.inference.backends.onnx_graph import DEFAULT_OPSET, INPUT, to_onnx
from effsr.inference.backends.onnxruntime_engine import open_session
from effsr.inference.engine import Say, silent
from effsr.inference.weights import LoadedModel

if TYPE_CHECKING:
    import onnx

CROPS = 32
SIDE = 64
TRIED = ((), ('first',), ('last',), ('first', 'last'))
# Decibels, of the error against float32: keeping an end must gain as much.
WORTH = 0.5
MEASURED = 8  # crops on which the ends are chosen


@dataclass(frozen=True)
class Quantised:
    """A graph in 8 bits, and how it came about."""

    model: 'onnx.ModelProto'
    facts: Facts


def read_crops(folder: Path, multiple: int = 1, count: int = CROPS, side: int = SIDE, seed: int = 0
               ) -> list[np.ndarray]:
    """Crops of the pictures below a folder, spread over them, at places drawn from a seed.

    Pictures should be like those to be upscaled. Smaller ones are taken whole, to ``multiple``.

    Returns:
        ``count`` arrays, float32 (1, 3, h, w) in [0, 1].

    Raises:
        ValueError: No folder, no image in it, one that cannot be read or is smaller than ``multiple``.
    """
    paths = list_images(folder)
    generator = np.random.default_rng(seed)
    crops = []
    for number in range(count):
        path = paths[number * len(paths) // count % len(paths)] if len(paths) >= count else paths[number % len(paths)]
        pixels = read_rgb(path)
        height, width = (min(side, length) // multiple * multiple for length in pixels.shape[:2])
        if not height or not width:
            raise ValueError(f'{path}: {pixels.shape[1]}x{pixels.shape[0]} pixels; at least {multiple}x{multiple} is '
                             'needed to calibrate on; take it out')
        top, left = (int(generator.integers(0, length - part + 1)) for length, part
                     in zip(pixels.shape[:2], (height, width), strict=True))
        crop = pixels[top:top + height, left:left + width]
        crops.append(np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / np.float32(255))
    return crops


def quantise(model: LoadedModel, facts: Facts, crops: Sequence[np.ndarray], calibration: Calibration,
             opset: int = DEFAULT_OPSET, say: Say = silent) -> Quantised:
    """Convert a model to ONNX in int8.

    Args:
        model: Left as it is.
        facts: Of the model; those returned say int8 and how.
        crops: From :func:`read_crops`.
        calibration: The method, and which ends to keep; None there: the fewest, unless more of them lower the error
            against float32 by half a decibel.
        opset: Version of the operators.
        say: Told what was chosen.

    Raises:
        ValueError: A library is missing or the network cannot be converted.
    """
    import onnx

    plain = onnx.shape_inference.infer_shapes(to_onnx(model.net, model.multiple, opset=opset))
    ranges = find_ranges(plain, crops, calibration)
    if calibration.keep is None:
        graphs = {keep: quantise_graph(plain, ranges, keep) for keep in TRIED}
        decibels = _closeness(plain, graphs, crops[:MEASURED])
        keep = choose_kept(decibels)
        said = ', '.join(f'{"+".join(tried) or "none"} {value:.1f}' for tried, value in decibels.items())
        say(f'kept in float32: {" ".join(keep) or "none"} (dB against float32: {said})')
        graph = graphs[keep]
    else:
        keep = calibration.keep
        graph = quantise_graph(plain, ranges, keep)
    how: dict[str, Any] = {'method': calibration.method, 'crops': len(crops), 'kept': list(keep), 'weights':
                           'int8 per channel', 'activations': 'uint8 per tensor'}
    if calibration.method == 'percentile':
        how['percentile'] = calibration.percentile
    return Quantised(graph, replace(facts, precision='int8', quantisation=how))


def choose_kept(decibels: dict[tuple[str, ...], float]) -> tuple[str, ...]:
    """The ends to keep: in the order tried, each further one must gain WORTH over the best so far."""
    best = next(iter(decibels))
    for keep, value in decibels.items():
        if value >= decibels[best] + WORTH:
            best = keep
    return best


def _closeness(plain: 'onnx.ModelProto', graphs: dict[tuple[str, ...], 'onnx.ModelProto'], crops: Sequence[np.ndarray]
               ) -> dict[tuple[str, ...], float]:
    """PSNR of each graph's answers to the float32 graph's, over all crops."""
    expected = [run(crop) for run in [_runner(plain)] for crop in crops]
    found = {}
    for keep, graph in graphs.items():
        run = _runner(graph)
        errors = [np.mean((run(crop) - answer) ** 2) for crop, answer in zip(crops, expected, strict=True)]
        found[keep] = float(-10 * np.log10(max(float(np.mean(errors)), 1e-20)))
    return found


def _runner(graph: 'onnx.ModelProto') -> Callable[[np.ndarray], np.ndarray]:
    session = open_session(graph.SerializeToString(), 'cpu', torch.get_num_threads())
    return lambda crop: session.run(None, {INPUT: crop})[0]
