"""How much memory there is, and how much a network takes for each pixel of its input."""
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from effsr.inference.engine import OutOfMemory

UNKNOWN = 2 * 1024**3
NO_LIMIT = 2**60
# Where a control group's files are: of version 2, and of version 1.
GROUPS = (('/sys/fs/cgroup', 'memory.max', 'memory.current'),
          ('/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes'))
# Scratch memory of a CPU's convolutions beside the tensors: 2 in 100 at most were seen, of four networks.
SCRATCH = 1.15
PROBE_SIDE = 64


def free_memory(device: torch.device) -> int:
    """Bytes that can still be had: of the GPU, else of the system, less where a container's limit is nearer.

    What torch holds in its cache counts as free. Where the system does not tell, 2 GB are assumed.
    """
    if device.type == 'cuda':
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    found = [value for value in (_available(), *(_group_free(*group) for group in GROUPS)) if value is not None]
    return min(found, default=UNKNOWN)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory: torch has several ways to."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and 'memory' in str(error).lower())


@contextmanager
def as_out_of_memory() -> Iterator[None]:
    """Within it, all ways to run out of memory are :class:`effsr.inference.engine.OutOfMemory`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise OutOfMemory(str(error) or type(error).__name__) from error


def _available() -> int | None:
    if sys.platform == 'win32':
        return _windows_available()
    info = Path('/proc/meminfo')
    if info.exists():
        for line in info.read_text(encoding='ascii', errors='replace').splitlines():
            name, _, value = line.partition(':')
            if name == 'MemAvailable':
                return int(value.split()[0]) * 1024
    try:
        return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (ValueError, OSError):  # macOS does not tell what is available; half of all is a careful guess
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2


def _windows_available() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [('length', ctypes.c_ulong), ('load', ctypes.c_ulong),
                    *[(name, ctypes.c_ulonglong) for name in ('total', 'available', 'total_page', 'available_page',
                                                              'total_virtual', 'available_virtual', 'extended')]]
    status = Status(length=ctypes.sizeof(Status))
    ok = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return status.available if ok else None


def _group_free(folder: str, limit: str, usage: str) -> int | None:
    """What a container may still take; files that are read lie in its cache, which it gives up."""
    try:
        most = (Path(folder) / limit).read_text(encoding='ascii').strip()
        used = int((Path(folder) / usage).read_text(encoding='ascii'))
        lines = (Path(folder) / 'memory.stat').read_text(encoding='ascii').splitlines()
    except (OSError, ValueError):
        return None
    if most == 'max' or int(most) > NO_LIMIT:
        return None
    cache = dict(line.split() for line in lines).get('inactive_file', 0)
    return max(0, int(most) - used + int(cache))


class _Counter(TorchDispatchMode):
    """Adds up the memory of the tensors that are alive while a network runs."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self.alive: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.alive:
            return
        self.alive.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.now -= size


def measure_bytes(run: Callable[[Tensor], Tensor], device: torch.device, multiple: int = 1) -> float:
    """Bytes that a network takes at its peak for each pixel of a batch of tiles, the result included.

    Args:
        run: (B, 3, h, w) on the CPU -> (B, 3, h * scale, w * scale) on the CPU; it works on ``device``.
        device: Whose memory is meant.
        multiple: What sides must be divisible by.
    """
    side = -(-PROBE_SIDE // multiple) * multiple
    tiles = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    if device.type == 'cuda':
        run(tiles)  # what libraries keep for themselves is not counted
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run(tiles)
        return max(1, torch.cuda.max_memory_allocated(device) - before) / side**2
    with _Counter() as counter:
        run(tiles)
    return SCRATCH * max(1, counter.peak) / side**2
