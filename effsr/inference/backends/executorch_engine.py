"""Engines of ExecuTorch, from .pte files for the CPU."""
import os
from typing import Any

import torch
from torch import Tensor

from effsr.inference.backends.answers import checked, plain_errors
from effsr.inference.backends.facts import KEY, Facts, read_facts
from effsr.inference.backends.libraries import need
from effsr.inference.backends.onnx_graph import quiet_exporters
from effsr.inference.engine import EngineSettings, OutOfMemory

# Longest side of a picture, in input pixels: ExecuTorch plans its memory for the largest picture beforehand.
MOST = 512


class ExecuTorchEngine:
    """A method of ExecuTorch as an :class:`~effsr.inference.engine.Engine`; it takes one tile after the other.

    A tile whose side is above MOST is refused as what does not fit into memory, so that smaller ones are tried.

    Args:
        program: Kept, as the method lives in it.
        facts: Of it.
    """

    def __init__(self, program: Any, facts: Facts) -> None:
        self.name = f'executorch cpu {facts.precision}'
        self.scale, self.multiple, self.halo = facts.scale, facts.multiple, facts.halo
        self.fixed_batch: int | None = None
        self.facts = facts
        self._program = program
        self._method = program.load_method('forward')

    def __call__(self, tiles: Tensor) -> Tensor:
        """(B, 3, h, w) -> (B, 3, h * scale, w * scale); see :class:`~effsr.inference.engine.Engine`."""
        if max(tiles.shape[2:]) > MOST:
            raise OutOfMemory(f'{self.name} takes sides up to {MOST}; got {tuple(tiles.shape[2:])}')
        with plain_errors(self.name):
            found = torch.cat([self._method.execute([tile[None].contiguous()])[0].clone() for tile in tiles])
        return checked(found, tiles, self.scale, self.name)


def open_executorch(path: str | os.PathLike, settings: EngineSettings) -> ExecuTorchEngine:
    """The engine of a .pte file. How many threads it takes is ExecuTorch's own choice.

    Raises:
        ValueError: The file is no export of effsr's, or the device is not the CPU.
    """
    if settings.device == 'cuda':
        raise ValueError('--device cuda: this export is for the CPU; accepted: --device cpu or auto')
    need(('executorch',), 'ExecuTorch')
    with quiet_exporters():  # warns of parts of its own
        from executorch.runtime import Runtime

    name = os.fspath(path)
    with plain_errors(name):
        program = Runtime.get().load_program(name)
        text = str(program.load_method(KEY).execute([])[0]) if KEY in program.method_names else None
    return ExecuTorchEngine(program, read_facts(text, name))
