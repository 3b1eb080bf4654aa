"""int8: what is kept, how ranges are found, and that the network is still the same."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.exporting.int8 import choose_kept, quantise, read_crops
from effsr.exporting.quantisation import METHODS, Calibration, find_ranges, kept_nodes
from effsr.inference.backends.facts import facts_of
from effsr.inference.backends.onnx_graph import INPUT, to_onnx
from effsr.inference.backends.onnxruntime_engine import open_onnx
from effsr.inference.engine import EngineSettings
from effsr.inference.weights import LoadedModel


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    args = {'num_feat': 8, 'num_conv': 2, 'upscale': 2}
    net = SRVGGNetCompact(**args).eval().requires_grad_(False)
    return LoadedModel(net, 'SRVGGNetCompact', args, 2, Path('w.pth'), 'params')


@pytest.fixture(scope='module')
def crops():
    generator = np.random.default_rng(0)
    return [generator.random((1, 3, 24, 24), np.float32) for _ in range(4)]


@pytest.mark.parametrize('method', METHODS)
def test_int8_is_close_and_holds_at_any_size(model, crops, method):
    made = quantise(model, facts_of(model), crops, Calibration(method, 99.9, ('first', 'last')))
    weights = [value for value in made.model.graph.initializer if value.name.endswith('weight_quantized')]
    assert weights
    assert all(value.data_type == 3 for value in weights)  # onnx.TensorProto.INT8
    assert made.facts.precision == 'int8'
    assert (made.facts.quantisation['method'], made.facts.quantisation['kept']) == (method, ['first', 'last'])
    engine = open_onnx(made.model.SerializeToString(), EngineSettings(), made.facts)
    for side in (1, 9, 30):
        tiles = torch.rand(1, 3, side, side + 1)
        difference = (engine(tiles) - model.net(tiles)).abs()
        assert 0 < float(difference.mean()) < 0.02


def test_scales_are_per_channel(model, crops):
    made = quantise(model, facts_of(model), crops, Calibration('minmax', keep=()))
    scales = {value.name: list(value.dims) for value in made.model.graph.initializer}
    assert [8] in [dims for name, dims in scales.items() if 'weight' in name and name.endswith('scale')]


def test_ends_are_chosen_by_measuring(model, crops):
    said = []
    made = quantise(model, facts_of(model), crops, Calibration('minmax'), say=said.append)
    assert len(said) == 1
    assert set(made.facts.quantisation['kept']) <= {'first', 'last'}


def test_an_end_is_kept_only_if_it_is_worth_it():
    tried = ((), ('first',), ('last',), ('first', 'last'))
    for decibels, wanted in (((40, 40.4, 40.4, 40.4), ()), ((40, 40.1, 43, 43.2), ('last',)),
                             ((40, 41, 42, 44), ('first', 'last'))):
        assert choose_kept(dict(zip(tried, decibels, strict=True))) == wanted


def test_last_keeps_what_lies_beside_the_convolutions(model):
    graph = to_onnx(model.net)
    kinds = {node.name: node.op_type for node in graph.graph.node}
    convolutions = [name for name, kind in kinds.items() if kind == 'Conv']
    assert kept_nodes(graph, ()) == []
    assert kept_nodes(graph, ('first',)) == convolutions[:1]
    last = kept_nodes(graph, ('last',))
    assert {kinds[name] for name in last} == {'Conv', 'DepthToSpace', 'Resize', 'Add'}
    assert [name for name in last if name in convolutions] == convolutions[-1:]


def test_ranges_by_hand(model, crops):
    import onnx
    graph = onnx.shape_inference.infer_shapes(to_onnx(model.net))
    ranges = find_ranges(graph, crops, Calibration('minmax'))
    first = [node for node in graph.graph.node if node.op_type == 'Conv'][0].output[0]
    values = torch.cat([model.net.body[0](torch.from_numpy(crop)) for crop in crops])
    lowest, highest = (float(np.ravel(value)[0]) for value in ranges.data[first].range_value)
    assert lowest == pytest.approx(float(values.min()), abs=1e-5)
    assert highest == pytest.approx(float(values.max()), abs=1e-5)
    assert tuple(map(float, ranges.data[INPUT].range_value)) == (0, 1)  # 8 bits enter without loss


@pytest.mark.parametrize(('changes', 'words'), [({'method': 'max'}, '--method max'), ({'percentile': 0}, 'percentile'),
                                                ({'keep': ('middle',)}, '--keep middle')])
def test_wrong_settings_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Calibration(**changes)


def test_crops_come_from_a_seed_and_fit(tmp_path):
    generator = np.random.default_rng(0)
    for number, size in enumerate([(30, 20), (100, 90), (7, 9)]):
        Image.fromarray(generator.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / f'{number}.png')
    crops = read_crops(tmp_path, 2, 5)
    assert [crop.shape for crop in crops] == [(1, 3, 30, 20), (1, 3, 64, 64), (1, 3, 6, 8), (1, 3, 30, 20),
                                              (1, 3, 64, 64)]
    assert all(np.array_equal(one, two) for one, two in zip(crops, read_crops(tmp_path, 2, 5), strict=True))
    assert all(crop.dtype == np.float32 and 0 <= crop.min() <= crop.max() <= 1 for crop in crops)
    with pytest.raises(ValueError, match='7 pixels; at least 8x8'):
        read_crops(tmp_path, 8, 3)
