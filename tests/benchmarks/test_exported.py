"""benchmark.py exports: what each export keeps, in one table."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json

import numpy as np
import pytest
import torch

from effsr import benchmark
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.benchmarks import exported
from effsr.data.image_io import write_rgb
from effsr.exporting.parity import Limits
from effsr.runtime.checkpoint import save_atomic


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Weights of a tiny network, and two pictures to compare on."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    save_atomic({'params': SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2).state_dict()}, tmp_path / 'net.pth')
    (tmp_path / 'hr').mkdir()
    for name in 'ab':
        write_rgb(tmp_path / 'hr' / f'{name}.png', np.random.default_rng(ord(name)).integers(
            0, 256, (64, 72, 3), dtype=np.uint8))
    return tmp_path


def call(*flags):
    return benchmark.main(['exports', '-m', 'net.pth', '--images', 'hr', *flags])


def test_a_table_of_exports(work, capsys):
    assert call('--format', 'safetensors', 'torchscript', '--precision', 'fp32', 'int8', '--pairs', 'hr', '--threads',
                '1', '--json', 'e.json', '--markdown', 'e.md') == 0
    out = capsys.readouterr().out
    assert 'safetensors fp32' in out and 'torchscript fp32' in out and 'int8,' not in out
    found = json.loads((work / 'e.json').read_text())['values']['net']
    assert list(found) == ['safetensors fp32', 'torchscript fp32']
    one = found['safetensors fp32']
    assert one['largest'] == 0 and one['psnr'][0] == one['psnr'][1] and one['bytes'] > 0 and one['reason'] == ''
    assert '| safetensors fp32 |' in (work / 'e.md').read_text()
    assert not [path for path in work.iterdir() if path.suffix not in ('', '.pth', '.json', '.md')]


def test_an_export_that_is_not_offered_is_a_note(work, capsys):
    assert call('--format', 'torchscript', '--precision', 'int8', '--calibrate', 'hr', '--threads', '1') == 0
    assert '- net, torchscript int8, percentile: ' in capsys.readouterr().out


def test_an_export_that_differs_fails(work, monkeypatch, capsys):
    monkeypatch.setitem(exported.LIMITS, 'fp16', Limits(0.0, None, 0.5))
    assert call('--format', 'safetensors', '--precision', 'fp16', '--threads', '1') == 1
    assert '- net, safetensors fp16: its largest difference from PyTorch is ' in capsys.readouterr().out


@pytest.mark.parametrize(('flags', 'says'), [
    (['--threads', '0'], '--threads 0; accepted: 1 or more'), (['--pairs', 'nothing'], 'nothing'),
    (['--calibrate', 'nothing'], 'nothing'), (['--json', 'net.pth'], '--json net.pth: exists and is not what'),
])
def test_what_is_refused(work, capsys, flags, says):
    assert call('--format', 'safetensors', *flags) == 1
    err = capsys.readouterr().err
    assert err.startswith('benchmark exports: ') and says in err and 'Traceback' not in err
