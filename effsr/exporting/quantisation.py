"""Static int8 by ONNX Runtime's quantisation tools: ranges of all values found on pictures, weights per channel.

The graph carries QuantizeLinear and DequantizeLinear pairs around what is computed in 8 bits (QDQ), which both ONNX
Runtime and OpenVINO turn into integer kernels. How ranges are chosen: Wu et al., Integer Quantization for Deep Learning
Inference (arXiv 2004.09602), section 3.3: max, entropy and percentile calibration.
"""
import contextlib
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from effsr.inference.backends.libraries import need
from effsr.inference.backends.onnx_graph import INPUT

if TYPE_CHECKING:
    import onnx
    from onnxruntime.quantization.calibrate import TensorsData

METHODS = ('minmax', 'percentile', 'entropy')
ENDS = ('first', 'last')
# Of the histograms; the search for the least divergence takes their number squared.
BINS = {'percentile': 2048, 'entropy': 512}
ENTROPY_LEVELS = 128


@dataclass(frozen=True)
class Calibration:
    """How the ranges of int8 are found.

    Attributes:
        method: 'minmax' (the widest values seen), 'percentile' or 'entropy'.
        percentile: For 'percentile': how many of 100 values lie within the range.
        keep: Which convolutions stay in float32: 'first', 'last' (with what follows it), both or none of them; None:
            chosen by measuring.

    Raises:
        ValueError: A value that is not among these.
    """

    method: str = 'percentile'
    percentile: float = 99.999
    keep: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f'--method {self.method}; accepted: {", ".join(METHODS)}')
        if not 50 < self.percentile <= 100:
            raise ValueError(f'--percentile {self.percentile}; accepted: above 50, up to 100')
        if self.keep is not None and not set(self.keep) <= set(ENDS):
            raise ValueError(f'--keep {" ".join(self.keep)}; accepted: {", ".join(ENDS)}, none or auto')


class _Reader:
    """Gives ONNX Runtime one batch, then nothing; it would hold the values of all batches at once."""

    def __init__(self, batch: np.ndarray) -> None:
        self._left: list[dict[str, np.ndarray]] = [{INPUT: batch}]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._left.pop() if self._left else None


@contextlib.contextmanager
def _quiet():
    """ONNX Runtime's tools print their progress and log through the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(sys.stderr if before else _Nowhere()):
            yield
    finally:
        logging.disable(before)


class _Nowhere:
    """A stream that forgets."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def find_ranges(model: 'onnx.ModelProto', crops: Sequence[np.ndarray], calibration: Calibration) -> 'TensorsData':
    """Run a graph on pictures and choose a range for each of its values.

    Args:
        model: float32, with the shapes of its values inferred.
        crops: float32 (1, 3, h, w) in [0, 1] each.
        calibration: The method.

    Raises:
        ValueError: onnxruntime is missing, or there are no crops.
    """
    need(('onnx', 'onnxruntime'), '--precision int8')
    if not crops:
        raise ValueError('no pictures to calibrate on; give some with --calibrate DIR')
    import onnx
    from onnxruntime.quantization import CalibrationMethod, create_calibrator
    from onnxruntime.quantization.calibrate import TensorData

    method = {'minmax': CalibrationMethod.MinMax, 'percentile': CalibrationMethod.Percentile,
              'entropy': CalibrationMethod.Entropy}[calibration.method]
    extra: dict[str, Any] = {'num_bins': BINS[calibration.method]} if calibration.method in BINS else {}
    extra |= {'percentile': {'percentile': calibration.percentile},
              'entropy': {'num_quantized_bins': ENTROPY_LEVELS}}.get(calibration.method, {})
    with tempfile.TemporaryDirectory(prefix='effsr-int8-') as folder, _quiet():
        plain = Path(folder) / 'plain.onnx'
        onnx.save(model, plain)
        calibrator = create_calibrator(plain, None, str(Path(folder) / 'augmented.onnx'), method, extra_options=extra)
        for crop in crops:
            calibrator.collect_data(_Reader(crop))
        ranges = calibrator.compute_data()
        del calibrator  # it holds the file open, which Windows cannot remove then
    # So that pictures of 8 bits enter without loss, whatever the crops held.
    ranges.data[INPUT] = TensorData(lowest=np.float32(0), highest=np.float32(1))
    return ranges


def quantise_graph(model: 'onnx.ModelProto', ranges: 'TensorsData', keep: Sequence[str]) -> 'onnx.ModelProto':
    """Put a graph into 8 bits: weights signed and per channel, all else unsigned with a zero point.

    Args:
        model: As for :func:`find_ranges`; left as it is.
        ranges: Of that graph.
        keep: Which ends stay in float32; see :class:`Calibration`.
    """
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    own = onnx.ModelProto()
    own.CopyFrom(model)
    kinds = sorted({node.op_type for node in own.graph.node})
    with _quiet():
        quantiser = QDQQuantizer(own, True, False, QuantType.QInt8, QuantType.QUInt8, ranges, [],
                                 kept_nodes(model, keep), kinds, {})
        quantiser.quantize_model()
    return quantiser.model.model


def kept_nodes(model: 'onnx.ModelProto', keep: Sequence[str]) -> list[str]:
    """Names of the nodes that stay in float32.

    'first' is the first convolution; 'last' the last one and all that it does not depend on: the addition of the
    enlarged picture, say, which has more than 8 bits to lose.
    """
    nodes = list(model.graph.node)
    convolutions = [node for node in nodes if node.op_type == 'Conv']
    kept = [convolutions[0].name] if convolutions and 'first' in keep else []
    if convolutions and 'last' in keep:
        makers = {name: node for node in nodes for name in node.output}
        before: set[str] = set()
        waiting = [makers[name] for name in convolutions[-1].input if name in makers]
        while waiting:
            node = waiting.pop()
            if node.name not in before:
                before.add(node.name)
                waiting += [makers[name] for name in node.input if name in makers]
        kept += [node.name for node in nodes if node.name not in before and node.name not in kept]
    return kept
