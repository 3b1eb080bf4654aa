"""The optional libraries that run or write exported files."""
import importlib.util
from collections.abc import Sequence

# What pip installs for each; the name of the extra of setup.py is given to the user.
EXTRAS = {'onnx': 'onnx', 'onnxscript': 'onnx', 'onnxruntime': 'onnx', 'openvino': 'openvino', 'ncnn': 'ncnn',
          'pnnx': 'ncnn', 'executorch': 'executorch', 'safetensors': 'safetensors'}


def missing(names: Sequence[str]) -> list[str]:
    """Those of the libraries that are not installed."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def need(names: Sequence[str], what: str) -> None:
    """Refuse what cannot be done without libraries that are not here.

    Args:
        names: Of the modules.
        what: What needs them, for the message: a flag or a file.

    Raises:
        ValueError: One line: what needs which library, and how to install it.
    """
    absent = missing(names)
    if absent:
        extras = ','.join(dict.fromkeys(EXTRAS[name] for name in absent))
        raise ValueError(f'{what}: {", ".join(absent)} not installed; pip install "effsr[{extras}]", or from a '
                         f'checkout pip install -e ".[{extras}]"')
