"""One function for each format: it writes a model's files into a folder and returns them, the main one first."""
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from effsr.exporting.int8 import quantise
from effsr.exporting.quantisation import Calibration
from effsr.inference.backends.executorch_engine import MOST
from effsr.inference.backends.facts import KEY, Facts
from effsr.inference.backends.libraries import need
from effsr.inference.backends.ncnn_engine import MARK
from effsr.inference.backends.onnx_graph import DEFAULT_OPSET, example, own_copy, quiet_exporters, to_onnx
from effsr.inference.engine import Say, silent
from effsr.inference.weights import LoadedModel

WAIT = 1200  # seconds for a converter of its own


@dataclass(frozen=True)
class Order:
    """What is to be written.

    Attributes:
        model: On the CPU; left as it is.
        facts: What the file will say; ``precision`` decides what is written.
        crops: For int8, from :func:`effsr.exporting.int8.read_crops`.
        calibration: For int8.
        opset: For ONNX.
        say: Told what was chosen on the way.
    """

    model: LoadedModel
    facts: Facts
    crops: tuple[np.ndarray, ...] = ()
    calibration: Calibration = Calibration()
    opset: int = DEFAULT_OPSET
    say: Say = silent

    @property
    def half(self) -> bool:
        return self.facts.precision == 'fp16'


def write_onnx(order: Order, folder: Path, stem: str) -> list[Path]:
    """STEM.onnx, weights inside; the metadata under the key `effsr`."""
    path = folder / f'{stem}.onnx'
    path.write_bytes(_onnx_with_facts(order))
    return [path]


def write_openvino(order: Order, folder: Path, stem: str) -> list[Path]:
    """STEM.xml and STEM.bin, through ONNX; the metadata under rt_info's key `effsr`."""
    need(('openvino',), '--format openvino')
    import onnx
    import openvino

    content = _onnx_with_facts(order, half=False)  # OpenVINO stores the weights in 16 bits by itself
    text = next(entry.value for entry in onnx.load_from_string(content).metadata_props if entry.key == KEY)
    model = openvino.Core().read_model(content)
    model.set_rt_info(text, [KEY])
    path = folder / f'{stem}.xml'
    openvino.save_model(model, path, compress_to_fp16=order.half)
    return [path, path.with_suffix('.bin')]


def write_torchscript(order: Order, folder: Path, stem: str) -> list[Path]:
    """STEM.torchscript, traced; the metadata as the extra file `effsr`."""
    _refuse_int8(order, 'torchscript')
    path = folder / f'{stem}.torchscript'
    module = _traced(order)
    with quiet_exporters():
        torch.jit.save(module, str(path), _extra_files={KEY: order.facts.to_text()})
    return [path]


def write_ncnn(order: Order, folder: Path, stem: str) -> list[Path]:
    """STEM.param and STEM.bin, by pnnx from TorchScript; the metadata as a last line of the .param, which ncnn skips.

    Of fp16 only the weights are stored so.
    """
    _refuse_int8(order, 'ncnn')
    need(('pnnx', 'ncnn'), '--format ncnn')
    import pnnx

    given = example(order.model.multiple)[:1]
    sides = [[1, 3, given.shape[2] * factor, given.shape[3] * factor] for factor in (1, 2)]
    module = _traced(order, half=False)
    with quiet_exporters():
        torch.jit.save(module, str(folder / 'traced.pt'))
    shapes = [f'inputshape{number}={str(shape).replace(" ", "")}' for number, shape in zip(('', '2'), sides,
                                                                                           strict=True)]
    program = Path(pnnx.__file__).with_name('pnnx')
    ended = subprocess.run([str(program), 'traced.pt', *shapes, f'fp16={int(order.half)}'], cwd=folder, timeout=WAIT,
                           capture_output=True, text=True, errors='replace', check=False)
    made = folder / 'traced.ncnn.param'
    if ended.returncode or not made.is_file():
        raise ValueError(f'pnnx cannot convert {order.model.arch} (status {ended.returncode}): '
                         f'{" ".join(ended.stderr.split())[-200:]}')
    path = folder / f'{stem}.param'
    path.write_text(f'{made.read_text(encoding="utf-8").rstrip()}\n{MARK}{order.facts.to_text()}\n', encoding='utf-8')
    return [path, (folder / 'traced.ncnn.bin').rename(path.with_suffix('.bin'))]


def write_safetensors(order: Order, folder: Path, stem: str) -> list[Path]:
    """STEM.safetensors: the weights under their names, and the metadata under the head's key `effsr`."""
    _refuse_int8(order, 'safetensors')
    need(('safetensors',), '--format safetensors')
    from safetensors.torch import save_file

    path = folder / f'{stem}.safetensors'
    state = {name: (value.half() if order.half and value.is_floating_point() else value).cpu().contiguous().clone()
             for name, value in order.model.net.state_dict().items()}
    save_file(state, str(path), metadata={'format': 'pt', KEY: order.facts.to_text()})
    return [path]


def write_executorch(order: Order, folder: Path, stem: str) -> list[Path]:
    """STEM.pte for the CPU, by XNNPACK; sides up to MOST, the metadata as the constant method `effsr`."""
    if order.facts.precision != 'fp32':
        raise ValueError(f'--format executorch --precision {order.facts.precision}: accepted: fp32')
    need(('executorch',), '--format executorch')
    with quiet_exporters():  # they warn of Python's and PyTorch's own parts
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
    from torch.export import Dim, export

    multiple = order.model.multiple
    height, width = (Dim(name, min=2, max=MOST // multiple) for name in ('height', 'width'))
    sides = {2: multiple * height, 3: multiple * width} if multiple > 1 else {2: height, 3: width}
    try:
        with quiet_exporters(), torch.no_grad():
            program = export(own_copy(order.model.net), (example(multiple)[:1],), dynamic_shapes=(sides,))
            made = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()],
                                               constant_methods={KEY: order.facts.to_text()}).to_executorch()
    # The exporter may fail at any operation in any way.
    except Exception as error:
        text = ' '.join(str(error).split()) or type(error).__name__
        raise ValueError(f'{order.model.arch} cannot be exported to ExecuTorch: {text[:300]}') from error
    path = folder / f'{stem}.pte'
    path.write_bytes(made.buffer)
    return [path]


WRITERS: dict[str, Callable[[Order, Path, str], list[Path]]] = {
    'onnx': write_onnx, 'torchscript': write_torchscript, 'openvino': write_openvino, 'ncnn': write_ncnn,
    'safetensors': write_safetensors, 'executorch': write_executorch}


def _refuse_int8(order: Order, name: str) -> None:
    if order.facts.precision == 'int8':
        raise ValueError(f'--format {name} --precision int8: accepted: fp32 or fp16; int8 is for onnx and openvino')


def _onnx_with_facts(order: Order, half: bool | None = None) -> bytes:
    model, facts = order.model, order.facts
    if facts.precision == 'int8':
        made = quantise(model, facts, order.crops, order.calibration, order.opset, order.say)
        graph, facts = made.model, made.facts
    else:
        graph = to_onnx(model.net, model.multiple, order.half if half is None else half, order.opset)
    entry = graph.metadata_props.add()
    entry.key, entry.value = KEY, facts.to_text()
    return graph.SerializeToString()


def _traced(order: Order, half: bool | None = None) -> torch.jit.ScriptModule:
    module = own_copy(order.model.net, order.half if half is None else half)
    # A trace holds what Python compares of sizes as constants; those comparisons only refuse what does not fit.
    with quiet_exporters(), torch.no_grad():
        return torch.jit.trace(module, example(order.model.multiple)[:1], check_trace=False)
