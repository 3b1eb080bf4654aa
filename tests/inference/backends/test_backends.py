"""Networks in other libraries give PyTorch's answers, at any size; what cannot be opened is told in one line."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import importlib.util
from pathlib import Path

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY

from effsr.inference.backends import is_exported, libraries, open_exported, open_model
from effsr.inference.backends.answers import checked, plain_errors
from effsr.inference.engine import EngineSettings, OutOfMemory
from effsr.inference.weights import LoadedModel

NETWORKS = {
    'EfficientSRNet': ({'num_feat': 4, 'num_block': 1}, 4, 1),
    'SRVGGNetCompact': ({'num_feat': 4, 'num_conv': 1, 'upscale': 3}, 3, 1),
    'SRResNet': ({'num_feat': 4, 'num_block': 1, 'upscale': 2}, 2, 1),
    'RRDBNet': ({'num_feat': 4, 'num_block': 1, 'num_grow_ch': 4, 'scale': 2}, 2, 2)}


def model_of(arch):
    """Random weights; of BatchNorm random statistics too."""
    torch.manual_seed(0)
    args, scale, multiple = NETWORKS[arch]
    net = ARCH_REGISTRY.get(arch)(**args)
    for name, buffer in net.named_buffers():
        if 'running' in name:
            buffer.uniform_(0.5, 1.5)
    return LoadedModel(net.eval().requires_grad_(False), arch, args, scale, Path('weights.pth'), 'params', multiple)


def differences(engine, model, sides=((1, 1), (7, 5), (16, 33))):
    for batch, (height, width) in zip((1, 2, 1), sides, strict=True):
        tiles = torch.rand(batch, 3, height * model.multiple, width * model.multiple)
        yield float((engine(tiles) - model.net(tiles)).abs().max())


@pytest.mark.slow
@pytest.mark.parametrize('arch', NETWORKS)
@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_a_model_converted_in_memory_holds_at_any_size(arch, backend):
    for name in ('onnx', 'onnxscript', backend):
        pytest.importorskip(name)
    model = model_of(arch)
    said = []
    engine = open_model(model, EngineSettings(backend=backend), said.append)
    assert (engine.name, engine.scale, engine.multiple) == (f'{backend} cpu fp32', model.scale, model.multiple)
    assert (engine.halo is None) == (arch == 'EfficientSRNet')  # its average over the picture is inside the graph
    assert len(said) == 1
    assert max(differences(engine, model)) < 1e-5


def test_half_precision_is_close():
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(name)
    model = model_of('SRVGGNetCompact')
    engine = open_model(model, EngineSettings(backend='onnxruntime', precision='fp16'))
    assert engine.name == 'onnxruntime cpu fp16'
    found = max(differences(engine, model))
    assert 0 < found < 0.01
    with pytest.raises(ValueError, match='bf16'):
        open_model(model, EngineSettings(backend='onnxruntime', precision='bf16'))


def test_what_is_no_export_is_told(tmp_path):
    assert is_exported('a/b.ONNX')
    assert not is_exported('a/b.pth')
    with pytest.raises(ValueError, match='not an exported network; accepted: .onnx'):
        open_exported(tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='no such file'):
        open_exported(tmp_path / 'a.onnx')
    (tmp_path / 'a.xml').mkdir()
    with pytest.raises(ValueError, match='is a folder'):
        open_exported(tmp_path / 'a.xml')


@pytest.mark.parametrize(('suffix', 'library'), [('.onnx', 'onnxruntime'), ('.xml', 'openvino'), ('.ts', 'torch'),
                                                 ('.param', 'ncnn')])
def test_damage_is_told_in_one_line(tmp_path, suffix, library):
    pytest.importorskip(library)
    path = tmp_path / f'a{suffix}'
    path.write_bytes(b'\xff\x00 nothing of the kind')
    with pytest.raises(ValueError, match=f'a{suffix}') as caught:
        open_exported(path)
    assert '\n' not in str(caught.value)


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'openvino' else found(name))
    with pytest.raises(ValueError, match=r'openvino not installed; pip install "effsr\[openvino\]"'):
        libraries.need(('torch', 'openvino'), '--format openvino')


def test_errors_become_ours():
    with pytest.raises(OutOfMemory), plain_errors('x'):
        raise RuntimeError('bad allocation')
    with pytest.raises(OutOfMemory), plain_errors('x'):
        raise MemoryError
    with pytest.raises(ValueError, match='x fails: two lines'), plain_errors('x'):
        raise RuntimeError('two\nlines')


def test_an_answer_of_another_size_or_not_finite_is_refused():
    tiles = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ValueError, match='expected'):
        checked(torch.zeros(1, 3, 8, 9), tiles, 2, 'x')
    with pytest.raises(ValueError, match='NaN'):
        checked(torch.full((1, 3, 8, 8), float('nan')), tiles, 2, 'x')
