"""RRDBNet's parameters under the names of ESRGAN's time, and their names since."""
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from effsr.runtime.atomic import CheckpointError

# The first public weights: the whole network one Sequential, its trunk the second entry.
SEQUENTIAL = 'model.1.sub.0.RDB1.conv1.0.weight'
SEQUENTIAL_BLOCK = re.compile(r'model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(weight|bias)')
SEQUENTIAL_END = re.compile(r'model\.1\.sub\.(\d+)\.(weight|bias)')
SEQUENTIAL_REST = re.compile(r'model\.(\d+)\.(weight|bias)')
# Number of an entry -> its name, where there are two enlargements by 2.
SEQUENTIAL_NAMES = {'0': 'conv_first', '3': 'conv_up1', '6': 'conv_up2', '8': 'conv_hr', '10': 'conv_last'}
# ESRGAN's own repository.
NAMED = 'RRDB_trunk.0.RDB1.conv1.weight'
NAMED_BLOCK = re.compile(r'RRDB_trunk\.(\d+)\.RDB([123])\.(conv[1-5]\.(?:weight|bias))')
NAMED_NAMES = {'trunk_conv': 'conv_body', 'upconv1': 'conv_up1', 'upconv2': 'conv_up2', 'HRconv': 'conv_hr',
               'conv_first': 'conv_first', 'conv_last': 'conv_last'}


def modern_names(state_dict: Mapping[str, Tensor], path: str | Path = '') -> dict[str, Tensor]:
    """The same parameters, those of an ESRGAN of either older layout under the names that RRDBNet has today.

    Parameters of anything else come back as they are.

    Args:
        state_dict: Of any network.
        path: For messages only.

    Raises:
        CheckpointError: An older layout with parts that RRDBNet has no place for: of x2, x8, or with a further branch.
    """
    if SEQUENTIAL in state_dict:
        rename, layout = _from_sequential, 'model.1.sub ...'
    elif NAMED in state_dict:
        rename, layout = _from_named, 'RRDB_trunk ...'
    else:
        return dict(state_dict)
    renamed = {}
    for name, value in state_dict.items():
        new = rename(name)
        if new is None:
            raise CheckpointError(f'{path}: an ESRGAN in an old layout ({layout}) with {name}, which RRDBNet does not '
                                  'have; accepted of this layout: RRDB networks of x4')
        renamed[new] = value
    return renamed


def _from_sequential(name: str) -> str | None:
    if found := SEQUENTIAL_BLOCK.fullmatch(name):
        return 'body.{}.rdb{}.conv{}.{}'.format(*found.groups())
    if found := SEQUENTIAL_END.fullmatch(name):
        return f'conv_body.{found[2]}'
    found = SEQUENTIAL_REST.fullmatch(name)
    return f'{SEQUENTIAL_NAMES[found[1]]}.{found[2]}' if found and found[1] in SEQUENTIAL_NAMES else None


def _from_named(name: str) -> str | None:
    if found := NAMED_BLOCK.fullmatch(name):
        return 'body.{}.rdb{}.{}'.format(*found.groups())
    layer, _, kind = name.rpartition('.')
    return f'{NAMED_NAMES[layer]}.{kind}' if layer in NAMED_NAMES else None
