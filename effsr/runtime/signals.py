"""SIGTERM and Ctrl-C end a run at the end of an iteration, with a checkpoint; a second one ends it at once."""
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}  # 128 + number, as shells report it


class Stopped(Exception):
    """The run was asked to stop, has saved, and ends.

    Args:
        signum: The signal.
        iteration: The last one done, and saved.
    """

    def __init__(self, signum: int, iteration: int):
        super().__init__(f'{signal.Signals(signum).name} at iteration {iteration}')
        self.signum = signum
        self.iteration = iteration


class StopRequest:
    """What has been asked for: None, or the number of the signal."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def receive(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: the first signal is noted, a second one interrupts at once."""
        if self.signum is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        self.signum = signum


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Catch SIGINT and SIGTERM within the block; only a main thread can, elsewhere nothing is caught."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before: dict[int, Any] = {signum: signal.signal(signum, request.receive) for signum in STATUS}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
