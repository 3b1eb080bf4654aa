"""Peak memory of one pass through a network, in a process of its own: what others needed before does not count."""
import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import nn

from effsr.benchmarks.backends import Way, prepare
from effsr.benchmarks.memory import peak_of_process

PATIENCE = 20.0  # seconds for a process to end by itself, compilers and all


@dataclass(frozen=True)
class _Job:
    net: bytes  # torch would put tensors into memory that both processes share
    shape: tuple[int, int, int, int]
    way: Way
    device: str
    threads: int
    file: Path | None


def peak_memory(net: nn.Module, shape: tuple[int, int, int, int], way: Way, device: torch.device,
                file: Path | None = None) -> int | None:
    """Bytes at the peak of one pass, above Python and its libraries; on a GPU what torch allocated.

    Weights are in it; the compiler is, too, under 'compile'. None where the system does not tell, where the network
    cannot be sent to another process, or where that one does not come through.
    """
    try:
        sent = pickle.dumps(net)
    except (pickle.PicklingError, AttributeError, TypeError):  # a class or function within a function
        return None
    job = _Job(sent, shape, way, device.type, torch.get_num_threads(), file)
    context = multiprocessing.get_context('spawn')
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure_there, args=(theirs, job), daemon=True)
    with _interrupts_held_back():
        process.start()
    theirs.close()
    try:
        found = ours.recv()
        process.join(PATIENCE)
        return found
    except EOFError:  # killed, for want of memory for example
        return None
    finally:
        ours.close()
        process.terminate()
        process.join()


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process started here never hears Ctrl-C, which it would answer by a traceback; this one hears it afterwards."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _measure_there(answer: Connection, job: _Job) -> None:
    try:
        answer.send(_measure(job))
    # The figure is left out, whatever it was.
    except Exception:
        answer.send(None)


def _measure(job: _Job) -> int | None:
    torch.set_num_threads(job.threads)
    if job.way.exported:
        import_module(job.way.backend)  # its code is not part of the pass
    with contextlib.suppress(OSError):  # Linux forgets the peak so far; importing may have needed more than is held now
        Path('/proc/self/clear_refs').write_text('5', encoding='ascii')
    before = peak_of_process(job.device)
    net = pickle.loads(job.net).to(job.device)
    prepare(net, torch.zeros(job.shape, device=job.device), job.way, job.file)()
    after = peak_of_process(job.device)
    return None if before is None or after is None else after - before
