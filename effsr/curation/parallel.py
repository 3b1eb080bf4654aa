"""The same work on many items by many processes, with results in the order of the items."""
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import cv2
import torch

from effsr.command_line import failure_line
from effsr.curation.errors import ends_everything
from effsr.curation.workers import by_processes, use_one_thread
from effsr.runtime.bar import AboveBars, on_terminal, passing_bar

LINE_EVERY = 30.0  # seconds, where no bar can be drawn


class Failure(NamedTuple):
    """An item whose work failed.

    Attributes:
        item: The item.
        reason: One line.
    """

    item: Any
    reason: str


def each(do: Callable[[Any], Any], items: Iterable[Any], jobs: int, label: str) -> Iterator[tuple[Any, Any]]:
    """Yield (item, do(item)) in the order of the items; what is yielded does not depend on `jobs`.

    A ValueError or OSError of `do` is the item's own: a :class:`Failure` stands for its result. Where the output can
    take no more (:func:`effsr.curation.errors.ends_everything`) it is raised, and so is anything else.

    Args:
        do: A function of a module, or functools.partial of one, if jobs is more than 1: it is sent to processes.
        items: Taken one by one, as they are needed: a generator may note that an item's work begins. What was taken
            and not yet yielded is bounded by a few items for each process.
        jobs: Processes; 1 does the work in this one.
        label: What the progress bar, or the line every 30 s where there is no terminal, is called.

    Raises:
        ValueError: A process died; the output can take no more.
    """
    total = len(items) if hasattr(items, '__len__') else None
    if jobs > 1 and (total is None or total > 1):
        results = by_processes(partial(_attempt, do), items, jobs if total is None else min(jobs, total))
    else:
        results = _here(do, items)
    with _progress(label, total) as advance:
        for pair in results:
            yield pair
            advance()


def tell(line: str) -> None:
    """Print a line to the standard error, above whatever bar is there."""
    AboveBars(sys.stderr).write(f'{line}\n')


def _attempt(do: Callable[[Any], Any], item: Any) -> Any:
    try:
        return do(item)
    except (ValueError, OSError) as error:
        if ends_everything(error):
            raise
        return Failure(item, ' | '.join(failure_line(error).splitlines()))


def _here(do: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    threads, threads_cv2 = torch.get_num_threads(), cv2.getNumThreads()
    use_one_thread()
    try:
        for item in items:
            yield item, _attempt(do, item)
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads_cv2)


@contextmanager
def _progress(label: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yield what is called after each item."""
    shown = on_terminal(sys.stderr)
    count, began, told = 0, time.monotonic(), time.monotonic()
    bar = passing_bar(None, label, total, shown)

    def advance() -> None:
        nonlocal count, told
        count += 1
        bar.update()
        if not shown and time.monotonic() - told >= LINE_EVERY:
            told = time.monotonic()
            rate = count / (told - began)
            left = '' if total is None else f' of {total:,}, {(total - count) / rate:,.0f} s left'
            tell(f'{label}: {count:,}{left}')

    with bar:
        yield advance
