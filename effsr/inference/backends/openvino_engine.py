"""Engines of OpenVINO."""
import os
from typing import Any

import torch
from torch import Tensor

from effsr.inference.backends.answers import checked, plain_errors
from effsr.inference.backends.facts import KEY, Facts, read_facts
from effsr.inference.backends.libraries import need
from effsr.inference.engine import EngineSettings

# How OpenVINO names what it computes in; int8 graphs compute in float32 where they are not quantised.
HINTS = {'fp32': 'f32', 'fp16': 'f32', 'int8': 'f32', 'bf16': 'bf16'}


class OpenVinoEngine:
    """A compiled model of OpenVINO as an :class:`~effsr.inference.engine.Engine`.

    Args:
        compiled: (B, 3, H, W) -> (B, 3, H * scale, W * scale), float32.
        facts: Of that graph.
        precision: What it computes in, for the name.
    """

    def __init__(self, compiled: Any, facts: Facts, precision: str) -> None:
        self.name = f'openvino cpu {precision}'
        self.scale, self.multiple, self.halo = facts.scale, facts.multiple, facts.halo
        self.fixed_batch: int | None = None
        self.facts = facts
        self._compiled = compiled

    def __call__(self, tiles: Tensor) -> Tensor:
        """(B, 3, h, w) -> (B, 3, h * scale, w * scale); see :class:`~effsr.inference.engine.Engine`."""
        with plain_errors(self.name):
            # The library overwrites its own output in the next call.
            found = self._compiled(tiles.contiguous().numpy())[0].copy()
        return checked(torch.from_numpy(found), tiles, self.scale, self.name)


def open_openvino(source: str | os.PathLike | bytes, settings: EngineSettings, facts: Facts | None = None
                  ) -> OpenVinoEngine:
    """The engine of an .xml or .onnx file, or of the bytes of an .onnx; facts are read from it where none are given.

    Half precision is computed as float32 from weights stored in 16 bits, as OpenVINO does on CPUs; bf16 where
    ``settings.precision`` asks for it.

    Raises:
        ValueError: The file is no export of effsr's, cannot be run, or the device is not the CPU.
    """
    if settings.device == 'cuda':
        raise ValueError('--device cuda: OpenVINO has no CUDA; accepted: --device cpu or auto')
    need(('openvino',), 'OpenVINO')
    import openvino

    name = 'openvino' if isinstance(source, bytes) else os.fspath(source)
    core = openvino.Core()
    with plain_errors(name):
        model = core.read_model(source if isinstance(source, bytes) else os.fspath(source))
    facts = facts or read_facts(_text_of(model, name), name)
    precision = 'bf16' if settings.precision == 'bf16' else facts.precision
    options = {'INFERENCE_PRECISION_HINT': HINTS[precision], 'PERFORMANCE_HINT': 'LATENCY',
               'INFERENCE_NUM_THREADS': settings.threads or torch.get_num_threads()}
    with plain_errors(name):
        return OpenVinoEngine(core.compile_model(model, 'CPU', options), facts, precision)


def _text_of(model: Any, name: str) -> str | None:
    """The metadata: an .xml has it under its own key, an .onnx as read by OpenVINO under the framework's."""
    for keys in ([KEY], ['framework', KEY]):
        if model.has_rt_info(keys):
            found = model.get_rt_info(keys)
            return str(getattr(found, 'value', found))
    return _of_onnx(name) if name.endswith('.onnx') else None


def _of_onnx(name: str) -> str | None:
    need(('onnx',), name)
    import onnx

    return {entry.key: entry.value for entry in onnx.load(name).metadata_props}.get(KEY)
