"""Work for processes, which can be sent functions of modules only."""
import os
import signal
import time
from pathlib import Path


def double(number: int) -> int:
    """Twice the number; later ones are ready earlier. 13 is a mistake of the user, 14 of a file, 15 of ours."""
    time.sleep(0.002 * (7 - number % 7))
    if number == 13:
        raise ValueError('thirteen\nis unlucky')
    if number == 14:
        raise FileNotFoundError(2, 'No such file or directory', 'fourteen.png')
    if number == 15:
        raise KeyError('fifteen')
    if number == 16:
        raise OSError(28, 'No space left on device', 'sixteen.png')
    if number == 17:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 18:
        raise Unspeakable('eighteen', 18)
    return 2 * number


class Unspeakable(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, name: str, number: int):
        super().__init__(name)


def sleep_long(place: tuple[Path, int]) -> None:
    """Leave the process's number in a file, and sleep."""
    folder, number = place
    (folder / f'{number}.pid').write_text(str(os.getpid()))
    time.sleep(60)


def environment(number: int) -> tuple[int, int, int]:
    """Threads of torch and of OpenCV, and whose process this is."""
    import cv2
    import torch
    return torch.get_num_threads(), cv2.getNumThreads(), os.getpid()
