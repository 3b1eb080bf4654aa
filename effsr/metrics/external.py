"""Metrics of pyiqa, which must live in an environment of its own: it brings packages that break BasicSR's.

One process a metric, see effsr.metrics.pyiqa_worker.
"""
import json
import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from effsr.metrics.psnr_ssim import cropped
from effsr.metrics.scorer import MetricInfo, MetricSettings, Opened, Unavailable

WORKER = Path(__file__).with_name('pyiqa_worker.py')
PYTHONS = ('bin/python', 'Scripts/python.exe', 'python.exe')
PATIENCE = 5.0  # seconds that a process has to end


def environment_python(folder: Path) -> Path:
    """The Python of a virtual environment.

    Raises:
        Unavailable: There is none.
    """
    found = next((folder / python for python in PYTHONS if (folder / python).is_file()), None)
    if found is None:
        raise Unavailable(f'{folder}: no virtual environment (no {" or ".join(PYTHONS[:2])}); make one with: python '
                          f'-m venv {folder}')
    return found


class Worker:
    """A process that computes one metric; a context of its own folder and streams.

    Args:
        name: What pyiqa calls the metric.
        command: What is run; it speaks as effsr.metrics.pyiqa_worker.

    Attributes:
        told: The first line of its answers: better, needs_gt, version.

    Raises:
        Unavailable: It cannot be started, or says why it cannot compute.
    """

    def __init__(self, name: str, command: list[str]):
        self.name = name
        self._folder = tempfile.TemporaryDirectory(prefix='effsr_pyiqa_', ignore_cleanup_errors=True)
        self._errors = Path(self._folder.name) / 'errors.txt'
        environment = {key: value for key, value in os.environ.items() if not key.startswith('PYTHON')}
        try:
            with self._errors.open('wb') as errors:
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                                 encoding='utf-8', env=environment)
        except OSError as error:
            self._folder.cleanup()
            raise Unavailable(f'pyiqa:{name}: {command[0]} cannot be started: {error.strerror or error}') from error
        try:
            self.told = self._reply()
            if 'error' in self.told:
                raise Unavailable(f'pyiqa:{name}: {self.told["error"]}')
        except BaseException:
            self.close()
            raise

    def score(self, border: int, img: np.ndarray, img2: np.ndarray | None) -> float:
        """The metric of a picture, (H, W, 3) RGB or (H, W) grey, uint8 or float in [0, 255], and its truth.

        Raises:
            ValueError: The metric refuses them.
            Unavailable: The process ended.
        """
        if img2 is not None and img.shape != img2.shape:
            raise ValueError(f'pictures of different shapes: {img.shape} and {img2.shape} (height, width, channels)')
        request = {'result': self._handed('result', img, border),
                   'gt': None if img2 is None else self._handed('gt', img2, border)}
        try:
            self._process.stdin.write(json.dumps(request) + '\n')
            self._process.stdin.flush()
        except OSError as error:
            raise Unavailable(self._ended()) from error
        reply = self._reply()
        if 'error' in reply:
            raise ValueError(f'pyiqa:{self.name}: {reply["error"]}')
        return reply['value']

    def close(self) -> None:
        """Ends the process; a second call does nothing."""
        with suppress(OSError):  # it ended before it had read everything
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def _handed(self, name: str, img: np.ndarray, border: int) -> str:
        """Write a picture for the process, unrounded."""
        inner = cropped(img, border)
        colours = np.broadcast_to(inner.reshape(*inner.shape[:2], -1), (*inner.shape[:2], 3))
        path = Path(self._folder.name) / f'{name}.npy'
        np.save(path, (colours / 255.0).astype(np.float32))
        return str(path)

    def _reply(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable(self._ended())
        return json.loads(line)

    def _ended(self) -> str:
        status = self._process.wait()
        printed = self._errors.read_text(encoding='utf-8', errors='replace').splitlines()
        last = next(filter(None, reversed(printed)), 'it printed no reason')
        return f'pyiqa:{self.name}: its process ended with status {status}: {last.strip()}'


def open_external(described: MetricInfo, border: int, settings: MetricSettings, worker: Path = WORKER) -> Opened:
    """Starts the process of one of pyiqa's metrics.

    Args:
        described: As listed, before pyiqa has said more.
        border: Pixels left out at each side.
        settings: `pyiqa` is the environment.
        worker: The script that is run there.

    Raises:
        Unavailable: No environment, or pyiqa cannot compute the metric there.
    """
    name = described.name.partition(':')[2]
    if settings.pyiqa is None:
        raise Unavailable(f'{described.name}: pyiqa needs an environment of its own (python -m venv DIR, then '
                          'DIR/bin/pip install pyiqa); name it with --pyiqa DIR')
    download = 'yes' if settings.download else 'no'
    python = environment_python(Path(settings.pyiqa))
    process = Worker(name, [str(python), '-I', str(worker), name, settings.device, download])
    told = process.told
    known = replace(described, better=told['better'], needs_gt=told['needs_gt'])
    return Opened(lambda img, img2: process.score(border, img, img2), identity=f'pyiqa {told["version"]}',
                  close=process.close, info=known)
