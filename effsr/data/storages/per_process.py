"""What is open in one process and must not be carried over to another."""
import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class PerProcess(Generic[T]):
    """Something that each process opens for itself, when it is first asked for.

    A forked process does not use what its parent opened, and a pickle does not hold it.

    Args:
        make: Opens it; can be pickled.
    """

    def __init__(self, make: Callable[[], T]):
        self._make = make
        # One tuple, replaced at once: threads that come first at the same time may open it twice, which does no harm.
        self._held: tuple[int, T | None] = (0, None)

    def get(self) -> T:
        """What this process has open."""
        process, held = self._held
        if held is None or process != os.getpid():
            held = self._make()
            self._held = (os.getpid(), held)
        return held

    def __reduce__(self) -> tuple:
        return PerProcess, (self._make,)
