"""Whole programs in processes of their own: how long from start to end, and how much memory at the peak."""
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import effsr

ROOT = Path(effsr.__file__).resolve().parents[1]
MEMORY_WORDS = ('memory', 'alloc', 'MemoryError')


@dataclass(frozen=True)
class Ran:
    """One run of a program.

    Attributes:
        seconds: From its start to its end.
        resident: Bytes in memory at the peak, or None where the system does not tell.
        device: Bytes that torch allocated on a GPU at the peak; None without one.
        error: Why it failed, in one line; '' where it did not.
        of_memory: Whether that was want of memory.
    """

    seconds: float
    resident: int | None = None
    device: int | None = None
    error: str = ''
    of_memory: bool = False


def run_program(module: str, arguments: Sequence[str], work: Path, limit: int = 0, threads: int | None = None) -> Ran:
    """Run a module of effsr as a program, its output kept to itself.

    Args:
        module: Such as 'effsr.upscale'.
        arguments: For it.
        work: Folder to write figures into.
        limit: Bytes that it may allocate; 0 for no limit.
        threads: Of the CPU, by OMP_NUM_THREADS; None leaves the environment as it is.
    """
    figures = work / 'figures.json'
    figures.unlink(missing_ok=True)
    command = [sys.executable, '-m', 'effsr.benchmarks.watched', os.fspath(figures), str(limit), module, *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, env=_environment(threads), capture_output=True, text=True, errors='replace',
                          stdin=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - started
    found = json.loads(figures.read_text(encoding='utf-8')) if figures.exists() else {}
    if done.returncode == 0:
        return Ran(seconds, found.get('resident'), found.get('device'))
    told = (done.stderr.strip() or done.stdout.strip()).splitlines()
    line = f'killed by signal {-done.returncode}' if done.returncode < 0 else told[-1] if told else 'it fails'
    of_memory = done.returncode == -9 or any(word.lower() in line.lower() for word in MEMORY_WORDS)
    return Ran(seconds, found.get('resident'), found.get('device'), line[:300], of_memory)


def _environment(threads: int | None) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [os.fspath(ROOT), os.environ.get('PYTHONPATH', '')]))
    return {**os.environ, 'PYTHONPATH': path, **({'OMP_NUM_THREADS': str(threads)} if threads else {})}
