"""How a command ends: its status, and one line for whatever stopped it."""
import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from effsr.command_line import failure_line
from effsr.curation.parallel import tell
from effsr.runtime.bar import give_up
from effsr.runtime.signals import STATUS, StoppedAtOnce


def run_command(label: str, run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command and return its exit status: its own, 1 after an error, 128 + number after a signal.

    Args:
        label: What a line about its end begins with, for example 'prepare subimages'.
        run: The command.
        args: Its flags.
    """
    try:
        with _signals_interrupt():
            status = run(args)
            sys.stdout.flush()
            return status
    except BrokenPipeError:  # whoever read the lines is gone
        give_up(sys.stdout)
        return 1
    except (ValueError, OSError) as error:
        text = failure_line(error)
    except MemoryError:
        text = 'out of memory; lower --jobs, then run the same command again to go on'
    except KeyboardInterrupt as error:
        tell(f'\n{label}: stopped; what was finished is kept: run the same command again to go on')
        return STATUS[getattr(error, 'signum', signal.SIGINT)]
    tell(f'{label}: {text}')
    return 1


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does; each of them only once, so that cleaning up is not cut short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        for each_signal in caught:
            signal.signal(each_signal, _end_now)
        raise StoppedAtOnce(signum)

    # nohup has SIGHUP ignored, and it must stay so.
    caught = [signum for signum in STATUS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, interrupt) for signum in caught}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)


def _end_now(signum: int, frame: FrameType | None) -> None:
    os._exit(128 + signum)
