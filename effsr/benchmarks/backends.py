"""Ways to run a network: memory format, compiler or ONNX Runtime, and precision."""
import contextlib
import copy
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

BACKENDS = ('eager', 'channels_last', 'compile', 'onnxruntime')
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
ONNX_LIBRARIES = ('onnx', 'onnxscript', 'onnxruntime')
TOLERANCE = 1e-3  # of the largest value, or of 1: sums in another order differ by far less


class CannotRun(ValueError):
    """A network cannot be run in a way; the message is the reason."""


@dataclass(frozen=True)
class Way:
    """How a network is run; it can be pickled."""

    precision: str = 'fp32'
    backend: str = 'eager'

    @property
    def dtype(self) -> torch.dtype:
        return PRECISIONS[self.precision]


def check_way(way: Way, device: torch.device) -> None:
    """Refuse what cannot be run on a device at all.

    Raises:
        CannotRun: The reason.
    """
    if way.precision == 'fp16' and device.type == 'cpu':
        raise CannotRun('fp16 is for GPUs: a CPU computes it through float32 or far slower; take bf16 there')
    if way.backend == 'onnxruntime' and way.precision != 'fp32':
        raise CannotRun(f'onnxruntime runs the fp32 export as it is, not {way.precision}')


def check_libraries() -> None:
    """Refuse ONNX Runtime where it cannot be had.

    Raises:
        ValueError: One line: the flag, what lacks, how to install it.
    """
    missing = [name for name in ONNX_LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f'--backend onnxruntime: {", ".join(missing)} not installed; pip install "effsr[onnx]", or '
                         'from a checkout pip install -e ".[onnx]"')


def prepare(net: nn.Module, picture: Tensor, way: Way, onnx_file: Path | None = None) -> Callable[[], object]:
    """A call that runs a network on a picture in a way; the network itself is left as it is.

    Args:
        net: In evaluation mode, in float32, on the device to be used.
        picture: (B, C, H, W) float32 on that device.
        way: How.
        onnx_file: The network's export, for onnxruntime; made by :func:`export`.

    Raises:
        CannotRun: The reason.
    """
    check_way(way, picture.device)
    if way.backend == 'onnxruntime':
        assert onnx_file is not None, 'onnxruntime needs an export'
        return _onnx_call(onnx_file, picture)
    layout = torch.channels_last if way.backend == 'channels_last' else torch.contiguous_format
    own = copy.deepcopy(net).eval().requires_grad_(False).to(dtype=way.dtype, memory_format=layout)
    given = picture.to(dtype=way.dtype, memory_format=layout)
    run = torch.compile(own) if way.backend == 'compile' else own

    def call() -> Tensor:
        with torch.inference_mode():
            return run(given)

    return call


def reason_of(error: BaseException) -> str:
    """The first line of an error, or its name."""
    return next(iter(str(error).strip().splitlines()), '') or type(error).__name__


def export(net: nn.Module, picture: Tensor, path: Path) -> None:
    """Write a network as ONNX for pictures of one shape, and compare what ONNX Runtime makes of it with torch.

    Raises:
        CannotRun: It cannot be exported, or the answers differ.
    """
    own, given = copy.deepcopy(net).eval().cpu(), picture.float().cpu()
    try:
        # The exporter tells its progress on stdout, where tables go.
        with contextlib.redirect_stdout(sys.stderr), torch.no_grad():
            torch.onnx.export(own, (given,), str(path), dynamo=True, verbose=False)
        found = torch.from_numpy(_onnx_call(path, given)()[0])
    # The exporter and the runtime may fail at any operation in any way.
    except Exception as error:
        raise CannotRun(f'onnxruntime: the export fails: {reason_of(error)}') from error
    with torch.inference_mode():
        expected = own(given)
    if found.shape != expected.shape:
        raise CannotRun(f'onnxruntime gives {tuple(found.shape)}, torch {tuple(expected.shape)}')
    differs = float((found - expected).abs().max())
    # Written so that NaN fails.
    if not differs <= TOLERANCE * max(1.0, float(expected.abs().max())):
        raise CannotRun(f"onnxruntime's answer differs from torch's by up to {differs:.3g}")


def _onnx_call(path: Path, picture: Tensor) -> Callable[[], list]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    wanted = ['CUDAExecutionProvider'] if picture.device.type == 'cuda' else []
    available = set(onnxruntime.get_available_providers())
    if not available.issuperset(wanted):
        raise CannotRun('this onnxruntime has no CUDA; install onnxruntime-gpu, or take --device cpu')
    session = onnxruntime.InferenceSession(os.fspath(path), options, providers=[*wanted, 'CPUExecutionProvider'])
    fed = {session.get_inputs()[0].name: picture.float().cpu().numpy()}
    return lambda: session.run(None, fed)
