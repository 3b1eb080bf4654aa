"""The machine and the versions that a measurement belongs to, in one line."""
import os
import platform
from pathlib import Path

import torch


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
