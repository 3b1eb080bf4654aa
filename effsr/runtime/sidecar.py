"""The JSON file beside a .pth: what the weights are, so that no option file is needed to use them.

A .safetensors file that effsr wrote holds the same in its head.
"""
import json
import math
from pathlib import Path
from typing import Any

from effsr.runtime.atomic import CheckpointError, atomic_file
from effsr.runtime.safe_file import read_words


def sidecar_path(weights_path: str | Path) -> Path:
    """net_g_latest.pth -> net_g_latest.json."""
    return Path(weights_path).with_suffix('.json')


def write_sidecar(weights_path: str | Path, info: dict[str, Any]) -> Path:
    """Write ``info`` as JSON beside the weights, atomically; return the path.

    Args:
        weights_path: The .pth file described; it need not exist.
        info: Keys in use: effsr (version), name (of the run), arch ({'type': class name, 'args': its arguments}),
            scale, iteration, metrics. Tensors and arrays of one element become numbers, paths become text, and
            numbers that JSON lacks (NaN, infinity) become null.

    Raises:
        CheckpointError: The file cannot be written.
        TypeError: ``info`` holds something that has no JSON form.
    """
    path = sidecar_path(weights_path)
    text = json.dumps(plain_values(info), indent=2, allow_nan=False, ensure_ascii=False) + '\n'
    with atomic_file(path) as file:
        file.write(text.encode())
    return path


def read_sidecar(weights_path: str | Path) -> dict[str, Any] | None:
    """What :func:`write_sidecar` wrote for these weights, else what their own head says; None where nothing does.

    Raises:
        CheckpointError: The file is there but is no JSON object.
    """
    path = sidecar_path(weights_path)
    try:
        info = json.loads(path.read_bytes())
    except FileNotFoundError:
        return read_words(Path(weights_path))
    except (OSError, ValueError) as error:
        raise CheckpointError(f'{path}: cannot be read as JSON ({error}); mend or remove it') from error
    if not isinstance(info, dict):
        raise CheckpointError(f'{path}: holds a {type(info).__name__}; accepted: a JSON object; mend or remove it')
    return info


def plain_values(value: Any) -> Any:
    """Values as JSON has them: paths become text, arrays of one element numbers, NaN and infinity null."""
    if isinstance(value, dict):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, 'item') and not isinstance(value, (int, float)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
