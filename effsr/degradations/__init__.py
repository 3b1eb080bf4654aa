"""Second-order degradation: drawn for each image first, applied second.

``Degradation(settings, scale)(gt, seeds)`` does both; the parts are pure functions on (B, C, H, W) RGB in [0, 1].
Imports nothing else of effsr.
"""

from .apply import Degradation, degrade
from .blur import filter2d, filter_separable, reflect_pad
from .draw import draw_batch, draw_parameters
from .jpeg import jpeg_round_trip, quantization_tables
from .kernels import gaussian_kernel, generalized_gaussian_kernel, pad_kernel, plateau_kernel, sinc_kernel
from .noise import add_gaussian_noise, add_poisson_noise
from .parameters import DegradationParameters, KernelParameters, StageParameters, describe
from .pool import PairPool
from .resize import RESIZE_MODES, resize, resize_by
from .settings import DegradationSettings
from .severity import scaled, severity_at
from .usm import usm_sharpen

__all__ = [
    'RESIZE_MODES',
    'Degradation',
    'DegradationParameters',
    'DegradationSettings',
    'KernelParameters',
    'PairPool',
    'StageParameters',
    'add_gaussian_noise',
    'add_poisson_noise',
    'degrade',
    'describe',
    'draw_batch',
    'draw_parameters',
    'filter2d',
    'filter_separable',
    'gaussian_kernel',
    'generalized_gaussian_kernel',
    'jpeg_round_trip',
    'pad_kernel',
    'plateau_kernel',
    'quantization_tables',
    'reflect_pad',
    'resize',
    'resize_by',
    'scaled',
    'severity_at',
    'sinc_kernel',
    'usm_sharpen',
]
