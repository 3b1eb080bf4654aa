"""From options to a feature extractor whose weights are all trained ones."""
import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from effsr.losses.backbones.extractor import FeatureExtractor, features
from effsr.losses.backbones.libraries import build_bare, build_pretrained, find_weights, trained_normalisation
from effsr.losses.backbones.vgg import VGG_TYPES, build_vgg, layer_names, named_weights
from effsr.pretrained.fill import fill
from effsr.pretrained.weights import read_weights, torchvision_weights

# Sides of pictures that a network is tried with, in pixels: some take no small ones, some only those they know.
SIDES = (64, 128, 224, 256)
COUNTER = 'num_batches_tracked'  # of batch normalisation, which evaluation does not use
MOST_NAMES = 12


@dataclass(frozen=True)
class Backbone:
    """Which network, and how pictures are brought to it.

    Attributes:
        name: vgg11 ... vgg19_bn, torchvision:NAME or timm:NAME.
        weights: Path of a .pth or .safetensors file; None: looked for, see
            :mod:`effsr.pretrained.weights`.
        arguments: What the library is given to build the network.
        normalise: See :class:`FeatureExtractor`; None: as the network's published weights were trained.
        range_norm: The same.
        upsample: The same.
        stem_stride: What the stride of the first convolution is set to; None: it stays.
    """

    name: str = 'vgg19'
    weights: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    normalise: str | None = None
    range_norm: bool = False
    upsample: int = 1
    stem_stride: int | None = None


def build_extractor(backbone: Backbone, layers: Collection[str | int]) -> tuple[FeatureExtractor, list[str]]:
    """Build a network, find and load its weights.

    Args:
        backbone: Which.
        layers: Names of layers, or their numbers: of a VGG's or of torchvision's `features`, of a timm network's
            stages.

    Returns:
        The extractor; and the names of the layers in the order given.

    Raises:
        FileNotFoundError: There are no weights; the message says where to put which file.
        ValueError: An unknown network or layer, a package that is not installed, or weights that do not fit.
    """
    vgg = backbone.name in VGG_TYPES
    net, path = _vgg(backbone, layers) if vgg else _of_library(backbone)
    names = [layer_name(net, name, backbone.name) for name in layers]
    if backbone.stem_stride is not None:
        _set_stem_stride(net, backbone.stem_stride, backbone.name)
    net.requires_grad_(True).eval()
    used = used_weights(net, names, backbone.name)
    if path is not None:
        state = read_weights(path)
        fill(net, named_weights(state, backbone.name) if vgg else state, used, backbone.name, path)
    normalise = backbone.normalise or ('imagenet' if vgg else trained_normalisation(backbone.name, net))
    _drop_unused(net, {name.rpartition('.')[0] for name in used})
    return FeatureExtractor(net, names, normalise, backbone.range_norm, backbone.upsample), names


def _vgg(backbone: Backbone, layers: Collection[str | int]) -> tuple[nn.Module, Path]:
    known = layer_names(backbone.name)
    positions = [known.index(_known_name(known, name, backbone.name)) for name in layers]
    with torch.random.fork_rng(devices=[]):
        net = build_vgg(backbone.name, known[max(positions)])
    return net, torchvision_weights(backbone.name, backbone.weights)


def _of_library(backbone: Backbone) -> tuple[nn.Module, Path | None]:
    net = build_bare(backbone.name, backbone.arguments)
    path = find_weights(backbone.name, backbone.weights)
    return (net, path) if path is not None else (build_pretrained(backbone.name, backbone.arguments), None)


def layer_name(net: nn.Module, layer: str | int, what: str) -> str:
    """The dotted name of a layer given by name or number.

    Raises:
        ValueError: There is none.
    """
    modules = [name for name, _ in net.named_modules() if name]
    if layer in modules:
        return layer
    return _known_name(_numbered(net), layer, what, modules)


def _numbered(net: nn.Module) -> list[str]:
    """What numbers stand for."""
    stages = getattr(net, 'feature_info', None)
    if stages is not None:  # timm's
        return [stage['module'] for stage in stages]
    inner = getattr(net, 'features', None)
    prefix, home = ('features.', inner) if isinstance(inner, nn.Module) else ('', net)
    return [f'{prefix}{name}' for name, _ in home.named_children()]


def _known_name(numbered: list[str], layer: str | int, what: str, modules: Collection[str] | None = None) -> str:
    if layer in numbered:
        return layer
    if str(layer).isdigit() and int(layer) < len(numbered):
        return numbered[int(layer)]
    if str(layer).lstrip('-').isdigit():
        raise ValueError(f'layers: {layer}: {what} has no such layer; accepted: 0 to {len(numbered) - 1} '
                         f'({numbered[0]} to {numbered[-1]}), or a name')
    names = list(modules or numbered)
    close = difflib.get_close_matches(str(layer), names, 1, 0.4)
    shown = numbered[:MOST_NAMES] + ['...'] * (len(numbered) > MOST_NAMES)
    raise ValueError(f'layers: {layer}: {what} has no such layer; '
                     + (f'nearest: {close[0]}' if close else f'accepted: {", ".join(shown)}'))


def _set_stem_stride(net: nn.Module, stride: int, what: str) -> None:
    stem = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    if stem is None or stem.in_channels != 3:
        raise ValueError(f'stem_stride: {what} does not begin with a convolution of pictures; use upsample')
    stem.stride = (stride, stride)


def used_weights(net: nn.Module, layers: list[str], what: str) -> set[str]:
    """Names of the parameters, and of the statistics beside them, that layers' answers depend on.

    Found by differentiating: whatever else a network holds, its head for example, needs no weights.

    Raises:
        ValueError: Layers that do not run, or that answer in something else than (B, C, H, W).
    """
    found = _tried(net, layers, what)
    for name in layers:
        answer = found.get(name)
        if not isinstance(answer, Tensor) or answer.dim() != 4:
            given = 'does not run' if answer is None else f'answers {tuple(getattr(answer, "shape", ())) or answer!r}'
            raise ValueError(f'layers: {name}: {given} in {what}; accepted: layers that answer in maps, (B, C, H, W)')
    parameters = dict(net.named_parameters())
    gradients = torch.autograd.grad(sum(answer.sum() for answer in found.values()), list(parameters.values()),
                                    allow_unused=True)
    unused = {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None}
    idle = {name.rpartition('.')[0] for name in unused} - {name.rpartition('.')[0] for name in set(parameters) - unused}
    return {name for name in net.state_dict() if name not in unused and name.rpartition('.')[0] not in idle
            and not name.endswith(COUNTER)}


def _tried(net: nn.Module, layers: list[str], what: str) -> dict[str, Tensor]:
    for side in SIDES:
        try:
            with torch.enable_grad():
                return features(net, torch.zeros(1, 3, side, side), layers)
        # A network refuses pictures in any way.
        except Exception as error:
            cause = error
    reason = next(iter(str(cause).splitlines()), type(cause).__name__)
    raise ValueError(f'backbone {what} cannot take a picture of {side} x {side}: {reason}; use another') from cause


def _drop_unused(net: nn.Module, owners: Collection[str], prefix: str = '') -> None:
    """Take out of a network what holds weights that are not used: they were not loaded, and fill memory."""
    for name, child in list(net.named_children()):
        path = f'{prefix}{name}'
        if next(child.parameters(), None) is None:
            continue
        if any(owner == path or owner.startswith(f'{path}.') for owner in owners):
            _drop_unused(child, owners, f'{path}.')
        else:
            setattr(net, name, nn.Identity())
