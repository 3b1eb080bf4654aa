"""Perceptual distances that were fitted to people's judgements, computed with the parts of their authors' packages.

LPIPS: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, arXiv 1801.03924 (package
lpips). DISTS: Ding et al., Image Quality Assessment: Unifying Structure and Texture Similarity, arXiv 2004.07728
(package DISTS-pytorch). The packages bring what was fitted; the networks below it are torchvision's, whose weights are
found as :mod:`effsr.pretrained.weights` says.
"""
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
import torchvision
from torch import Tensor, nn

from effsr.pretrained.fill import fill
from effsr.pretrained.packages import import_package
from effsr.pretrained.weights import read_weights, torchvision_weights

# What lpips calls a network -> what torchvision calls it.
LPIPS_NETS = {'alex': 'alexnet', 'vgg': 'vgg16', 'squeeze': 'squeezenet1_1'}
DISTS_FILE = 'weights.pt'


def build_lpips(what: str, net: str, weights: str | None = None, download: bool = True) -> nn.Module:
    """The package's LPIPS (version 0.1) with trained weights throughout.

    Args:
        what: What needs it, for the messages.
        net: One of LPIPS_NETS.
        weights: File of torchvision's weights of that network; None: looked for.
        download: Whether they may be downloaded where none are found.

    Raises:
        FileNotFoundError: No weights; the message says which file is to be put where.
        ValueError: The package is not installed, or the weights do not fit.
    """
    package = import_package('lpips', 'lpips', what)
    networks = import_package('lpips.pretrained_networks', 'lpips', what)
    with _quietly(), _given(networks, 'tv', LPIPS_NETS[net], trunk(LPIPS_NETS[net], weights, download)):
        model = package.LPIPS(net=net, verbose=False)
    return model.requires_grad_(False).eval()


def lpips_distance(model: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """LPIPS of each pair of pictures (B, 3, H, W) in [0, 1], (B,)."""
    return model(first, second, normalize=True).flatten()


def build_dists(what: str, weights: str | None = None, download: bool = True) -> nn.Module:
    """The package's DISTS with trained weights throughout.

    Args:
        what: What needs it, for the messages.
        weights: File of torchvision's VGG16 weights; None: looked for.
        download: Whether they may be downloaded where none are found.

    Raises:
        FileNotFoundError: No weights; the message says which file is to be put where.
        ValueError: The package is not installed or not whole, or the weights do not fit.
    """
    package = import_package('DISTS_pytorch.DISTS_pt', 'DISTS-pytorch', what)
    with _quietly(), _given(package, 'models', 'vgg16', trunk('vgg16', weights, download)):
        model = package.DISTS(load_weights=False)
    path = _dists_file(package, what)
    fill(model, read_weights(path), ['alpha', 'beta'], 'DISTS', path)
    return model.requires_grad_(False).eval()


def dists_distance(model: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """DISTS of each pair of pictures (B, 3, H, W) in [0, 1], (B,)."""
    return model(first, second, require_grad=True).flatten()


def trunk(name: str, weights: str | None, download: bool = True) -> nn.Sequential:
    """The `features` of one of torchvision's networks with their trained weights.

    Raises:
        FileNotFoundError: No weights; the message says which file is to be put where.
        ValueError: They do not fit.
    """
    path = torchvision_weights(name, weights, download)
    state = {key.removeprefix('features.'): value for key, value in read_weights(path).items()}
    with torch.device('meta'):  # nothing is drawn that is replaced
        layers = torchvision.models.get_model(name, weights=None).features
    layers.to_empty(device='cpu')
    fill(layers, state, list(layers.state_dict()), name, path)
    return layers


def _dists_file(package: ModuleType, what: str) -> Path:
    """Where pip has put the package's fitted weights: beside it, or, as its setup.py says, into the environment."""
    candidates = [Path(package.__file__).with_name(DISTS_FILE), Path(sys.prefix) / DISTS_FILE]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise ValueError(f'{what}: {candidates[0]}: no such file; install the package again: pip install '
                         '--force-reinstall --no-deps DISTS-pytorch')
    return found


@contextmanager
def _given(package: ModuleType, models: str, name: str, layers: nn.Sequential) -> Iterator[None]:
    """Within it a package takes these layers where it would have torchvision download them.

    Args:
        package: A module of it.
        models: What it calls torchvision.models there.
        name: Of the network.
        layers: Its features.
    """
    theirs = getattr(package, models)
    setattr(package, models, SimpleNamespace(**{name: lambda pretrained: SimpleNamespace(features=layers)}))
    try:
        yield
    finally:
        setattr(package, models, theirs)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without warnings about how a package is written, and without moving the global random state."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield
