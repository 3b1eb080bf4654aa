"""Image files that lie within something larger: read by position, their size told from header and end alone."""
import io
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from effsr.data.image_io import TAIL, require_end, upright_size

HEADER = 16384  # bytes; most headers end before that
OPEN_FILES = 64  # a set may have more shards than a process may have open files


class _Span(io.RawIOBase):
    """Part of something larger as a file of its own."""

    def __init__(self, read_at: Callable[[int, int], bytes], length: int):
        super().__init__()
        self._read_at = read_at
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, self._length)[whence])
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        count = max(0, min(len(buffer), self._length - self._position))
        data = self._read_at(self._position, count) if count else b''
        buffer[:len(data)] = data
        self._position += len(data)
        return len(data)


def stored_size(read_at: Callable[[int, int], bytes], length: int, path: Path) -> tuple[int, int]:
    """(height, width) of an image file of which only the header and the end are read.

    Args:
        read_at: (position, count) -> that many of the file's bytes.
        length: Of the file, in bytes.
        path: What to call it in messages.

    Raises:
        ImageError: Empty, without an image's header, or cut short.
    """
    with io.BufferedReader(_Span(read_at, length), HEADER) as file:
        size = upright_size(file, path)
    tail = min(TAIL, length)
    require_end(read_at(0, min(4, length)), read_at(length - tail, tail), path)
    return size


class _Descriptor:
    """An open file; closed when the last thread lets go of it."""

    def __init__(self, path: Path):
        self.number = os.open(path, os.O_RDONLY | getattr(os, 'O_BINARY', 0))
        weakref.finalize(self, os.close, self.number)


class OpenFiles:
    """Files kept open for reading by position, the least used ones closed; threads may share it.

    Args:
        limit: How many are open at a time.
    """

    def __init__(self, limit: int = OPEN_FILES):
        self.limit = limit
        self._open: OrderedDict[Path, _Descriptor] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path, position: int, count: int) -> bytes:
        """Up to `count` bytes from `position` on; fewer where the file ends.

        Raises:
            OSError: The file cannot be opened or read.
        """
        descriptor = self._descriptor(path)
        parts = []
        while count > 0:
            part = self._read_once(descriptor.number, position, count)
            if not part:
                break
            parts.append(part)
            position += len(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b''.join(parts)

    def _descriptor(self, path: Path) -> _Descriptor:
        with self._lock:
            descriptor = self._open.pop(path, None) or _Descriptor(path)
            self._open[path] = descriptor
            if len(self._open) > self.limit:
                self._open.popitem(last=False)
            return descriptor

    def _read_once(self, number: int, position: int, count: int) -> bytes:
        if hasattr(os, 'pread'):
            return os.pread(number, count, position)
        with self._lock:  # Windows: the position belongs to the file, not to the call
            os.lseek(number, position, os.SEEK_SET)
            return os.read(number, count)
