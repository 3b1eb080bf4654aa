"""What degradations were drawn of late: kept on the host as they were drawn, turned into numbers only to be shown."""
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from effsr.degradations.parameters import DegradationParameters, KernelParameters, StageParameters

KEPT = 20_000  # images; those of the last log lines, however seldom they are read

# Words become the number of their place, so that a histogram can show them.
KERNEL_KINDS = ('none', 'iso', 'aniso', 'generalized_iso', 'generalized_aniso', 'plateau_iso', 'plateau_aniso', 'sinc')
NOISE_KINDS = ('gaussian', 'poisson')
FINAL_SINC = ('none', 'before JPEG', 'after JPEG')


def kernel_values(kernel: KernelParameters | None, order: int) -> Iterator[tuple[str, float]]:
    """Kind (its place in KERNEL_KINDS), and what applies to it: size and sigmas in pixels, omega in radians."""
    yield f'blur{order}_kind', KERNEL_KINDS.index('none' if kernel is None else kernel.kind)
    if kernel is None:
        return
    yield f'blur{order}_size', kernel.size
    if kernel.kind == 'sinc':
        yield f'blur{order}_omega', kernel.omega
    else:
        yield f'blur{order}_sigma', kernel.sigma_x
        if kernel.sigma_y != kernel.sigma_x:
            yield f'blur{order}_sigma', kernel.sigma_y


def stage_values(stage: StageParameters, order: int) -> Iterator[tuple[str, float]]:
    """One order: blur; resize factor; kind of noise (place in NOISE_KINDS) and strength; JPEG quality.

    The strength of Gaussian noise is its sigma in levels of 255, that of Poisson noise its scale.
    """
    yield from kernel_values(stage.kernel, order)
    yield f'resize{order}', stage.resize
    yield f'noise{order}_kind', NOISE_KINDS.index(stage.noise)
    yield f'noise{order}_{stage.noise}', stage.noise_strength
    yield f'noise{order}_gray', float(stage.gray_noise)
    yield f'jpeg{order}_quality', stage.jpeg_quality


def values_of(parameters: DegradationParameters) -> Iterator[tuple[str, float]]:
    """All choices of one image as names and numbers; what does not apply is left out, a name may come twice."""
    yield from stage_values(parameters.first, 1)
    yield from stage_values(parameters.second, 2)
    final = 0 if parameters.final_kernel is None else 1 if parameters.sinc_before_jpeg else 2
    yield 'final_sinc', final


class DrawnLog:
    """Parameters of this process's last images, at most KEPT; taking them in costs next to nothing."""

    def __init__(self) -> None:
        self._drawn: deque[DegradationParameters] = deque(maxlen=KEPT)

    def add(self, parameters: Iterable[DegradationParameters]) -> None:
        """Take in a batch's, in any number."""
        self._drawn.extend(parameters)

    def read(self) -> dict[str, np.ndarray]:
        """Values by name, each (N,) float64, of what came since the last read; and forget them.

        N differs from name to name: a kernel without sigma gives none. Empty where nothing was drawn.
        """
        values: dict[str, list[float]] = {}
        for parameters in self._drawn:
            for name, value in values_of(parameters):
                values.setdefault(name, []).append(value)
        self._drawn.clear()
        return {name: np.array(numbers, dtype=np.float64) for name, numbers in values.items()}
