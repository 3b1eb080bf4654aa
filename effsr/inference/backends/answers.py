"""What every library's answer is held to, and what its errors become."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from effsr.inference.engine import OutOfMemory

MEMORY_WORDS = ('memory', 'alloc')


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Any error of a library within becomes one of ours.

    Raises:
        OutOfMemory: The library could not get memory.
        ValueError: Anything else, as one line.
    """
    try:
        yield
    except (OutOfMemory, ValueError):
        raise
    # Libraries in C++ raise classes of their own, and each another one.
    except Exception as error:
        text = ' '.join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError) or any(word in text.lower() for word in MEMORY_WORDS):
            raise OutOfMemory(f'{name}: {text[:200]}') from error
        raise ValueError(f'{name} fails: {text[:300]}') from error


def checked(result: Tensor, tiles: Tensor, scale: int, name: str) -> Tensor:
    """The answer itself, if it is one.

    Args:
        result: (B, 3, h * scale, w * scale) expected.
        tiles: (B, 3, h, w) that were given.
        scale: Whole factor.
        name: Of the engine, for messages.

    Raises:
        ValueError: Another size, NaN or infinity.
    """
    batch, channels, height, width = tiles.shape
    expected = (batch, channels, height * scale, width * scale)
    if tuple(result.shape) != expected:
        raise ValueError(f'{name} gives {tuple(result.shape)} for {tuple(tiles.shape)}; expected {expected}; export '
                         'the weights again')
    if not bool(torch.isfinite(result).all()):
        raise ValueError(f'{name} gives NaN or infinity; export the weights in fp32')
    return result
