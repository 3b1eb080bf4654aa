"""For an entry file run as a script (``python effsr/upscale.py``), where Python puts effsr/ first on sys.path.

Importing this puts the repository root there instead, so that ``import effsr`` works from a fresh clone and no module
of effsr passes for one of the standard library. In an entry file, before importing effsr::

    if __name__ == '__main__' and not __package__:
        import _script  # noqa: F401
"""
import os
import signal
import sys
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
sys.path[:] = [str(_FOLDER.parent), *(entry for entry in sys.path if Path(entry or '.').resolve() != _FOLDER)]


def end_quietly(command: str) -> None:
    """Until the command handles them itself, let Ctrl-C and SIGTERM end it with one line: importing takes seconds."""
    def end(signum, frame):
        os.write(2, f'\n{command}: stopped\n'.encode())
        os._exit(128 + signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, end)
