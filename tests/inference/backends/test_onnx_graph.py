"""What exporters are given, and what is refused."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.inference.backends.onnx_graph import example, own_copy, to_onnx


class LooksAtSizes(nn.Module):
    """Answers in Python by the size of what it is given, which no graph for all sizes can hold."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)

    def forward(self, x):
        return self.conv(x) if x.shape[2] == 24 else x


def test_a_copy_is_contiguous_and_leaves_the_network():
    net = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last).train()
    copied = own_copy(net)
    assert copied.weight.is_contiguous()
    assert not copied.training
    assert not copied.weight.requires_grad
    assert net.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.training
    assert own_copy(net, half=True).net.weight.dtype == torch.float16
    assert net.weight.dtype == torch.float32


@pytest.mark.parametrize('multiple', [1, 2, 4, 7])
def test_the_example_is_divisible_and_not_square(multiple):
    batch, channels, height, width = example(multiple).shape
    assert (batch, channels) == (2, 3)
    assert not height % multiple
    assert not width % multiple
    assert height != width


def test_a_network_for_some_sizes_only_is_refused_in_one_line():
    pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')
    with pytest.raises(ValueError, match='LooksAtSizes cannot be exported to ONNX for any height and width') as caught:
        to_onnx(LooksAtSizes())
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('opset', [17, 99])
def test_an_opset_out_of_range_is_refused(opset):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')
    with pytest.raises(ValueError, match=f'--opset {opset}; accepted: from 18'):
        to_onnx(LooksAtSizes(), opset=opset)


@pytest.mark.slow
@pytest.mark.parametrize('opset', [18, 20, 23])
def test_the_opset_is_the_one_asked_for(opset):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')
    onnxruntime = pytest.importorskip('onnxruntime')
    graph = to_onnx(nn.Sequential(nn.Conv2d(3, 12, 3, 1, 1), nn.PixelShuffle(2)), opset=opset)
    assert [entry.version for entry in graph.opset_import if not entry.domain] == [opset]
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
    assert session.run(None, {'input': torch.rand(1, 3, 5, 9).numpy()})[0].shape == (1, 3, 10, 18)
