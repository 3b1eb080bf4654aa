"""SIGTERM, SIGHUP and Ctrl-C end a run at the end of an iteration, with a checkpoint; a second one ends it at once."""
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# 128 + number, as shells report it; SIGHUP, a closed terminal, is not on Windows.
STATUS = {getattr(signal, name): 128 + getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP')
          if hasattr(signal, name)}


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


class StoppedAtOnce(KeyboardInterrupt):
    """The run was asked a second time, and ends where it is.

    Args:
        signum: The second signal.
    """

    def __init__(self, signum: int):
        super().__init__()
        self.signum = signum


class StopRequest:
    """What has been asked for: None, or the number of the signal.

    Args:
        told: What the user is told on the first signal; nothing if empty.
    """

    def __init__(self, told: str = '') -> None:
        self.signum: int | None = None
        self.told = told

    def receive(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: the first signal is noted, a second one interrupts at once."""
        if self.signum is not None:
            raise StoppedAtOnce(signum)
        self.signum = signum
        if self.told:
            os.write(2, f'\n{self.told}\n'.encode())  # print may be in the middle of a line of its own


@contextmanager
def stop_request(told: str = '') -> Iterator[StopRequest]:
    """Catch SIGINT, SIGTERM and SIGHUP within the block; only a main thread can, elsewhere nothing is caught."""
    request = StopRequest(told)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    # nohup has SIGHUP ignored, and it must stay so.
    caught = [signum for signum in STATUS if signal.getsignal(signum) is not signal.SIG_IGN]
    before: dict[int, Any] = {signum: signal.signal(signum, request.receive) for signum in caught}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
