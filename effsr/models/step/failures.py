"""Failures inside a step that a user can do something about: each becomes one line that says what."""
import functools
from collections.abc import Callable, Mapping
from typing import Any

from effsr.models.step.compilation import failed_to_compile, first_line
from effsr.models.step.memory import is_out_of_memory, out_of_memory_line
from effsr.options import OptionError

NOT_DETERMINISTIC = 'does not have a deterministic implementation'


def explained(method: Callable[..., None]) -> Callable[..., None]:
    """Decorator of a model's feed_data and optimize_parameters.

    The model's `doing` says what it is at, for the line; it is set throughout a step.

    Raises:
        ValueError: From the method: out of memory, a network that cannot be compiled, an operation that cannot be
            deterministic. Other errors pass as they are.
    """
    @functools.wraps(method)
    def call(model: Any, *args: Any, **kwargs: Any) -> None:
        try:
            method(model, *args, **kwargs)
        except (RuntimeError, MemoryError) as error:
            batch = next((value for value in (*args, *kwargs.values()) if isinstance(value, Mapping)), None)
            line = explain(model, error, batch)
            if line is None:
                raise
            raise OptionError(line) from error
    return call


def explain(model: Any, error: BaseException, batch: Mapping[str, Any] | None) -> str | None:
    """The line about an error, or None where nothing is known about it.

    Args:
        model: RealESRNetModel or RealESRGANModel.
        error: What its step raised.
        batch: What was being fed; None within a step.
    """
    if is_out_of_memory(error):
        return out_of_memory_line(model, batch)
    if failed_to_compile(error):
        return (f'train.compile: {model.doing} cannot be compiled: {type(error).__name__}: {first_line(error)}; set '
                'compile: false')
    if NOT_DETERMINISTIC in str(error):
        operation = str(error).split(NOT_DETERMINISTIC)[0].strip()
        return (f'deterministic: {operation} in {model.doing} gives other bits each time on this device; set '
                'deterministic: false, or use another network or loss')
    return None
