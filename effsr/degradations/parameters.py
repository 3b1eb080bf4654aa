"""The choices that make one degradation: plain values, enough to repeat it, print it or send it elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import kernels
from .jpeg import Subsampling
from .resize import ResizeMode
from .settings import KernelKind

NoiseKind = Literal['gaussian', 'poisson']


@dataclass(frozen=True)
class KernelParameters:
    """One blur kernel (section 3.1 of arXiv 2107.10833) or sinc filter (section 3.3).

    Attributes:
        kind: a name of ``kernel_list``, or 'sinc'.
        size: side in pixels, odd.
        sigma_x, sigma_y: standard deviations in pixels, equal for isotropic kinds; 0 for a sinc.
        rotation: radians; 0 unless anisotropic.
        beta: shape of generalized and plateau kernels; 1 for the others.
        omega: cutoff of a sinc in radians per pixel; 0 for the others.
    """

    kind: KernelKind | Literal['sinc']
    size: int
    sigma_x: float = 0.0
    sigma_y: float = 0.0
    rotation: float = 0.0
    beta: float = 1.0
    omega: float = 0.0

    def array(self) -> np.ndarray:
        """Build the kernel: (size, size) float64, sum 1.

        Raises:
            ValueError: an unknown kind, or values out of the kind's range.
        """
        gaussian_like = (self.size, self.sigma_x, self.sigma_y, self.rotation)
        if self.kind == 'sinc':
            return kernels.sinc_kernel(self.size, self.omega)
        if self.kind in ('iso', 'aniso'):
            return kernels.gaussian_kernel(*gaussian_like)
        if self.kind in ('generalized_iso', 'generalized_aniso'):
            return kernels.generalized_gaussian_kernel(*gaussian_like, self.beta)
        if self.kind in ('plateau_iso', 'plateau_aniso'):
            return kernels.plateau_kernel(*gaussian_like, self.beta)
        raise ValueError(f'kernel kind is {self.kind!r}; accepted: a name of kernel_list, or sinc')


@dataclass(frozen=True)
class StageParameters:
    """One order of degradation: blur, resize, noise, JPEG.

    Attributes:
        kernel: None for no blur.
        resize: factor; of the image in the first order, of the final size in the second.
        resize_mode: interpolation of that resize.
        noise: 'gaussian' or 'poisson'.
        noise_strength: sigma in levels of 255 for Gaussian noise, scale for Poisson noise.
        gray_noise: the same noise in the three channels.
        jpeg_quality: 1 to 100.
        jpeg_subsampling: whether JPEG halves the resolution of chroma ('4:2:0') or keeps it ('4:4:4').
    """

    kernel: KernelParameters | None
    resize: float
    resize_mode: ResizeMode
    noise: NoiseKind
    noise_strength: float
    gray_noise: bool
    jpeg_quality: float
    jpeg_subsampling: Subsampling = '4:2:0'


@dataclass(frozen=True)
class DegradationParameters:
    """Every choice in the degradation of one image (figure 2 of arXiv 2107.10833).

    Attributes:
        first, second: the two orders.
        final_kernel: sinc filter after the last resize, None for none.
        final_mode: interpolation of the last resize.
        sinc_before_jpeg: resize and filter before the second JPEG compression instead of after it.
        noise_seed: seed of the generator that the noise of both orders is drawn from.
        severity: what the drawn values were scaled by; at 0 the image is resized alone, not even compressed.
    """

    first: StageParameters
    second: StageParameters
    final_kernel: KernelParameters | None
    final_mode: ResizeMode
    sinc_before_jpeg: bool
    noise_seed: int
    severity: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, ready for JSON or YAML; :meth:`from_dict` gives an equal object back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DegradationParameters:
        """Rebuild what :meth:`to_dict` wrote.

        Raises:
            KeyError, TypeError: a name is missing or unknown.
        """
        fields = dict(values)
        for stage in ('first', 'second'):
            inner = dict(fields[stage])
            inner['kernel'] = _kernel_from_dict(inner['kernel'])
            fields[stage] = StageParameters(**inner)
        fields['final_kernel'] = _kernel_from_dict(fields['final_kernel'])
        return cls(**fields)


def _kernel_from_dict(values: Mapping[str, Any] | None) -> KernelParameters | None:
    return None if values is None else KernelParameters(**values)


def _describe_stage(stage: StageParameters, order: int) -> dict[str, float | str]:
    kernel = stage.kernel
    row: dict[str, float | str] = {f'blur{order}': 'none' if kernel is None else kernel.kind}
    if kernel is not None:
        row[f'blur{order}_size'] = kernel.size
        for name in ('omega',) if kernel.kind == 'sinc' else ('sigma_x', 'sigma_y', 'rotation', 'beta'):
            row[f'blur{order}_{name}'] = getattr(kernel, name)
    row[f'resize{order}'] = stage.resize
    row[f'resize{order}_mode'] = stage.resize_mode
    row[f'noise{order}'] = ('gray ' if stage.gray_noise else 'color ') + stage.noise
    row[f'noise{order}_strength'] = stage.noise_strength
    row[f'jpeg{order}_quality'] = stage.jpeg_quality
    row[f'jpeg{order}_subsampling'] = stage.jpeg_subsampling
    return row


def describe(parameters: DegradationParameters) -> dict[str, float | str]:
    """Flat summary for a log or a caption: short names to numbers and words, without what does not apply.

    Units: pixels (size, sigma), radians (rotation, omega), factors (resize), levels of 255 or a factor (noise
    strength, Gaussian or Poisson), libjpeg quality.
    """
    row = _describe_stage(parameters.first, 1) | _describe_stage(parameters.second, 2)
    final = parameters.final_kernel
    row['final_sinc'] = 'none' if final is None else final.kind
    if final is not None:
        row |= {'final_sinc_size': final.size, 'final_sinc_omega': final.omega}
    row['final_mode'] = parameters.final_mode
    row['final_order'] = 'sinc, jpeg' if parameters.sinc_before_jpeg else 'jpeg, sinc'
    row['severity'] = parameters.severity
    return row
