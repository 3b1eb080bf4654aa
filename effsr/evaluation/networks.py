"""The networks of an evaluation: weights that PyTorch runs, or files of effsr/export.py that other libraries run."""
from pathlib import Path

import torch
from torch import Tensor, nn

from effsr.evaluation.content import sha256_of
from effsr.inference.backends import is_exported, open_exported
from effsr.inference.engine import Engine, EngineSettings, open_engine
from effsr.inference.weights import LoadedModel, load_model


class EngineNet(nn.Module):
    """An engine where a network is expected; it stays on the CPU, whatever it computes on.

    Args:
        engine: From :func:`effsr.inference.backends.open_exported`.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)  # whose device is asked for

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H * scale, W * scale)."""
        return self.engine(picture)


def open_network(path: Path, device: str = 'cpu') -> LoadedModel:
    """Weights, or an exported file as if it were weights.

    Raises:
        ValueError: It cannot be read, or its library is not installed.
    """
    if not is_exported(path):
        return load_model(path, device)
    engine = open_exported(path, EngineSettings(device=device))
    beside = path.with_suffix('.bin')  # where OpenVINO and ncnn keep the weights
    key = sha256_of(beside) if beside.is_file() and path.suffix.lower() in ('.xml', '.param') else 'exported'
    facts = engine.facts
    return LoadedModel(EngineNet(engine), facts.arch, dict(facts.args), engine.scale, path, key, engine.multiple,
                       f'run by {engine.name}')


def engine_of(model: LoadedModel, device: str = 'cpu') -> Engine:
    """What runs a network of :func:`open_network` on pictures of any size: weights by PyTorch in fp32."""
    if isinstance(model.net, EngineNet):
        return model.net.engine
    return open_engine(model, EngineSettings(precision='fp32', device=device))


def parameters_of(model: LoadedModel) -> int | None:
    """Numbers that a network learnt; None for an exported file, which does not tell."""
    if isinstance(model.net, EngineNet):
        return None
    return sum(parameter.numel() for parameter in model.net.parameters())
