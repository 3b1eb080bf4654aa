"""Engines of ONNX Runtime."""
import os
from typing import Any

import torch
from torch import Tensor

from effsr.inference.backends.answers import checked, plain_errors
from effsr.inference.backends.facts import KEY, Facts, read_facts
from effsr.inference.backends.libraries import need
from effsr.inference.engine import EngineSettings

CUDA, CPU = 'CUDAExecutionProvider', 'CPUExecutionProvider'


class OnnxRuntimeEngine:
    """A session of ONNX Runtime as an :class:`~effsr.inference.engine.Engine`.

    Args:
        session: Of a graph (B, 3, H, W) -> (B, 3, H * scale, W * scale), float32.
        facts: Of that graph.
    """

    def __init__(self, session: Any, facts: Facts) -> None:
        on_cuda = session.get_providers()[0] == CUDA
        self.name = f'onnxruntime {"cuda" if on_cuda else "cpu"} {facts.precision}'
        self.scale, self.multiple, self.halo = facts.scale, facts.multiple, facts.halo
        self.fixed_batch: int | None = None
        self.facts = facts
        self._session = session
        self._input = session.get_inputs()[0].name

    def __call__(self, tiles: Tensor) -> Tensor:
        """(B, 3, h, w) -> (B, 3, h * scale, w * scale); see :class:`~effsr.inference.engine.Engine`."""
        with plain_errors(self.name):
            found = self._session.run(None, {self._input: tiles.contiguous().numpy()})[0]
        return checked(torch.from_numpy(found), tiles, self.scale, self.name)


def open_session(source: str | os.PathLike | bytes, device: str, threads: int | None) -> Any:
    """A session for a file or for the bytes of one.

    Args:
        source: Path, or content.
        device: 'auto', 'cpu' or 'cuda'.
        threads: None for torch's number.

    Raises:
        ValueError: CUDA is asked for and this build has none, or the graph is not accepted.
    """
    need(('onnxruntime',), 'ONNX Runtime')
    import onnxruntime

    has_cuda = CUDA in onnxruntime.get_available_providers()
    if device == 'cuda' and not has_cuda:
        raise ValueError('--device cuda: this onnxruntime has no CUDA; install onnxruntime-gpu in its place, or take '
                         '--device cpu')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = 3  # what it warns of while it optimises is for its own developers
    given = source if isinstance(source, bytes) else os.fspath(source)
    with plain_errors('onnxruntime' if isinstance(source, bytes) else str(source)):
        return onnxruntime.InferenceSession(given, options, providers=[CUDA] * (has_cuda and device != 'cpu') + [CPU])


def open_onnx(source: str | os.PathLike | bytes, settings: EngineSettings, facts: Facts | None = None
              ) -> OnnxRuntimeEngine:
    """The engine of an ONNX file or of the bytes of one; ``facts`` are read from it where none are given.

    Raises:
        ValueError: The file is no ONNX file of effsr's, or cannot be run here.
    """
    session = open_session(source, settings.device, settings.threads)
    if facts is None:
        facts = read_facts(session.get_modelmeta().custom_metadata_map.get(KEY), os.fspath(source))
    return OnnxRuntimeEngine(session, facts)
