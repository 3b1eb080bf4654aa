"""Engines of TorchScript files, which PyTorch runs without the class of the network."""
import os

import torch
from torch import Tensor

from effsr.inference.backends.answers import checked, plain_errors
from effsr.inference.backends.facts import KEY, Facts, read_facts
from effsr.inference.backends.onnx_graph import quiet_exporters
from effsr.inference.engine import EngineSettings
from effsr.inference.precision import check_device


class TorchScriptEngine:
    """A TorchScript module as an :class:`~effsr.inference.engine.Engine`.

    Args:
        module: (B, 3, H, W) -> (B, 3, H * scale, W * scale), float32, on the device.
        facts: Of that module.
        device: Where it runs.
    """

    def __init__(self, module: torch.jit.ScriptModule, facts: Facts, device: torch.device) -> None:
        self.name = f'torchscript {device.type} {facts.precision}'
        self.scale, self.multiple, self.halo = facts.scale, facts.multiple, facts.halo
        self.fixed_batch: int | None = None
        self.facts = facts
        self.device = device
        self._module = module
        # What CPUs convolve fastest in; a CUDA device is left to choose.
        self._format = torch.channels_last if device.type == 'cpu' else torch.contiguous_format

    @torch.inference_mode()
    def __call__(self, tiles: Tensor) -> Tensor:
        """(B, 3, h, w) -> (B, 3, h * scale, w * scale); see :class:`~effsr.inference.engine.Engine`."""
        with plain_errors(self.name):
            found = self._module(tiles.to(self.device, memory_format=self._format)).float().cpu()
        return checked(found, tiles, self.scale, self.name)


def open_torchscript(path: str | os.PathLike, settings: EngineSettings) -> TorchScriptEngine:
    """The engine of a .torchscript file.

    Raises:
        ValueError: The file is no export of effsr's, or CUDA is asked for and absent.
    """
    device = check_device(settings.device)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    inside = {KEY: ''}
    with plain_errors(os.fspath(path)), quiet_exporters():  # PyTorch warns of TorchScript as such
        module = torch.jit.load(os.fspath(path), map_location=device, _extra_files=inside).eval()
    text = inside[KEY]
    text = text.decode() if isinstance(text, bytes) else text
    return TorchScriptEngine(module, read_facts(text or None, os.fspath(path)), device)
