"""export.py as it is called: formats, the gate, and what is left behind."""
import effsr

# isort: split
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import effsr.export
from effsr.archs.rrdbnet_arch import RRDBNet
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.exporting import command
from effsr.inference.backends import open_exported
from effsr.inference.engine import EngineSettings
from effsr.inference.weights import load_model

NEEDS = {'onnx': ('onnx', 'onnxscript', 'onnxruntime'), 'openvino': ('onnx', 'onnxscript', 'openvino'),
         'ncnn': ('ncnn', 'pnnx'), 'safetensors': ('safetensors',), 'torchscript': (), 'executorch': ('executorch',)}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr('effsr.exporting.parity.AT_LEAST', 0.0)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / 'net.pth'
    torch.save({'params': SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2).state_dict()}, path)
    return path


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / 'photographs'
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(generator.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f'{number}.png')
    return folder


def export(weights, photographs, *more):
    return effsr.export.main(['-m', str(weights), '--images', str(photographs), *map(str, more)])


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize('kind', NEEDS)
@pytest.mark.parametrize('precision', ['fp32', 'fp16'])
def test_each_format_passes_and_runs(weights, photographs, tmp_path, capsys, kind, precision):
    for name in NEEDS[kind]:
        pytest.importorskip(name)
    if (kind, precision) == ('executorch', 'fp16'):
        pytest.skip('fp32 alone')
    target = tmp_path / 'out' / f'net{command.SUFFIXES[kind][0]}'
    assert export(weights, photographs, '--format', kind, '--precision', precision, '-o', target, '--json',
                  tmp_path / 'found.json') == 0
    assert left(target.parent) == sorted(f'net{suffix}' for suffix in command.SUFFIXES[kind])
    printed = capsys.readouterr().out
    assert 'largest difference' in printed
    assert 'times PyTorch' in printed
    found = json.loads((tmp_path / 'found.json').read_text())['values']
    assert found['pictures'] == 5
    assert found['largest'] < (1e-4 if precision == 'fp32' else 0.02)
    if kind == 'safetensors':
        again = load_model(target)
        assert (again.arch, again.scale) == ('SRVGGNetCompact', 2)
        return
    engine = open_exported(target)
    facts = engine.facts
    assert (facts.scale, facts.arch, facts.precision, facts.weights) == (2, 'SRVGGNetCompact', precision, 'net.pth')
    assert (facts.multiple, facts.halo, facts.effsr, len(facts.sha256)) == (1, 3, effsr.__version__, 64)
    with pytest.raises(ValueError, match='accepted: auto or'):
        open_exported(target, EngineSettings(precision='fp16' if precision == 'fp32' else 'fp32'))
    with pytest.raises(ValueError, match='cuda|CUDA'):
        open_exported(target, EngineSettings(device='cuda'))


def test_int8_is_calibrated_and_runs_in_openvino_too(weights, photographs, tmp_path, capsys):
    for name in (*NEEDS['onnx'], 'openvino'):
        pytest.importorskip(name)
    arguments = ('--precision', 'int8', '--calibrate', photographs, '--method', 'minmax', '--crops', 3, '--tolerance',
                 0.05)
    for kind in ('onnx', 'openvino'):
        target = tmp_path / kind / f'net{command.SUFFIXES[kind][0]}'
        assert export(weights, photographs, '--format', kind, '-o', target, *arguments) == 0
        assert 'kept in float32' in capsys.readouterr().out
        assert open_exported(target).facts.quantisation['method'] == 'minmax'
    tiles = torch.rand(1, 3, 9, 11)
    one, other = (open_exported(tmp_path / 'onnx' / 'net.onnx', EngineSettings(backend=backend))
                  for backend in ('onnxruntime', 'openvino'))
    assert other.name == 'openvino cpu int8'
    assert float((one(tiles) - other(tiles)).abs().mean()) < 0.02


