"""Progress bars on a terminal, and log lines that go above them."""
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar('T')

FORMAT = '{n_fmt}/{total_fmt} |{bar}| {rate_fmt} ETA {remaining}{postfix}'
SHARE_FORMAT = '{percentage:3.0f}% |{bar}| {elapsed} ETA {remaining}{postfix}'
SMOOTHING = 0.05  # of the rate; a validation in between must not make the ETA jump


def on_terminal(stream: TextIO | None = None) -> bool:
    """Whether a bar can be drawn on a stream; None is the standard output."""
    return bool(getattr(sys.stdout if stream is None else stream, 'isatty', lambda: False)())


def open_bar(total: int, done: int, stream: TextIO | None = None) -> tqdm:
    """A bar of a run's iterations, of which `done` were done before: rate and ETA count only what follows."""
    file = sys.stdout if stream is None else stream
    return tqdm(total=total, initial=done, file=file, bar_format=FORMAT, smoothing=SMOOTHING, miniters=1, leave=False,
                unit='it', **_size(file))


def passing_bar(items: Iterable[T], what: str, total: int, shown: bool) -> tqdm:
    """A bar over something short, such as a validation; on a terminal below that of the run, and gone afterwards."""
    file = sys.stdout if on_terminal() else sys.stderr
    return tqdm(items, what, total, file=file, leave=False, disable=not shown, **_size(file))


def share_bar(total: float) -> tqdm:
    """A bar on the standard error of work whose parts count by their size; gone afterwards."""
    return tqdm(total=total, file=sys.stderr, bar_format=SHARE_FORMAT, leave=False, smoothing=0.1, **_size(sys.stderr))


def _size(stream: TextIO) -> dict[str, Any]:
    """The width as it is at any moment; some terminals (of containers, say) tell that they have none."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # ValueError: a stream without a file
        columns = 0
    return {'dynamic_ncols': True} if columns else {'ncols': 80, 'nrows': 24}


def give_up(stream: TextIO | None) -> None:
    """Let what a stream that cannot be written still holds, and whatever follows, go nowhere.

    Otherwise the interpreter tries once more at its exit, complains, and ends with status 120 (Python's documentation
    of signal, note on SIGPIPE).
    """
    with suppress(OSError, ValueError, AttributeError):  # a stream without a file
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


class AboveBars:
    """A stream for log lines: they are written above whatever bars there are, which stay whole.

    A run outlives who watches it: when the other end of a pipe is gone, or the disk that the lines go to is full,
    they go to the log file alone.

    Args:
        stream: Where to write; None, as sys.stdout of a process started without one: nowhere.
    """

    def __init__(self, stream: TextIO | None):
        self.stream = stream
        self.is_gone = stream is None

    def write(self, text: str) -> int:
        """Write text as it is; without a bar this is the stream's own write."""
        if not self.is_gone:
            try:
                tqdm.write(text, file=self.stream, end='')
            except OSError:
                self._leave()
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        if not self.is_gone:
            try:
                self.stream.flush()
            except OSError:
                self._leave()

    def _leave(self) -> None:
        self.is_gone = True
        give_up(self.stream)
