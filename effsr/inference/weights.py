"""From a .pth file to a network that is ready to run, without an option file.

What the weights are is read from the JSON file beside them where there is one, else recognised from the names and
shapes of the parameters.
"""
import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

from effsr.runtime.checkpoint import CheckpointError, check_fits, load_file, pick_params
from effsr.runtime.sidecar import read_sidecar, sidecar_path

QUICKSTART_PATTERN = 'quickstart_*/models/net_g_*.pth'  # an interrupted run has no latest
RRDB_SCALES = {1: 4, 4: 2, 16: 1}


@dataclass(frozen=True)
class LoadedModel:
    """A trained network in evaluation mode, without gradients.

    Attributes:
        net: (1, 3, H, W) RGB in [0, 1] -> (1, 3, H * scale, W * scale), not clipped.
        arch: Its name in BasicSR's architecture registry.
        args: The arguments it was built with.
        scale: Whole factor.
        path: The weights' file.
        key: The entry of the file that was taken: params_ema, params, state_dict or bare.
        multiple: H and W must be divisible by this.
        note: What had to be assumed, to be told to the user; '' for nothing.
    """

    net: nn.Module
    arch: str
    args: dict[str, Any]
    scale: int
    path: Path
    key: str
    multiple: int = 1
    note: str = ''


@dataclass(frozen=True)
class _Plan:
    """What to build."""

    arch: str
    args: dict[str, Any] = field(default_factory=dict)
    scale: int | None = None
    note: str = ''


def load_model(path: str | Path, device: str | torch.device = 'cpu') -> LoadedModel:
    """Load weights and the network they belong to.

    Averaged weights (``params_ema``) are preferred. Parameters become float32.

    Raises:
        CheckpointError: The file cannot be read, the file beside it is wrong, or the network is not recognised.
    """
    path = Path(path)
    state_dict, key = pick_params(load_file(path), path=path)
    info = read_sidecar(path)
    if info is not None and 'arch' in info:
        plan, source = _plan_from_sidecar(info, sidecar_path(path)), sidecar_path(path)
    else:
        plan, source = _recognise(state_dict, path), path
    net = _build(plan, source)
    scale = _scale_of(plan, source)
    for name in ('num_in_ch', 'num_out_ch'):
        if plan.args.get(name, 3) != 3:
            raise CheckpointError(f'{source}: {plan.arch} has {name} {plan.args[name]}; accepted: networks from RGB to '
                                  'RGB, with 3')
    check_fits(net, state_dict, path)
    net.load_state_dict(state_dict)
    net.requires_grad_(False).eval().float().to(device)
    return LoadedModel(net, plan.arch, plan.args, scale, path, key, _multiple(plan.arch, scale), plan.note)


def newest_quickstart_weights(root: str | Path = Path('experiments')) -> Path | None:
    """The last written experiments/quickstart_*/models/net_g_*.pth, or None."""
    found = [path for path in Path(root).glob(QUICKSTART_PATTERN) if path.is_file()]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.as_posix()), default=None)


def _plan_from_sidecar(info: Mapping[str, Any], source: Path) -> _Plan:
    arch = info['arch']
    if not isinstance(arch, Mapping) or not isinstance(arch.get('type'), str) \
            or not isinstance(arch.get('args', {}), Mapping):
        raise CheckpointError(f"{source}: arch is {arch!r}; accepted: {{'type': class name, 'args': its arguments}}")
    scale = info.get('scale')
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int) or scale < 1):
        raise CheckpointError(f'{source}: scale is {scale!r}; accepted: a whole number from 1')
    return _Plan(arch['type'], dict(arch.get('args', {})), scale)


def _build(plan: _Plan, source: Path) -> nn.Module:
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


def _scale_of(plan: _Plan, source: Path) -> int:
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


def _recognise(state_dict: Mapping[str, Tensor], path: Path) -> _Plan:
    for recogniser in RECOGNISERS.values():
        plan = recogniser(state_dict)
        if plan is not None:
            return plan
    raise CheckpointError(f'{path}: architecture not recognised from {len(state_dict)} parameters (first: '
                          f'{next(iter(state_dict))}); recognised: {", ".join(RECOGNISERS)}; for others put a '
                          f'{sidecar_path(path).name} beside it with arch and scale')


