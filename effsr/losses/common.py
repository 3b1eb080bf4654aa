"""What losses share: computing in fp32, pictures that do not go together, arguments, reductions."""
import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

REDUCTIONS = ('none', 'mean', 'sum')
TO_ONE = ('mean', 'sum')


def in_full_precision(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compute a function of tensors in fp32 (fp64 where all are fp64), within autocast too.

    Differences of pictures are small beside the pictures, and variances beside squares: 16 bits lose them.
    """
    @functools.wraps(function)
    def wrapped(first: Tensor, *others: object, **keywords: object) -> Tensor:
        given = [value for value in (first, *others) if isinstance(value, Tensor)]
        double = all(value.dtype == torch.float64 for value in given)
        dtype = torch.float64 if double else torch.float32
        first, *others = (value.to(dtype) if isinstance(value, Tensor) else value for value in (first, *others))
        with torch.autocast(device_type=first.device.type, enabled=False):
            return function(first, *others, **keywords)
    return wrapped


def check_pictures(pred: Tensor, target: Tensor, term: str, smallest: int = 1) -> None:
    """Check that two batches of pictures can be compared.

    Args:
        pred: (B, C, H, W).
        target: Of the same shape.
        term: What compares them, for the message.
        smallest: Least height and width, in pixels.

    Raises:
        ValueError: They have another number of dimensions, differ in shape, or are too small.
    """
    if pred.dim() != 4:
        raise ValueError(f'{term}: pictures of shape {tuple(pred.shape)}; accepted: (B, C, H, W)')
    if pred.shape != target.shape:
        raise ValueError(f'{term}: pictures of different shapes: {tuple(pred.shape)} and {tuple(target.shape)}')
    height, width = pred.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(f'{term}: pictures of {height} x {width} (height x width) are too small; it needs {smallest} '
                         f'x {smallest}')


def reduced(values: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """Reduce as BasicSR's losses do: with a weight, the mean is over what it weighs.

    Args:
        values: (B, C, H, W), or of any shape without a weight.
        reduction: none, mean or sum.
        weight: (B, C, H, W) or (B, 1, H, W), or None.
    """
    if weight is not None:
        values = values * weight
    if reduction == 'none':
        return values
    if reduction == 'sum' or weight is None:
        return values.sum() if reduction == 'sum' else values.mean()
    return values.sum() / weight.expand_as(values).sum()


def checked_reduction(reduction: str, accepted: Sequence[str] = REDUCTIONS) -> str:
    """A loss's reduction.

    Raises:
        ValueError: It is not accepted.
    """
    if reduction not in accepted:
        raise ValueError(f'reduction is {reduction!r}; accepted: {", ".join(accepted)}')
    return reduction


def checked_number(name: str, value: float, least: float = 0.0, above: bool = False) -> float:
    """A number from `least`, or above it.

    Raises:
        ValueError: It is less, not finite, or no number.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < least or (above and value == least):
        raise ValueError(f'{name} is {value!r}; accepted: a number {"above" if above else "from"} {least:g}')
    return value


def checked_count(name: str, value: int, most: int) -> int:
    """A whole number from 1 to `most`.

    Raises:
        ValueError: It is another.
    """
    if isinstance(value, bool) or value not in range(1, most + 1):
        raise ValueError(f'{name} is {value!r}; accepted: a whole number from 1 to {most}')
    return int(value)


def checked_choice(name: str, value: object, accepted: Sequence[object]) -> object:
    """One of a few values.

    Raises:
        ValueError: It is none of them.
    """
    if isinstance(value, bool) or value not in accepted:
        raise ValueError(f'{name} is {value!r}; accepted: {", ".join(map(str, accepted))}')
    return value
