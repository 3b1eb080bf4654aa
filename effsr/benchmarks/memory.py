"""Peak memory of a contender, in a process of its own: what others needed before does not count."""
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from effsr.benchmarks.case import Case
from effsr.benchmarks.contenders import build

STEPS = 3


class Memory(NamedTuple):
    """Bytes: at the peak, and before the model was built (Python and its libraries; on a GPU 0)."""

    peak: int
    before: int


def measure(case: Case, name: str) -> Memory | None:
    """Build a contender in a new process, fill its pool, train STEPS iterations; None where no peak is to be had."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as executor:
        return executor.submit(_measure_here, case, name).result()


def _measure_here(case: Case, name: str) -> Memory | None:
    torch.set_num_threads(case.threads)
    before = peak_of_process(case.device)
    contender = build(case, name)
    for number in range(STEPS):
        contender.time_whole(number)
    peak = peak_of_process(case.device)
    return None if peak is None or before is None else Memory(peak, before)


def peak_of_process(device: str) -> int | None:
    """Bytes at the peak so far: allocated on the GPU where one is used, else resident; None where nobody tells."""
    if device != 'cpu':
        return torch.cuda.max_memory_allocated()
    status = Path('/proc/self/status')
    if status.exists():
        # ru_maxrss would begin with the peak of the process that started this one.
        line = next(line for line in status.read_text(encoding='utf-8').splitlines() if line.startswith('VmHWM'))
        return int(line.split()[1]) * 1024
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024
