"""ESRGAN's public weights come in three layouts; two of them are renamed."""
import re

import pytest
import torch

from effsr.runtime.checkpoint import CheckpointError, pick_params
from effsr.runtime.esrgan_layout import modern_names

LAYERS = ('conv_first', 'conv_body', 'conv_up1', 'conv_up2', 'conv_hr', 'conv_last')
BLOCK = re.compile(r'body\.(\d+)\.rdb(\d)\.conv(\d)\.(weight|bias)')


def modern(blocks=2):
    names = [f'{layer}.{kind}' for layer in LAYERS for kind in ('weight', 'bias')]
    names += [f'body.{block}.rdb{dense}.conv{conv}.{kind}' for block in range(blocks) for dense in (1, 2, 3)
              for conv in (1, 2, 3, 4, 5) for kind in ('weight', 'bias')]
    return {name: torch.tensor(float(number)) for number, name in enumerate(names)}


def renamed(state_dict, block, layers):
    """The state dict with blocks and layers called otherwise."""
    def rename(name):
        found = BLOCK.fullmatch(name)
        layer, _, kind = name.rpartition('.')
        return block.format(*found.groups()) if found else f'{layers[layer]}.{kind}'
    return {rename(name): value for name, value in state_dict.items()}


def sequential(blocks=2):
    numbers = {'conv_first': 'model.0', 'conv_body': f'model.1.sub.{blocks}', 'conv_up1': 'model.3',
               'conv_up2': 'model.6', 'conv_hr': 'model.8', 'conv_last': 'model.10'}
    return renamed(modern(blocks), 'model.1.sub.{}.RDB{}.conv{}.0.{}', numbers)


def named():
    names = {'conv_first': 'conv_first', 'conv_body': 'trunk_conv', 'conv_up1': 'upconv1', 'conv_up2': 'upconv2',
             'conv_hr': 'HRconv', 'conv_last': 'conv_last'}
    return renamed(modern(), 'RRDB_trunk.{}.RDB{}.conv{}.{}', names)


@pytest.mark.parametrize('old', [sequential(), sequential(12), named()], ids=['sequential', 'long', 'named'])
def test_older_layouts_get_todays_names(old):
    blocks = 12 if len(old) > 100 else 2
    assert modern_names(old) == modern(blocks)


def test_anything_else_stays_as_it_is():
    for state_dict in (modern(), {'model.0.weight': torch.zeros(1)}, {}):
        assert modern_names(state_dict) == state_dict


@pytest.mark.parametrize('entry', [None, 'params', 'params_ema', 'state_dict'])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_wherever_weights_are_read(entry, prefix):
    old = {prefix + name: value for name, value in sequential().items()}
    found, key = pick_params({entry: old} if entry else old)
    assert (found, key) == (modern(), entry or 'bare')


@pytest.mark.parametrize(('old', 'strange'), [
    ({**sequential(), 'model.5.weight': torch.zeros(1)}, 'model.5.weight'),  # x2: one enlargement
    ({**sequential(), 'model.13.bias': torch.zeros(1)}, 'model.13.bias'),  # x8: three
    ({**sequential(), 'model.1.sub.0.RDB1.conv1x1.weight': torch.zeros(1)}, 'conv1x1'),  # ESRGAN+
    ({**named(), 'upconv3.weight': torch.zeros(1)}, 'upconv3.weight'),
])
def test_what_has_no_place_today_is_named(old, strange):
    with pytest.raises(CheckpointError, match=f'x.pth: an ESRGAN in an old layout .* with .*{strange}.* of x4'):
        pick_params(old, path='x.pth')
