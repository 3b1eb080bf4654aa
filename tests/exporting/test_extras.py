"""Optional libraries leave TensorBoard and OpenCV as they are."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / 'setup.py'
# Each of these puts files where another lies that effsr needs.
NEVER = {'tensorboard': 'tb-nightly, which BasicSR brings', 'opencv-python-headless': 'opencv-python',
         'opencv-contrib-python': 'opencv-python', 'opencv-contrib-python-headless': 'opencv-python'}
EXTRAS = {'onnx': ('onnx', 'onnxscript', 'onnxruntime'), 'openvino': ('openvino',), 'ncnn': ('ncnn', 'pnnx'),
          'safetensors': ('safetensors',), 'executorch': ('executorch',)}


def plain(name):
    return re.split(r'[^A-Za-z0-9._-]', name, maxsplit=1)[0].lower().replace('_', '-')


def extras():
    tree = ast.parse(SETUP.read_text(encoding='utf-8'))
    value = next(keyword.value for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords
                 if keyword.arg == 'extras_require')
    return ast.literal_eval(value)


def needed(names, seen=()):
    """All distributions that these need, as far as they are installed."""
    found = set(seen)
    for name in names:
        if name in found:
            continue
        found.add(name)
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found |= needed({plain(text) for text in requirements if 'extra ==' not in text}, found)
    return found


@pytest.mark.parametrize('extra', EXTRAS)
def test_no_extra_brings_a_second_tensorboard_or_opencv(extra):
    wanted = {plain(text) for text in extras()[extra]}
    assert wanted == set(EXTRAS[extra])
    brought = needed(wanted) & NEVER.keys()
    assert not brought, f'{extra} brings {brought}, which overwrites {[NEVER[name] for name in brought]}'


def test_installed_beside_each_other():
    here = {plain(found.metadata['Name'] or '') for found in metadata.distributions()}
    assert not here & {'opencv-python-headless', 'opencv-contrib-python-headless'}
    assert not {'tensorboard', 'tb-nightly'} <= here, 'both put the package tensorboard where the other has it'


@pytest.mark.parametrize('extra', EXTRAS)
def test_tensorboard_and_cv2_work_after_an_extra_was_imported(extra, tmp_path):
    for name in EXTRAS[extra]:
        pytest.importorskip(name) if name != 'executorch' else _skip_without(name)
    code = (f'import {", ".join(EXTRAS[extra])}\n'
            'import cv2, numpy\n'
            "assert cv2.imdecode(cv2.imencode('.png', numpy.eye(4, dtype=numpy.uint8))[1], 0).trace() == 4\n"
            'from torch.utils.tensorboard import SummaryWriter\n'
            f"writer = SummaryWriter({str(tmp_path)!r}); writer.add_scalar('a', 1.0, 0); writer.close()\n")
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120, capture_output=True)
    assert list(tmp_path.glob('events*'))


def _skip_without(name):
    """Without importing it here: some of these warn when they are imported."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f'{name} is not installed')
