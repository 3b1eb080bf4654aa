"""How a process that reads images takes signals: the main process decides when a run ends, and ends its readers."""
import multiprocessing
import os
import signal
import threading
import time

INTERVAL = 0.5  # seconds between looks at whether the main process is still there
GRACE = 30.0  # seconds that a reader goes on after a SIGTERM whose sender the system does not tell


def outlive_signals(worker: int = 0) -> None:
    """Make a reading process ignore Ctrl-C and SIGTERM, which go to the whole process group; for worker_init_fn.

    The main process can so finish its iteration and save. A SIGTERM from the main process itself ends the reader, and
    so does the end of the main process, however it came, within a second and without a word.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    started_by = os.getppid()
    main = multiprocessing.parent_process()
    senders = {started_by, main.pid if main is not None else started_by}
    if hasattr(signal, 'sigtimedwait'):  # Linux; blocked here, the signal waits for the thread that asks for it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        target, args = _wait_for_end, (started_by, senders)
    else:
        if hasattr(signal, 'SIGTERM') and os.name == 'posix':
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_leave_later, daemon=True).start())
        target, args = _watch_parent, (started_by,)
    threading.Thread(target=target, args=args, daemon=True).start()


def _wait_for_end(started_by: int, senders: set[int]) -> None:
    while os.getppid() == started_by:
        received = signal.sigtimedwait({signal.SIGTERM}, INTERVAL)
        if received is not None and received.si_pid in senders:
            break
    os._exit(0)


def _watch_parent(started_by: int) -> None:
    while os.getppid() == started_by:
        time.sleep(INTERVAL)
    os._exit(0)


def _leave_later() -> None:
    time.sleep(GRACE)
    os._exit(0)
