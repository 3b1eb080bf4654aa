"""Engines of ncnn, from a .param file and the .bin beside it."""
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from effsr.inference.backends.answers import checked, plain_errors
from effsr.inference.backends.facts import Facts, read_facts
from effsr.inference.backends.libraries import need
from effsr.inference.engine import EngineSettings

# Before the metadata: a last line of the .param, behind the layers that ncnn counts and reads.
MARK = '# effsr '


class NcnnEngine:
    """A network of ncnn as an :class:`~effsr.inference.engine.Engine`; it takes one tile after the other.

    Args:
        net: Loaded, of one input and one output.
        facts: Of that network.
    """

    def __init__(self, net: Any, facts: Facts) -> None:
        self.name = f'ncnn cpu {facts.precision}'
        self.scale, self.multiple, self.halo = facts.scale, facts.multiple, facts.halo
        self.fixed_batch: int | None = None
        self.facts = facts
        self._net = net
        self._input, self._output = net.input_names()[0], net.output_names()[0]

    def __call__(self, tiles: Tensor) -> Tensor:
        """(B, 3, h, w) -> (B, 3, h * scale, w * scale); see :class:`~effsr.inference.engine.Engine`."""
        with plain_errors(self.name):
            found = np.stack([self._one(tile.contiguous().numpy()) for tile in tiles])
        return checked(torch.from_numpy(found), tiles, self.scale, self.name)

    def _one(self, tile: np.ndarray) -> np.ndarray:
        """(3, h, w) -> (3, h * scale, w * scale)."""
        import ncnn

        run = self._net.create_extractor()
        run.input(self._input, ncnn.Mat(tile).clone())
        status, result = run.extract(self._output)
        if status:
            raise MemoryError(f'status {status}')  # what ncnn reports for memory that it does not get
        return np.array(result)


def open_ncnn(path: str | os.PathLike, settings: EngineSettings) -> NcnnEngine:
    """The engine of a .param file. fp32 files are computed in float32 throughout, fp16 files as ncnn sees fit.

    Raises:
        ValueError: The file is no export of effsr's, its .bin is missing, or the device is not the CPU.
    """
    if settings.device == 'cuda':
        raise ValueError('--device cuda: ncnn has no CUDA; accepted: --device cpu or auto')
    need(('ncnn',), 'ncnn')
    import ncnn

    path = Path(path)
    facts = read_facts(_text_of(path), path)
    weights = path.with_suffix('.bin')
    if not weights.is_file():
        raise ValueError(f'{weights}: no such file; ncnn reads it beside {path.name}')
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = settings.threads or torch.get_num_threads()
    if facts.precision == 'fp32':
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
    if net.load_param(os.fspath(path)) or net.load_model(os.fspath(weights)):
        raise ValueError(f'{path}: ncnn cannot read it or the .bin beside it; export the weights again')
    return NcnnEngine(net, facts)


def _text_of(path: Path) -> str | None:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError:
        return None
    return next((line.removeprefix(MARK) for line in reversed(lines) if line.startswith(MARK)), None)
