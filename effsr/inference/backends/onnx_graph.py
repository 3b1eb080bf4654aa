"""From a network in PyTorch to an ONNX graph that holds at any height and width."""
import contextlib
import copy
import logging
import sys
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.export import Dim

from effsr.inference.backends.libraries import need

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUT = 'input', 'output'
OPSETS = (18, 23)  # lowest that the exporter writes, highest tried
DEFAULT_OPSET = 18
# A side of the example: above 1, which would be taken for a constant, and two different ones, which would be taken
# for the same.
SIDES = (24, 40)


class HalfInside(nn.Module):
    """A network in float16 between float32 pictures: (B, 3, H, W) -> (B, 3, H * scale, W * scale).

    Args:
        net: Made float16 in place.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.half()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) float32 -> (B, 3, H * scale, W * scale) float32."""
        return self.net(x.half()).float()


def own_copy(net: nn.Module, half: bool = False) -> nn.Module:
    """A copy on the CPU, in evaluation mode and without gradients, to be traced; in float16 inside if ``half``."""
    copied = copy.deepcopy(net).cpu().float().eval().requires_grad_(False)
    copied = copied.to(memory_format=torch.contiguous_format)  # exporters trip over the order that PyTorch is fast in
    return HalfInside(copied).eval() if half else copied


def example(multiple: int) -> Tensor:
    """A batch to trace with: (2, 3, h, w), noise from a fixed seed, sides divisible by ``multiple``."""
    height, width = (-(-side // multiple) * multiple for side in SIDES)
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def dynamic_sides(multiple: int) -> dict[int, Dim]:
    """Which sides of (B, 3, H, W) vary, for torch.export; H and W in steps of ``multiple``."""
    height, width = Dim('height'), Dim('width')
    if multiple > 1:
        return {0: Dim('batch'), 2: multiple * height, 3: multiple * width}
    return {0: Dim('batch'), 2: height, 3: width}


@contextlib.contextmanager
def quiet_exporters():
    """Within, exporters tell their progress on stderr, where tables do not go, and warn of nothing."""
    loggers = [logging.getLogger(name) for name in ('torch.onnx', 'torch.export', 'onnxscript', 'onnx_ir')]
    before = [logger.level for logger in loggers]
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of how the exporter itself is built
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def to_onnx(net: nn.Module, multiple: int = 1, half: bool = False, opset: int = DEFAULT_OPSET) -> 'onnx.ModelProto':
    """Convert a network; batch, height and width stay free.

    Args:
        net: (B, 3, H, W) RGB in [0, 1] -> (B, 3, H * scale, W * scale); left as it is.
        multiple: What H and W are divisible by.
        half: Compute in float16 between float32 pictures.
        opset: Version of the operators.

    Raises:
        ValueError: A library is missing, opset is out of range, or the network cannot be converted; one line.
    """
    need(('onnx', 'onnxscript'), 'export to ONNX')
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise ValueError(f'--opset {opset}; accepted: from {OPSETS[0]} to {OPSETS[1]}')
    own, given = own_copy(net, half), example(multiple)
    try:
        with quiet_exporters(), torch.no_grad():
            program = torch.onnx.export(own, (given,), None, dynamo=True, verbose=False, opset_version=opset,
                                        dynamic_shapes=(dynamic_sides(multiple),), input_names=[INPUT],
                                        output_names=[OUTPUT])
            graph = program.model_proto
    # The exporter may fail at any operation in any way.
    except Exception as error:
        raise _only_some_sizes(net, ' '.join(str(error).split()) or type(error).__name__) from error
    sides = graph.graph.input[0].type.tensor_type.shape.dim
    # Where a network decides by the size, the exporter fixes that side without a word.
    fixed = [side.dim_value for number, side in enumerate(sides) if number != 1 and not side.dim_param]
    if fixed:
        raise _only_some_sizes(net, f'it decides by the size of the picture, which became {fixed[0]}')
    return graph


def _only_some_sizes(net: nn.Module, reason: str) -> ValueError:
    return ValueError(f'{type(net).__name__} cannot be exported to ONNX for any height and width: {reason[:300]}; '
                      'take --format safetensors, or PyTorch itself')
