"""safetensors files: weights that hold no code, with words about them in their head.

Format: https://huggingface.co/docs/safetensors, eight bytes with the length of a JSON head, the head, the numbers.
"""
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from effsr.runtime.atomic import CheckpointError

LENGTH = 8  # bytes
LARGEST_HEAD = 10**8  # bytes; the format allows no more
OURS = 'effsr'  # the entry of the head that effsr/export.py writes, JSON


def is_safetensors(head: bytes) -> bool:
    """Whether a file that begins so is a safetensors file, whatever its name; nine bytes are enough to tell."""
    return head[LENGTH:LENGTH + 1] == b'{' and 0 < int.from_bytes(head[:LENGTH], 'little') <= LARGEST_HEAD


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU.

    Raises:
        CheckpointError: It is truncated or damaged, or the package safetensors is not installed.
    """
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise CheckpointError(f'{path}: needs the package safetensors, which is not installed; '
                              'pip install safetensors') from error
    try:
        return load_file(path)
    # The library raises errors of its own kind on damaged files.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), '')
        raise CheckpointError(f'{path}: {reason}; give the path of a whole .safetensors file') from error


def read_words(path: Path) -> dict[str, Any] | None:
    """What effsr wrote about the weights into the head of such a file, as a JSON file beside weights has it.

    Returns:
        {'arch': {'type': class name, 'args': its arguments}, 'scale': ..., ...}; None where there is no such file, or
        nothing of effsr's in it.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(LENGTH + 1)
            if not is_safetensors(head):
                return None
            found = json.loads(head[LENGTH:] + file.read(int.from_bytes(head[:LENGTH], 'little') - 1))
        words = json.loads(found['__metadata__'][OURS])
    except (OSError, ValueError, KeyError, TypeError):  # whoever reads the weights tells what is wrong with the file
        return None
    if not isinstance(words, dict):
        return None
    named = {'arch': {'type': words['arch'], 'args': words.get('args', {})}} if 'arch' in words else {}
    return {**{name: value for name, value in words.items() if name not in ('arch', 'args')}, **named}
