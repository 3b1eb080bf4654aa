"""Which precision a device computes in: what is fast there, and close enough to fp32."""
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from effsr.inference.engine import Say

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# In levels of 8 bits, on the probe: what is taken without being asked for.
MEAN_LEVELS = 0.25
MAX_LEVELS = 4.0
FASTER = 1.15
PROBE_SIDE = 96
BF16_FLAGS = ('avx512_bf16', 'amx_bf16', 'bf16')


def check_device(name: str) -> torch.device:
    """'auto' takes CUDA where there is one.

    Raises:
        ValueError: CUDA is asked for and absent.
    """
    if name == 'cuda' and not torch.cuda.is_available():
        raise ValueError('device is cuda, but torch finds none; accepted here: cpu, auto')
    return torch.device('cuda' if name == 'auto' and torch.cuda.is_available() else name.replace('auto', 'cpu'))


def spoiled(tiles: Tensor, answer: Tensor) -> str:
    """'' for a sound result; 'NaN or infinity'; or 'black', for nothing but zeros of what is not black."""
    if not torch.isfinite(answer).all():
        return 'NaN or infinity'
    return 'black' if not answer.any() and tiles.any() else ''


def choose_precision(wanted: str, device: torch.device, run: Callable[[Tensor, str], Tensor], multiple: int,
                     say: Say) -> str:
    """The precision to run in.

    Args:
        wanted: 'bf16' or 'fp16' are tried and kept unless they fail; 'auto' takes the first that is close to fp32 on a
            probe, and faster: of fp16 and bf16 on CUDA, of bf16 on a CPU that has it, else fp32.
        device: Where the network runs.
        run: (tiles, precision) -> the network's result.
        multiple: What sides must be divisible by.
        say: Told why what was wanted is not taken.
    """
    if wanted == 'auto' and device.type == 'cpu' and not cpu_has_bf16():
        return 'fp32'
    side = -(-PROBE_SIDE // multiple) * multiple
    probe = torch.rand(1, 3, side // 8 + 1, side // 8 + 1, generator=torch.Generator().manual_seed(0))
    probe = probe.repeat_interleave(8, 2).repeat_interleave(8, 3)[..., :side, :side]
    reference, slow = _timed(run, probe, 'fp32')
    order = ('fp16', 'bf16') if device.type == 'cuda' else ('bf16',)
    for precision in order if wanted == 'auto' else (wanted,):
        answer, fast = _timed(run, probe, precision)
        fault = spoiled(probe, answer)
        if wanted == 'auto':
            levels = (answer.clamp(0, 1) - reference.clamp(0, 1)).abs() * 255
            if not fault and levels.mean() <= MEAN_LEVELS and levels.max() <= MAX_LEVELS and slow > FASTER * fast:
                return precision
        elif not fault:
            if fast > slow:
                say(f'{precision} is slower than fp32 on this device ({fast / slow:.1f} times the time)')
            return precision
        else:
            say(f'the network gives {fault} in {precision}; fp32 is taken')
    return 'fp32'


def _timed(run: Callable[[Tensor, str], Tensor], probe: Tensor, precision: str) -> tuple[Tensor, float]:
    """The result, and the seconds of the fastest of three runs after one to get warm."""
    answer = run(probe, precision)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run(probe, precision)
        times.append(time.perf_counter() - start)
    return answer, min(times)


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 by itself; without that, it is slower than float32."""
    info = Path('/proc/cpuinfo')
    if not info.exists():
        return False
    for line in info.read_text(encoding='utf-8', errors='replace').splitlines():
        name, _, value = line.partition(':')
        if name.strip() in ('flags', 'Features'):
            return not set(BF16_FLAGS).isdisjoint(value.split())
    return False
