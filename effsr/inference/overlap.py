"""Reading ahead and writing behind, each in a thread, with bounded queues; errors come back to the caller."""
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar('Item')
_END = object()
# How long a thread that waits on a full or empty queue goes without looking whether it is to stop.
PATIENCE_S = 0.1


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def read_ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield items that a thread makes ahead, up to ``depth`` of them.

    An error in making them is raised here. When the generator is closed, or dropped, the thread ends after the item
    that it is at, and that is waited for.
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()

    def offer(item: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            if all(offer(item) for item in items):
                offer(_END)
        # Whatever it is, it is raised where the item was wanted.
        except BaseException as error:
            offer(_Failure(error))

    thread = threading.Thread(target=work, name='read ahead', daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stop.set()
        thread.join()


class WriteBehind(Generic[Item]):
    """Hands items to a function in a thread, in order; a context manager.

    An error of the function is raised by the next :meth:`put`, or at the end; items after it are dropped. Where the
    block ends by an error of its own, what waits is dropped.

    Args:
        handle: Called with each item.
        depth: How many items may wait.
    """

    def __init__(self, handle: Callable[[Item], None], depth: int = 1) -> None:
        self.handle = handle
        self.waiting: queue.Queue[Any] = queue.Queue(depth)
        self.error: BaseException | None = None
        self.dropped = threading.Event()
        self.thread = threading.Thread(target=self._work, name='write behind', daemon=True)

    def __enter__(self) -> 'WriteBehind[Item]':
        self.thread.start()
        return self

    def put(self, item: Item) -> None:
        self._raise()
        self.waiting.put(item)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if kind is not None:
            self.dropped.set()
        self.waiting.put(_END)
        self.thread.join()
        if kind is None:
            self._raise()

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        while (item := self.waiting.get()) is not _END:
            if self.error is not None or self.dropped.is_set():
                continue
            try:
                self.handle(item)
            # Whatever it is, it is raised in the caller's thread.
            except BaseException as error:
                self.error = error
