"""Ways to run a network: by PyTorch in several manners, or by a library of its own from an exported file; precision."""
import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

PLAIN = ('eager', 'channels_last', 'compile', 'cudagraphs')
# Library -> what it needs, and the precisions that it has on a CPU.
LIBRARIES = {'onnxruntime': (('onnx', 'onnxscript', 'onnxruntime'), ('fp32', 'fp16', 'int8')),
             'openvino': (('onnx', 'onnxscript', 'openvino'), ('fp32', 'bf16', 'int8')),
             'ncnn': (('pnnx', 'ncnn'), ('fp32', 'fp16'))}
BACKENDS = (*PLAIN, *LIBRARIES)
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16, 'int8': torch.float32}
WARM_UPS = 3  # before a CUDA graph is recorded


class CannotRun(ValueError):
    """A network cannot be run in a way; the message is the reason."""


@dataclass(frozen=True)
class Way:
    """How a network is run; it can be pickled."""

    precision: str = 'fp32'
    backend: str = 'eager'

    @property
    def dtype(self) -> torch.dtype:
        """Of what is counted; of int8 that is float32, in which it was trained."""
        return PRECISIONS[self.precision]

    @property
    def exported(self) -> bool:
        """Whether a library runs a file, and not PyTorch the network."""
        return self.backend in LIBRARIES


def check_way(way: Way, device: torch.device) -> None:
    """Refuse what cannot be run on a device at all.

    Raises:
        CannotRun: The reason.
    """
    if way.exported:
        precisions = LIBRARIES[way.backend][1]
        if way.precision not in precisions:
            raise CannotRun(f'{way.backend} is run in {", ".join(precisions)}, not in {way.precision}')
        if device.type != 'cpu' and way.backend != 'onnxruntime':
            raise CannotRun(f'{way.backend} is run on CPUs alone')
        return
    if way.precision == 'int8':
        raise CannotRun('int8 is for --backend onnxruntime and openvino')
    if way.precision == 'fp16' and device.type == 'cpu':
        raise CannotRun('fp16 is for GPUs: PyTorch computes it on a CPU through float32 or far slower; take bf16 there')
    if way.backend == 'cudagraphs' and device.type != 'cuda':
        raise CannotRun('CUDA graphs are for GPUs')


def check_libraries(backend: str) -> None:
    """Refuse a library that is not installed.

    Raises:
        ValueError: One line: the flag, what lacks, how to install it.
    """
    from effsr.inference.backends.libraries import need

    if backend in LIBRARIES:
        need(LIBRARIES[backend][0], f'--backend {backend}')


def prepare(net: nn.Module, picture: Tensor, way: Way, file: Path | None = None) -> Callable[[], Tensor]:
    """A call that runs a network on a picture in a way; the network itself is left as it is.

    Args:
        net: In evaluation mode, in float32, on the device to be used.
        picture: (B, C, H, W) float32 on that device.
        way: How.
        file: The network's export, for a library; made by :mod:`effsr.benchmarks.exports`.

    Raises:
        CannotRun: The reason.
    """
    check_way(way, picture.device)
    if way.exported:
        assert file is not None, f'{way.backend} needs an export'
        return _library_call(file, picture, way)
    layout = torch.channels_last if way.backend == 'channels_last' else torch.contiguous_format
    own = copy.deepcopy(net).eval().requires_grad_(False).to(dtype=way.dtype, memory_format=layout)
    given = picture.to(dtype=way.dtype, memory_format=layout)
    if way.backend == 'cudagraphs':
        return _graph_call(own, given)
    run = torch.compile(own) if way.backend == 'compile' else own

    def call() -> Tensor:
        with torch.inference_mode():
            return run(given)

    return call


def reason_of(error: BaseException) -> str:
    """The first line of an error, or its name."""
    return next(iter(str(error).strip().splitlines()), '') or type(error).__name__


def _library_call(file: Path, picture: Tensor, way: Way) -> Callable[[], Tensor]:
    from effsr.inference.backends import open_exported
    from effsr.inference.engine import EngineSettings

    backend = way.backend if way.backend == 'openvino' else 'torch'  # others are told by the file
    settings = EngineSettings(backend, 'bf16' if way.precision == 'bf16' else 'auto', picture.device.type,
                              threads=torch.get_num_threads())
    try:
        engine = open_exported(file, settings)
    except ValueError as error:
        raise CannotRun(reason_of(error)) from error
    given = picture.float().cpu()
    return lambda: engine(given)


def _graph_call(net: nn.Module, given: Tensor) -> Callable[[], Tensor]:
    """A pass recorded as a CUDA graph, which is then launched as one."""
    with torch.inference_mode():
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):  # what libraries prepare in their first calls cannot be recorded
            for _ in range(WARM_UPS):
                net(given)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            answer = net(given)

    def call() -> Tensor:
        graph.replay()
        return answer

    return call