def test_ncnn_and_torchscript_hold_for_a_network_that_folds(photographs, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / 'fold.pth'
    torch.save({'params': RRDBNet(num_feat=4, num_block=1, num_grow_ch=4, scale=2).state_dict()}, weights)
    for kind in ('torchscript', 'ncnn'):
        if kind == 'ncnn':
            pytest.importorskip('pnnx')
            pytest.importorskip('ncnn')
        assert export(weights, photographs, '--format', kind) == 0
    assert open_exported(tmp_path / 'fold.torchscript').multiple == 2


def test_beyond_tolerance_nothing_is_left(weights, photographs, tmp_path, capsys):
    before = left(tmp_path)
    assert export(weights, photographs, '--format', 'torchscript', '--precision', 'fp16', '--tolerance', 0) == 1
    told = capsys.readouterr().err
    assert 'above --tolerance 0' in told
    assert told.count('\n') == 1
    assert left(tmp_path) == before
    kept = tmp_path / 'net_fp16.torchscript'
    kept.write_bytes(b'an earlier one')
    assert export(weights, photographs, '--format', 'torchscript', '--precision', 'fp16', '--tolerance', 0,
                  '--overwrite') == 1
    assert kept.read_bytes() == b'an earlier one'


def test_pairs_are_scored(weights, photographs, tmp_path, capsys):
    assert export(weights, photographs, '--format', 'torchscript', '--pairs', photographs) == 0
    assert '(+0.000) on luma of 3 pairs' in capsys.readouterr().out


def test_nothing_is_replaced_unasked(weights, photographs, tmp_path, capsys):
    (tmp_path / 'net.torchscript').write_bytes(b'mine')
    assert export(weights, photographs, '--format', 'torchscript') == 1
    assert 'pass --overwrite' in capsys.readouterr().err
    assert (tmp_path / 'net.torchscript').read_bytes() == b'mine'
    assert export(weights, photographs, '--format', 'torchscript', '--overwrite') == 0
    assert open_exported(tmp_path / 'net.torchscript').scale == 2


def test_an_interrupt_leaves_whole_files_only(weights, photographs, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(command, 'compare', interrupted)
    before = left(tmp_path)
    assert export(weights, photographs, '--format', 'torchscript') == 130
    assert left(tmp_path) == before


@pytest.mark.parametrize(('more', 'words'), [
    (['--format', 'onnx', '--precision', 'int8'], 'add --calibrate DIR'),
    (['--format', 'onnx', '--calibrate', 'x'], 'is for --precision int8'),
    (['--format', 'onnx', '-o', 'a.pth'], 'ends in .onnx'),
    (['--format', 'torchscript', '--images', 'nowhere'], 'nowhere: no such folder'),
    (['--format', 'torchscript', '--pairs', ':x'], 'no ground truth'),
    (['--format', 'torchscript', '-m', 'nowhere.pth'], 'nowhere.pth: no such file'),
    (['--format', 'torchscript', '--import', 'nowhere'], '--import nowhere'),
    (['--format', 'torchscript', '--precision', 'int8', '--calibrate', 'HERE'], 'int8 is for onnx and openvino'),
    (['--format', 'onnx', '--precision', 'int8', '--calibrate', 'HERE', '--keep', 'none', 'last'], '--keep none last')])
def test_mistakes_are_one_line(weights, photographs, tmp_path, capsys, more, words):
    more = [str(photographs) if part == 'HERE' else part for part in more]
    before = left(tmp_path)
    assert export(weights, photographs, *more) == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count('\n') == 1
    assert left(tmp_path) == before


def test_a_two_file_export_never_stands_half_replaced(tmp_path, monkeypatch):
    """Whoever opens the first finds the second of the same export, or no first."""
    made, targets = ([tmp_path / place / name for name in ('a.xml', 'a.bin')] for place in ('new', 'old'))
    for path in (*made, *targets):
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.parent.name)
    seen = []
    replace = command.os.replace
    monkeypatch.setattr(command.os, 'replace', lambda source, target: (
        replace(source, target), seen.append([path.read_text() for path in targets if path.exists()])))
    command.put(made, targets)
    assert seen == [['new'], ['new', 'new']]
    assert not Path(made[0]).exists()
