"""What network weights belong to, recognised from the names and shapes of its parameters."""
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

from torch import Tensor

RRDB_SCALES = {1: 4, 4: 2, 16: 1}


@dataclass(frozen=True)
class Plan:
    """What to build.

    Attributes:
        arch: Name in BasicSR's architecture registry.
        args: For its class.
        scale: Whole factor; None where it is not known.
        note: What had to be assumed; '' for nothing.
    """

    arch: str
    args: dict[str, Any] = field(default_factory=dict)
    scale: int | None = None
    note: str = ''


def recognise(state_dict: Mapping[str, Tensor]) -> Plan | None:
    """The network that these parameters belong to, or None where none of RECOGNISERS knows them."""
    return next((plan for plan in (known(state_dict) for known in RECOGNISERS.values()) if plan is not None), None)


def _numbers(state_dict: Mapping[str, Tensor], pattern: str) -> list[int]:
    """The numbers that a pattern's group takes in the parameters' names, sorted."""
    matches = (re.fullmatch(pattern, name) for name in state_dict)
    return sorted({int(match[1]) for match in matches if match})


def _is_conv(state_dict: Mapping[str, Tensor], *names: str) -> bool:
    return all(name in state_dict and state_dict[name].ndim == 4 for name in names)


def _efficientsr(state_dict: Mapping[str, Tensor]) -> Plan | None:
    return _of_shuffles(state_dict, 'EfficientSRNet', r'blocks\.(\d+)\.depthwise\.weight', 'head.weight')


def _srvgg(state_dict: Mapping[str, Tensor]) -> Plan | None:
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
    return Plan('SRVGGNetCompact', args, scale, note)


def _srresnet(state_dict: Mapping[str, Tensor]) -> Plan | None:
    return _of_shuffles(state_dict, 'SRResNet', r'body\.(\d+)\.bn1\.weight', 'head.0.weight')


def _of_shuffles(state_dict: Mapping[str, Tensor], arch: str, block: str, head: str) -> Plan | None:
    """A network of a head, blocks, convolutions `upsample.N` before a PixelShuffle each, and a tail."""
    blocks, shuffles = _numbers(state_dict, block), _numbers(state_dict, r'upsample\.(\d+)\.bias')
    if not blocks or not shuffles or not _is_conv(state_dict, head, 'tail.weight', 'upsample.0.weight'):
        return None
    features, channels = state_dict[head].shape[:2]
    factor = isqrt(max(1, state_dict['upsample.0.weight'].shape[0] // features))
    args = {'num_in_ch': channels, 'num_out_ch': state_dict['tail.weight'].shape[0], 'num_feat': features,
            'num_block': len(blocks), 'upscale': factor ** len(shuffles)}
    return Plan(arch, args, args['upscale'])


def _rrdb(state_dict: Mapping[str, Tensor]) -> Plan | None:
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
    return Plan('RRDBNet', args, scale)


RECOGNISERS: dict[str, Callable[[Mapping[str, Tensor]], Plan | None]] = {
    'EfficientSRNet': _efficientsr, 'SRVGGNetCompact': _srvgg, 'RRDBNet': _rrdb,
    'SRResNet': _srresnet,
}