def _numbers(state_dict: Mapping[str, Tensor], pattern: str) -> list[int]:
    """The numbers that a pattern's group takes in the parameters' names, sorted."""
    matches = (re.fullmatch(pattern, name) for name in state_dict)
    return sorted({int(match[1]) for match in matches if match})


def _is_conv(state_dict: Mapping[str, Tensor], *names: str) -> bool:
    return all(name in state_dict and state_dict[name].ndim == 4 for name in names)


def _efficientsr(state_dict: Mapping[str, Tensor]) -> _Plan | None:
    return _of_shuffles(state_dict, 'EfficientSRNet', r'blocks\.(\d+)\.depthwise\.weight', 'head.weight')


def _srvgg(state_dict: Mapping[str, Tensor]) -> _Plan | None:
    layers = _numbers(state_dict, r'body\.(\d+)\.weight')
    if len(layers) < 2 or any(not re.fullmatch(r'body\.\d+\.(weight|bias)', name) for name in state_dict):
        return None
    last = f'body.{layers[-1]}.weight'
    if not _is_conv(state_dict, 'body.0.weight', last):
        return None
    features, channels = state_dict['body.0.weight'].shape[:2]
    scale = isqrt(state_dict[last].shape[0] // channels)
    if scale < 1 or scale**2 * channels != state_dict[last].shape[0]:
        return None
    prelu = 'body.1.weight' in state_dict
    note = '' if prelu else ('the activation leaves no trace in these weights: relu assumed; if it was leakyrelu, say '
                             'so in a JSON file beside them')
    args = {'num_in_ch': channels, 'num_out_ch': channels, 'num_feat': features, 'num_conv': layers[-1] // 2 - 1,
            'upscale': scale, 'act_type': 'prelu' if prelu else 'relu'}
    return _Plan('SRVGGNetCompact', args, scale, note)


def _srresnet(state_dict: Mapping[str, Tensor]) -> _Plan | None:
    return _of_shuffles(state_dict, 'SRResNet', r'body\.(\d+)\.bn1\.weight', 'head.0.weight')


def _of_shuffles(state_dict: Mapping[str, Tensor], arch: str, block: str, head: str) -> _Plan | None:
    """A network of a head, blocks, convolutions `upsample.N` before a PixelShuffle each, and a tail."""
    blocks, shuffles = _numbers(state_dict, block), _numbers(state_dict, r'upsample\.(\d+)\.bias')
    if not blocks or not shuffles or not _is_conv(state_dict, head, 'tail.weight', 'upsample.0.weight'):
        return None
    features, channels = state_dict[head].shape[:2]
    factor = isqrt(max(1, state_dict['upsample.0.weight'].shape[0] // features))
    args = {'num_in_ch': channels, 'num_out_ch': state_dict['tail.weight'].shape[0], 'num_feat': features,
            'num_block': len(blocks), 'upscale': factor ** len(shuffles)}
    return _Plan(arch, args, args['upscale'])


def _rrdb(state_dict: Mapping[str, Tensor]) -> _Plan | None:
    blocks = _numbers(state_dict, r'body\.(\d+)\.rdb1\.conv1\.weight')
    if not blocks or not _is_conv(state_dict, 'conv_first.weight', 'conv_last.weight', 'body.0.rdb1.conv1.weight'):
        return None
    features, folded = state_dict['conv_first.weight'].shape[:2]
    channels = state_dict['conv_last.weight'].shape[0]
    scale = RRDB_SCALES.get(folded // channels)
    if scale is None or folded % channels:
        return None
    args = {'num_in_ch': channels, 'num_out_ch': channels, 'scale': scale, 'num_feat': features,
            'num_block': len(blocks), 'num_grow_ch': state_dict['body.0.rdb1.conv1.weight'].shape[0]}
    return _Plan('RRDBNet', args, scale)


RECOGNISERS: dict[str, Callable[[Mapping[str, Tensor]], _Plan | None]] = {
    'EfficientSRNet': _efficientsr, 'SRVGGNetCompact': _srvgg, 'RRDBNet': _rrdb,
    'SRResNet': _srresnet,
}
