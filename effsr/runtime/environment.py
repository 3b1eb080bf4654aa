"""The machine and the versions that a measurement belongs to, in one line and as plain values."""
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from effsr import __version__

LIBRARIES = ('basicsr', 'torch', 'torchvision', 'numpy', 'opencv-python')


def processor() -> str:
    """Name of the CPU as the system tells it, or of its architecture."""
    info = Path('/proc/cpuinfo')
    if info.exists():
        for line in info.read_text(encoding='utf-8', errors='replace').splitlines():
            name, _, value = line.partition(':')
            if name.strip() == 'model name' and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def environment(device: torch.device) -> str:
    """CPU, threads, GPU where one is used, versions of torch and Python, system."""
    parts = [f'{processor()} ({os.cpu_count()} cores, {torch.get_num_threads()} threads used)']
    if device.type == 'cuda':
        parts.append(f'{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}')
    parts += [f'torch {torch.__version__}', f'Python {platform.python_version()}', platform.system()]
    return ' · '.join(parts)


def versions() -> dict[str, str | None]:
    """Versions of effsr, of what its figures depend on, and of Python; None for a library that is not installed."""
    return {'effsr': __version__, **{name: _installed(name) for name in LIBRARIES},
            'python': platform.python_version()}


def machine(device: torch.device) -> dict[str, str | int | None]:
    """The machine as plain values: processor, cores, threads that torch uses, GPU, system."""
    gpu = f'{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}' if device.type == 'cuda' else None
    return {'processor': processor(), 'cores': os.cpu_count(), 'threads': torch.get_num_threads(),
            'device': device.type, 'gpu': gpu, 'system': platform.platform()}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
