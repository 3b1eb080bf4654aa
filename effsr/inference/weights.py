"""From a file of weights to a network that is ready to run, without an option file.

What the weights are is read from the JSON file beside them, or the head of a .safetensors file, where that says it.
Else it is recognised from the names and shapes of the parameters, by effsr, then by spandrel where that is installed.
"""
import difflib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

from effsr.inference.weights_recognition import RECOGNISERS, Plan, recognise
from effsr.inference.weights_spandrel import INSTALL, open_with_spandrel
from effsr.runtime.checkpoint import BARE, CheckpointError, check_fits, load_file, pick_params
from effsr.runtime.sidecar import read_sidecar, sidecar_path

QUICKSTART_PATTERN = 'quickstart_*/models/net_g_*.pth'  # an interrupted run has no latest


@dataclass(frozen=True)
class LoadedModel:
    """A trained network in evaluation mode, without gradients.

    Attributes:
        net: (1, 3, H, W) RGB in [0, 1] -> (1, 3, H * scale, W * scale), not clipped.
        arch: Its name in BasicSR's architecture registry, else spandrel's name for it.
        args: The arguments it was built with; spandrel's tags.
        scale: Whole factor.
        path: The weights' file.
        key: The entry of the file that was taken: params_ema, params, state_dict or bare.
        multiple: H and W must be divisible by this.
        note: What had to be assumed, to be told to the user; '' for nothing.
        tiles: 'supported', 'discouraged' (it looks at the whole picture) or 'internal' (it makes tiles by itself).
    """

    net: nn.Module
    arch: str
    args: dict[str, Any]
    scale: int
    path: Path
    key: str
    multiple: int = 1
    note: str = ''
    tiles: str = 'supported'


def load_model(path: str | Path, device: str | torch.device = 'cpu') -> LoadedModel:
    """Load weights and the network they belong to.

    Averaged weights (``params_ema``) are preferred. Parameters become float32.

    Raises:
        CheckpointError: The file cannot be read, the file beside it is wrong, or the network is not recognised.
    """
    path = Path(path)
    loaded, info = load_file(path), read_sidecar(path)
    told = info is not None and 'arch' in info
    try:
        return _load_own(path, loaded, _plan_from_sidecar(info, sidecar_path(path)) if told else None, device)
    except CheckpointError:
        # The head of a .safetensors file may name an architecture of spandrel's.
        found = None if told and sidecar_path(path).exists() else open_with_spandrel(loaded, path)
        if found is None:
            raise
    entry = next((name for name, value in loaded.items() if isinstance(value, Mapping)), BARE)
    return LoadedModel(_ready(found.net, device), found.arch, found.args, found.scale, path, entry, found.multiple,
                       found.note, found.tiles)


def newest_quickstart_weights(root: str | Path = Path('experiments')) -> Path | None:
    """The last written experiments/quickstart_*/models/net_g_*.pth, or None."""
    found = [path for path in Path(root).glob(QUICKSTART_PATTERN) if path.is_file()]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.as_posix()), default=None)


def _load_own(path: Path, loaded: Any, told: Plan | None, device: str | torch.device) -> LoadedModel:
    """A network of BasicSR's registry; ``told`` is what the file beside the weights says of it."""
    state_dict, key = pick_params(loaded, path=path)
    plan = told or recognise(state_dict)
    if plan is None:
        raise _unknown(state_dict, path)
    source = sidecar_path(path) if told else path
    net = _build(plan, source)
    scale = _scale_of(plan, source)
    for name in ('num_in_ch', 'num_out_ch'):
        if plan.args.get(name, 3) != 3:
            raise CheckpointError(f'{source}: {plan.arch} has {name} {plan.args[name]}; accepted: networks from RGB to '
                                  'RGB, with 3')
    check_fits(net, state_dict, path)
    net.load_state_dict(state_dict)
    return LoadedModel(_ready(net, device), plan.arch, plan.args, scale, path, key, _multiple(plan.arch, scale),
                       plan.note)


def _ready(net: nn.Module, device: str | torch.device) -> nn.Module:
    return net.requires_grad_(False).eval().float().to(device)


def _unknown(state_dict: Mapping[str, Tensor], path: Path) -> CheckpointError:
    others = 'what spandrel knows' if importlib.util.find_spec('spandrel') else INSTALL
    known = f'{", ".join(RECOGNISERS)}, {others}'
    return CheckpointError(f'{path}: architecture not recognised from {len(state_dict)} parameters (first: '
                           f'{next(iter(state_dict))}); recognised: {known}; for others put a '
                           f'{sidecar_path(path).name} beside it with arch and scale')


def _plan_from_sidecar(info: Mapping[str, Any], source: Path) -> Plan:
    arch = info['arch']
    if not isinstance(arch, Mapping) or not isinstance(arch.get('type'), str) \
            or not isinstance(arch.get('args', {}), Mapping):
        raise CheckpointError(f"{source}: arch is {arch!r}; accepted: {{'type': class name, 'args': its arguments}}")
    scale = info.get('scale')
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int) or scale < 1):
        raise CheckpointError(f'{source}: scale is {scale!r}; accepted: a whole number from 1')
    return Plan(arch['type'], dict(arch.get('args', {})), scale)


def _build(plan: Plan, source: Path) -> nn.Module:
    names = [name for name, _ in ARCH_REGISTRY]
    if plan.arch not in names:
        near = difflib.get_close_matches(plan.arch, names, 1, 0.5)
        hint = f'; nearest: {near[0]}' if near else ''
        raise CheckpointError(f'{source}: unknown architecture {plan.arch!r}; accepted: a registered class{hint}; '
                              'one of your own is found with --import MODULE')
    try:
        return ARCH_REGISTRY.get(plan.arch)(**plan.args)
    # An architecture, a user's own too, may object to its arguments in any way.
    except Exception as error:
        arguments = ', '.join(f'{name}={value!r}' for name, value in plan.args.items())
        raise CheckpointError(f'{source}: {plan.arch} cannot be built with ({arguments}): {error}; mend the arguments '
                              f'under arch: args') from error


def _scale_of(plan: Plan, source: Path) -> int:
    """The factor given beside the arguments, among them, or as the class's default; they must agree."""
    parameters = inspect.signature(ARCH_REGISTRY.get(plan.arch)).parameters
    name = next((name for name in ('upscale', 'scale') if name in parameters), None)
    built = plan.args.get(name, parameters[name].default) if name else None
    if not isinstance(built, int) or isinstance(built, bool):
        built = None
    if plan.scale and built and plan.scale != built:
        raise CheckpointError(f'{source}: scale is {plan.scale}, but {plan.arch} has {name} {built}; make them agree')
    if not plan.scale and not built:
        raise CheckpointError(f'{source}: no scale given; add "scale": the factor of {plan.arch}')
    return plan.scale or built


def _multiple(arch: str, scale: int) -> int:
    """RRDBNet folds pixels into channels for small factors."""
    return {2: 2, 1: 4}.get(scale, 1) if arch == 'RRDBNet' else 1


