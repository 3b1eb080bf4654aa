"""Network interpolation: weights between those of two trainings of one network.

Wang et al., ESRGAN, ECCVW 2018 (arXiv 1809.00219), section 3.4: between a network trained for PSNR and the GAN that
started from it lies a range from smooth to detailed.
"""
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor

from effsr.inference.weights import load_model
from effsr.runtime.checkpoint import CheckpointError, load_file, pick_params, save_atomic
from effsr.runtime.sidecar import read_sidecar, sidecar_path, write_sidecar

ENTRIES = ('params', 'params_ema')
SAME_NETWORK = 'accepted: two trainings of one network'


@dataclass(frozen=True)
class Interpolated:
    """What :func:`interpolate_files` wrote.

    Attributes:
        path: The file.
        entries: Its entries: params, params_ema, or both.
        arch: Name of the network, or '' where nothing says it.
        note: What is to be told to the user; '' for nothing.
    """

    path: Path
    entries: tuple[str, ...]
    arch: str
    note: str = ''


@torch.no_grad()
def interpolate(first: Mapping[str, Tensor], second: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """(1 - alpha) * first + alpha * second, parameter by parameter, in the data type of the first.

    What is not a fraction, such as a count of batches, comes from the nearer one.

    Args:
        first: For example the weights trained for PSNR.
        second: For example those of the GAN: the same names and shapes.
        alpha: In [0, 1]; 0 gives the first, 1 the second, bit for bit where their data types are equal.

    Raises:
        ValueError: alpha out of range, other names or shapes, or a parameter that is not finite; the first is named.
    """
    _check_alpha(alpha)
    _check_same(first, second)
    mixed = {}
    for name, value in first.items():
        other = second[name]
        if value.is_floating_point():
            blend = _blended(value, other, alpha)
            if not torch.isfinite(blend).all():
                raise ValueError(f'{name} is not finite; take weights of another iteration')
            mixed[name] = blend
        else:
            mixed[name] = (other if alpha >= 0.5 else value).clone()
    return mixed


def _blended(value: Tensor, other: Tensor, alpha: float) -> Tensor:
    if alpha in (0, 1):  # a sum with 0 would turn -0.0 into 0.0
        return (other if alpha else value).to(value.dtype, copy=True)
    wide = torch.float64 if value.dtype == torch.float64 else torch.float32
    return ((1 - alpha) * value.to(wide) + alpha * other.to(wide)).to(value.dtype)


def interpolate_files(first: Path, second: Path, alpha: float, target: Path, overwrite: bool = False,
                      version: str = '') -> Interpolated:
    """Interpolate two files of weights, and write the result with the JSON file that says what it is.

    Each entry, params and params_ema, is made of the same entry of both; where one file lacks it, the entry that it
    has stands in, as when its weights are loaded.

    Args:
        first, second: Files that :func:`effsr.runtime.checkpoint.load_file` accepts.
        alpha: See :func:`interpolate`.
        target: A file NAME.pth, written whole or not at all, together with NAME.json.
        overwrite: Whether it may take the place of another.
        version: Of effsr, for the JSON file.

    Raises:
        ValueError: alpha out of range; a file that cannot be read or written, is there already, or holds another
            network's weights.
    """
    _check_alpha(alpha)
    _check_target(target, (first, second), overwrite)
    parts = [_entries(path) for path in (first, second)]
    arch, scale = _network(first, second)
    keys = tuple(key for key in ENTRIES if any(key in part for part in parts))
    weights = {}
    for key in keys:
        try:
            weights[key] = interpolate(*(part.get(key) or next(iter(part.values())) for part in parts), alpha)
        except ValueError as error:
            raise CheckpointError(f'{first} and {second}: {error}') from None
    save_atomic(weights, target)
    write_sidecar(target, {'effsr': version, **({'arch': arch, 'scale': scale} if arch else {}), 'interpolated': {
        'formula': '(1 - alpha) * first + alpha * second', 'first': first, 'second': second, 'alpha': alpha}})
    statistics = any(name.endswith('running_var') for name in weights[keys[0]])
    note = ('the running statistics of BatchNorm are interpolated too, which is right only at 0 and 1; look at the '
            'pictures') if statistics and 0 < alpha < 1 else ''
    return Interpolated(target, keys, arch['type'] if arch else '', note)


def _check_alpha(alpha: float) -> None:
    if not 0 <= alpha <= 1:
        raise ValueError(f'alpha is {alpha}; accepted: from 0 (the first) to 1 (the second)')


def _check_same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> None:
    for name, value in first.items():
        if name not in second:
            raise ValueError(f'the second has no {name}; {SAME_NETWORK}')
        if second[name].shape != value.shape:
            raise ValueError(f'{name} is {tuple(value.shape)} in the first and {tuple(second[name].shape)} in the '
                             f'second; {SAME_NETWORK}')
    further = next((name for name in second if name not in first), None)
    if further is not None:
        raise ValueError(f'the first has no {further}; {SAME_NETWORK}')


def _check_target(target: Path, sources: tuple[Path, ...], overwrite: bool) -> None:
    if target.suffix != '.pth':
        raise CheckpointError(f'{target}: a file of weights ends in .pth; accepted: such as {target.stem or "C"}.pth')
    for source in sources:
        if target.resolve() == source.resolve():
            raise CheckpointError(f'{target}: is one of the two to interpolate; choose another -o')
    there = next((path for path in (target, sidecar_path(target)) if path.exists()), None)
    if there is not None and not overwrite:
        raise CheckpointError(f'{there}: exists; pass --overwrite to replace it')


def _entries(path: Path) -> dict[str, dict[str, Tensor]]:
    """The state dicts of a file by entry; a bare one, or one under another name, as params. The best comes first."""
    loaded = load_file(path)
    best, key = pick_params(loaded, path=path)
    found = {key if key in ENTRIES else ENTRIES[0]: best}
    for other in ENTRIES if key in ENTRIES else ():
        if isinstance(loaded.get(other), Mapping) and loaded[other]:
            found.setdefault(other, pick_params({other: loaded[other]}, path=path)[0])
    return found


def _network(first: Path, second: Path) -> tuple[dict[str, Any] | None, int | None]:
    """What network both are of: as their JSON files say, else as the first's weights are recognised."""
    infos = [read_sidecar(path) or {} for path in (first, second)]
    known = [info for info in infos if isinstance(info.get('arch'), Mapping) and 'type' in info['arch']]
    if len(known) == 2:
        _check_same_arch(first, second, *(info['arch'] for info in known))
    if known:
        return dict(known[0]['arch']), known[0].get('scale')
    try:
        model = load_model(first)
    except CheckpointError:  # of no network that is recognised; its weights can be interpolated all the same
        return None, None
    return {'type': model.arch, 'args': model.args}, model.scale


def _check_same_arch(first: Path, second: Path, one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    if one['type'] != two['type']:
        raise CheckpointError(f'{first} and {second}: of {one["type"]} and of {two["type"]}; {SAME_NETWORK}')
    ours, theirs = _arguments(one), _arguments(two)
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            raise CheckpointError(f'{first} and {second}: {name} of {one["type"]} is {ours.get(name)} and '
                                  f'{theirs.get(name)}; {SAME_NETWORK}')


def _arguments(arch: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a network, with the defaults of those that are not given, where its class is known."""
    cls = next((cls for name, cls in ARCH_REGISTRY if name == arch['type']), None)
    parameters = inspect.signature(cls).parameters if cls is not None else {}
    defaults = {name: parameter.default for name, parameter in parameters.items()
                if parameter.default is not parameter.empty}
    return {**defaults, **(arch.get('args') or {})}
