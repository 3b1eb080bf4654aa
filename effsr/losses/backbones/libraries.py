"""Networks of torchvision and timm by their names."""
import difflib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from effsr.losses.backbones.extractor import NORMALISATIONS
from effsr.pretrained.packages import import_package
from effsr.pretrained.weights import PRETRAINED, checked_digest, torchvision_weights

ACCEPTED = 'accepted: torchvision:NAME or timm:NAME, such as torchvision:resnet50'


def build_bare(backbone: str, arguments: Mapping[str, Any]) -> nn.Module:
    """A network without its weights.

    Args:
        backbone: torchvision:NAME or timm:NAME.
        arguments: What the library is given besides.

    Raises:
        ValueError: No such library or network, a library that is not installed, or arguments that are refused.
    """
    library, _, name = backbone.partition(':')
    if library not in ('torchvision', 'timm') or not name:
        raise ValueError(f'backbone is {backbone!r}; {ACCEPTED}')
    if library == 'timm':
        timm = import_package('timm', 'timm', f'backbone {backbone}')
        known, make = timm.is_model(name), timm.create_model
        names, arguments = timm.list_models, {'num_classes': 0, **arguments}
    else:
        names, make = _torchvision_names, torchvision.models.get_model
        known = name in names()
    if not known:
        close = difflib.get_close_matches(name, names(), 1, 0.4)
        hint = f'; nearest: {library}:{close[0]}' if close else ''
        raise ValueError(f'backbone is {backbone!r}, which {library} does not have{hint}; {ACCEPTED}')
    net = _made(make, name, backbone, arguments)
    if getattr(net, 'transform_input', None) is False and 'transform_input' not in arguments:
        net.transform_input = True  # as torchvision does for its weights: they were trained on pictures in [-1, 1]
    return net


def _torchvision_names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)


def _made(make: Any, name: str, backbone: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build without moving the global random state, from which the networks of the training are drawn."""
    try:
        # Libraries warn of weights that they draw, which are replaced.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return make(name, **arguments)
    # Networks refuse their arguments in any way.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f'backbone {backbone} cannot be built: {reason}; check backbone_args: {dict(arguments)}'
                         ) from error


def find_weights(backbone: str, given: str | None) -> Path | None:
    """The file of a network's weights; None for one of timm's that only timm itself may have.

    Raises:
        FileNotFoundError: None for one of torchvision's, see :func:`torchvision_weights`.
        ValueError: The file is not what its name says.
    """
    library, _, name = backbone.partition(':')
    if library == 'torchvision':
        return torchvision_weights(name, given)
    candidates = [Path(given)] if given is not None else [PRETRAINED / f'{name}{end}' for end in
                                                          ('.safetensors', '.pth')]
    found = next((path for path in candidates if given is not None or path.is_file()), None)
    return None if found is None else checked_digest(found)


def build_pretrained(backbone: str, arguments: Mapping[str, Any]) -> nn.Module:
    """One of timm's networks with the weights that timm finds in its cache or downloads.

    Raises:
        FileNotFoundError: It finds none.
    """
    name = backbone.partition(':')[2]
    try:
        return build_bare(backbone, {**arguments, 'pretrained': True})
    except ValueError as error:
        cause = error.__cause__ or error
        reason = next(iter(str(cause).splitlines()), type(cause).__name__)
        raise FileNotFoundError(f"weights of {backbone} are neither in timm's cache nor can they be downloaded "
                                f'({reason}); put them into {PRETRAINED / name}.safetensors (or .pth), or give the '
                                'path of a file as weights:') from error


def trained_normalisation(backbone: str, net: nn.Module) -> str:
    """What pictures a network's published weights were trained on, one of NORMALISATIONS.

    Raises:
        ValueError: On others.
    """
    library, _, name = backbone.partition(':')
    if library == 'timm':
        mean, std = (net.pretrained_cfg.get(key) for key in ('mean', 'std'))
    else:
        preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        mean, std = preset.mean, preset.std
    found = next((kind for kind, given in NORMALISATIONS.items() if (tuple(mean), tuple(std)) == given), None)
    if found is None:
        raise ValueError(f'normalise: {backbone} was trained on pictures normalised to mean {tuple(mean)} and '
                         f'deviation {tuple(std)}; say which of these comes closest: {", ".join(NORMALISATIONS)}')
    return found
