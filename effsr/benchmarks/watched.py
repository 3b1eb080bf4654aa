"""Runs a module as a program of its own and writes down its peak memory when it ends.

    python -m effsr.benchmarks.watched FIGURES.json LIMIT MODULE [ARGUMENT ...]

LIMIT is what it may allocate beside its libraries, in bytes; 0 for no limit. A program that asks for more is refused it
and ends, instead of the system ending something else.
"""
import json
import runpy
import sys
from pathlib import Path

import torch

from effsr.benchmarks.memory import peak_of_process


def limit_memory(size: int) -> None:
    """Let this process map so many bytes more than it has, and no more, where the system can be told so."""
    statm = Path('/proc/self/statm')
    try:
        import resource  # not on Windows
    except ImportError:
        return
    if statm.exists():
        mapped = int(statm.read_text(encoding='ascii').split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + size, mapped + size))


def main(argv: list[str]) -> None:
    """Run the module; its exit status is that of this process."""
    figures, limit, module, *arguments = argv
    if int(limit):
        limit_memory(int(limit))
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name='__main__', alter_sys=True)
    finally:
        Path(figures).write_text(json.dumps({'resident': peak_of_process('cpu'), 'device': _on_device()}),
                                 encoding='utf-8')


def _on_device() -> int | None:
    """Bytes at the peak that torch allocated on the GPU, where it was used."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else None


if __name__ == '__main__':
    main(sys.argv[1:])
