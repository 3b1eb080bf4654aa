"""Time of the stages of a step, taken by wrapping the functions that the step calls."""
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from effsr.benchmarks.patching import Patch, patched


class Seam(NamedTuple):
    """A function that a step calls: where it is looked up, and the stage its time belongs to."""

    owner: Any
    name: str
    stage: str | Callable[[], str]  # a function where only the moment of the call tells


class StageClock:
    """Seconds by stage. A stage inside another one stops the outer one's time, so that all add up to the whole.

    Args:
        wait: Called wherever a stage begins or ends: waits until the device has done what it was given.
        clock: Seconds from any start.
    """

    def __init__(self, wait: Callable[[], None], clock: Callable[[], float] = time.perf_counter):
        self.seconds: dict[str, float] = {}
        self._wait = wait
        self._clock = clock
        self._open: list[str] = []
        self._since = 0.0

    def _switch(self) -> None:
        """Book the time since the last switch to the innermost open stage."""
        self._wait()
        now = self._clock()
        if self._open:
            name = self._open[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Book what runs inside to a stage."""
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def wrap(self, function: Callable, stage: str | Callable[[], str]) -> Callable:
        """The same function, with its time booked."""
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage() if callable(stage) else stage):
                return function(*args, **kwargs)
        return timed

    def on(self, seams: Iterable[Seam]) -> AbstractContextManager[None]:
        """Wrap the functions at the seams for the duration of a with block."""
        return patched(*(Patch(seam.owner, seam.name, self.wrap(getattr(seam.owner, seam.name), seam.stage))
                         for seam in seams))
