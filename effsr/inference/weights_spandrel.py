"""Weights of the many networks that spandrel knows, an optional library: pip install "effsr[spandrel]".

The file itself is read by :func:`effsr.runtime.checkpoint.load_file`; spandrel sees tensors alone.
"""
import hashlib
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.runtime.checkpoint import CheckpointError

INSTALL = 'pip install "effsr[spandrel]" to read those of many more'
DISCOURAGED = 'discouraged'
OWN_PREFIX = 'model.'
SAME = 1e-4


@dataclass(frozen=True)
class Found:
    """What spandrel made of weights.

    Attributes:
        net: (B, 3, H, W) RGB in [0, 1] -> (B, 3, H * scale, W * scale), of any size that ``multiple`` divides.
        arch: spandrel's name of the architecture, such as 'SwinIR'.
        args: spandrel's tags, and 'layout', which differs where any parameter's shape does.
        scale: Whole factor.
        multiple: H and W must be divisible by it.
        tiles: 'supported', 'discouraged' or 'internal', as spandrel says.
        note: What the user should know; '' for nothing.
    """

    net: nn.Module
    arch: str
    args: dict[str, Any]
    scale: int
    multiple: int
    tiles: str
    note: str


class Enlarged(nn.Module):
    """A network that takes pictures of any size: too small ones are extended, and their results cut back.

    Args:
        model: Of spandrel.
        scale: Its factor.
        least: Smallest height and width that it takes.
        square: Whether it takes square pictures alone.
        call: How it is called with a picture; None plainly.
    """

    def __init__(self, model: nn.Module, scale: int, least: int = 0, square: bool = False,
                 call: Callable[[nn.Module, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.model = model
        self.scale = scale
        self.least = least
        self.square = square
        self.call = call

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H * scale, W * scale)."""
        if self.least <= 1 and not self.square:  # nothing depends on the size, which an export may leave open
            return self._answer(picture)
        height, width = picture.shape[-2:]
        lengths = [max(self.least, side) for side in (height, width)]
        if self.square:
            lengths = [max(lengths)] * 2
        answer = self._answer(extended(picture, *lengths))
        return answer[..., :height * self.scale, :width * self.scale]

    def _answer(self, picture: Tensor) -> Tensor:
        return self.model(picture) if self.call is None else self.call(self.model, picture)


def extended(picture: Tensor, height: int, width: int) -> Tensor:
    """Extend (B, C, H, W) at the bottom and the right, mirrored as far as that goes, then by its last row or column."""
    for mode in ('reflect', 'replicate'):
        down, right = height - picture.shape[-2], width - picture.shape[-1]
        if mode == 'reflect':
            down, right = min(down, picture.shape[-2] - 1), min(right, picture.shape[-1] - 1)
        if down or right:
            picture = F.pad(picture, (0, right, 0, down), mode=mode)
    return picture


def open_with_spandrel(loaded: Any, path: Path) -> Found | None:
    """The network that what a file holds belongs to, or None where spandrel is not installed or does not know it.

    Args:
        loaded: From :func:`effsr.runtime.checkpoint.load_file`.
        path: For messages.

    Raises:
        CheckpointError: It knows the network, and that does not turn RGB into RGB, or the weights do not fit it.
    """
    spandrel = _spandrel()
    if spandrel is None or not isinstance(loaded, Mapping):
        return None
    state_dict = spandrel.canonicalize_state_dict(dict(loaded))
    if not state_dict or not all(isinstance(value, Tensor) for value in state_dict.values()):
        return None
    if all(name.startswith(OWN_PREFIX) for name in state_dict):  # as Enlarged's are, exported to safetensors
        without = {name.removeprefix(OWN_PREFIX): value for name, value in state_dict.items()}
        described = _described(spandrel, without, path) or _described(spandrel, state_dict, path)
    else:
        described = _described(spandrel, state_dict, path)
    if described is None:
        return None
    _check_kind(described, spandrel, path)
    return _found(described, spandrel)


def _described(spandrel: ModuleType, state_dict: dict[str, Tensor], path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # what it should have written otherwise is no concern of the user's
            return spandrel.MAIN_REGISTRY.load(state_dict)
    except spandrel.UnsupportedModelError:
        return None
    # An architecture that takes weights for its own may fail on them in any way.
    except Exception as error:
        raise CheckpointError(f'{path}: spandrel cannot build the network of these weights: '
                              f'{" ".join(str(error).split())[:300]}; take the file of another source') from error


def _spandrel() -> ModuleType | None:
    try:
        import spandrel
    except ImportError:
        return None
    return spandrel


def _check_kind(described: Any, spandrel: ModuleType, path: Path) -> None:
    name = described.architecture.name
    if not isinstance(described, spandrel.ImageModelDescriptor):
        raise CheckpointError(f'{path}: {name} needs a mask beside the picture; accepted: networks that take a picture')
    if (described.input_channels, described.output_channels) != (3, 3):
        raise CheckpointError(f'{path}: {name} takes {described.input_channels} channels and gives '
                              f'{described.output_channels}; accepted: networks from RGB to RGB, with 3')


def _found(described: Any, spandrel: ModuleType) -> Found:
    wanted, model = described.size_requirements, described.model
    call = getattr(described, '_call_fn', None)
    if call is not None and call.__module__ == spandrel.ImageModelDescriptor.__module__:
        call = None  # the plain call, without which the network can be sent to other processes
    tiles = described.tiling.name.lower()
    notes = [f'read by spandrel as {described.architecture.name}']
    if tiles == DISCOURAGED:
        notes.append('it looks at the whole picture, and tiles may differ from it')
    if described.purpose == 'FaceSR':
        notes.append('it is for single faces, aligned')
    net = Enlarged(model, described.scale, wanted.minimum, wanted.square, call)
    window = _window(model)
    multiple = math.lcm(wanted.multiple_of, window)
    if multiple > wanted.multiple_of and not _mirrors(net, described.scale, wanted.multiple_of, multiple):
        multiple = wanted.multiple_of
        notes.append(f'tiles do not begin where its windows of {window} pixels do, and may differ from the whole')
    args = {'tags': list(described.tags), 'layout': _layout(model)}
    return Found(net, described.architecture.name, args, described.scale, multiple, tiles, '; '.join(notes))


def _window(model: nn.Module) -> int:
    """Side of the windows of attention, which lie on a grid that begins at the picture's corner; 1 for none."""
    window = getattr(model, 'window_size', 1)
    return window if isinstance(window, int) and not isinstance(window, bool) and window > 0 else 1


@torch.inference_mode()
def _mirrors(net: nn.Module, scale: int, step: int, multiple: int) -> bool:
    """Whether a network fills its last windows as we would, mirrored, so that filling them first changes nothing.

    Then tiles can be cut along its windows.
    """
    height, width = (multiple * count + step for count in (1, 2))
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    whole = net.eval()(picture)
    filled = net(extended(picture, *(-(-side // multiple) * multiple for side in (height, width))))
    return torch.allclose(whole, filled[..., :height * scale, :width * scale], rtol=0, atol=SAME)


def _layout(net: nn.Module) -> str:
    """Names and shapes of all parameters as a short text, the same for two networks of one structure."""
    text = ' '.join(f'{name}:{tuple(value.shape)}' for name, value in net.state_dict().items())
    return hashlib.sha256(text.encode()).hexdigest()[:12]
