"""What may be drawn: the options of second-order degradation, under Real-ESRGAN's names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

KernelKind = Literal['iso', 'aniso', 'generalized_iso', 'generalized_aniso', 'plateau_iso', 'plateau_aniso']
Range = tuple[float, float]

MIN_KERNEL_SIZE = 7
MAX_KERNEL_SIZE = 99
MAX_SEVERITY = 2

OWN_KEYS = frozenset({'where', 'mode', 'severity', 'jpeg_444_prob', 'jpeg_444_prob2'})
"""Settings that Real-ESRGAN does not have: its option files may spread the others over several sections."""

_KERNELS = ('iso', 'aniso', 'generalized_iso', 'generalized_aniso', 'plateau_iso', 'plateau_aniso')
_KERNEL_PROB = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)


def _shown(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _rule(kind: Any, unit: str, accepted: str, holds: Callable[[Any], bool], **limits: Any) -> Any:
    """A field type that refuses a value for which ``holds`` is false, in one line with what is accepted.

    ``limits`` say as much of the rule as JSON schema can, for editors.
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        if not holds(value):
            raise ValueError(f'{info.field_name} is {_shown(value)}; accepted: {accepted}')
        return value

    extra = {'unit': unit, 'accepted': accepted, **limits}
    return Annotated[kind, AfterValidator(check), Field(json_schema_extra=extra)]


def _range_rule(unit: str, accepted: str, holds: Callable[[float, float], bool], most: float) -> Any:
    return _rule(Range, unit, f'[low, high] with {accepted}', lambda r: r[0] <= r[1] and holds(r[0], r[1]),
                 items={'type': 'number', 'minimum': 0, 'maximum': most})


def _are_weights(weights: tuple[float, ...]) -> bool:
    return all(0 <= w < float('inf') for w in weights) and sum(weights) > 0


_WEIGHTS = 'non-negative weights with a positive sum'
_NON_NEGATIVE = {'type': 'number', 'minimum': 0}
_KernelSize = _rule(
    int,
    'pixels',
    f'an odd number from {MIN_KERNEL_SIZE} to {MAX_KERNEL_SIZE}',
    lambda size: size % 2 == 1 and MIN_KERNEL_SIZE <= size <= MAX_KERNEL_SIZE,
    minimum=MIN_KERNEL_SIZE,
    maximum=MAX_KERNEL_SIZE,
)
_KernelList = _rule(tuple[KernelKind, ...], 'names', 'one or more of ' + ', '.join(_KERNELS), bool, minItems=1)
_KernelWeights = _rule(
    tuple[float, ...],
    'weights',
    f'{_WEIGHTS}, one for each kernel of the list',
    _are_weights,
    items=_NON_NEGATIVE,
)
_ResizeWeights = _rule(
    tuple[float, float, float], 'weights', f'[up, down, keep], {_WEIGHTS}', _are_weights, items=_NON_NEGATIVE
)
_Probability = _rule(float, 'probability', '0 to 1', lambda p: 0 <= p <= 1, minimum=0, maximum=1)
_Where = Annotated[Literal['device', 'workers'], Field(json_schema_extra={'unit': 'place',
                                                                          'accepted': 'device or workers'})]
_SigmaRange = _range_rule('pixels', '0 < low <= high <= 100', lambda low, high: low > 0 and high <= 100, 100)
_BetaRange = _range_rule('shape exponent', '0 < low <= high <= 20', lambda low, high: low > 0 and high <= 20, 20)
_ResizeRange = _range_rule('factor', '0 < low <= 1 <= high <= 8', lambda low, high: 0 < low <= 1 <= high <= 8, 8)
_NoiseRange = _range_rule('levels of 255', '0 <= low <= high <= 255', lambda low, high: low >= 0 and high <= 255, 255)
_PoissonRange = _range_rule('factor', '0 <= low <= high <= 100', lambda low, high: low >= 0 and high <= 100, 100)
_JpegRange = _range_rule('libjpeg quality', '1 <= low <= high <= 100', lambda low, high: low >= 1 and high <= 100, 100)


_SEVERITY = f'0 to {MAX_SEVERITY}; [low, high] to draw it for each image; or a mapping of iterations to such numbers'


def _is_severity(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SEVERITY


def _severity(value: Any) -> Any:
    if isinstance(value, Mapping):
        fits = bool(value) and all(_is_severity(v) and isinstance(k, int) and not isinstance(k, bool) and k >= 0
                                   for k, v in value.items())
    elif isinstance(value, list | tuple):
        fits = len(value) == 2 and all(map(_is_severity, value)) and value[0] <= value[1]
    else:
        fits = _is_severity(value)
    if not fits:
        raise ValueError(f'severity is {_shown(value)}; accepted: {_SEVERITY}')
    return value


_Severity = Annotated[float | Range | dict[int, float], BeforeValidator(_severity),
                      Field(json_schema_extra={'unit': 'factor', 'accepted': _SEVERITY})]
_Mode = Annotated[Literal['per_image', 'batch'], Field(json_schema_extra={'unit': 'name',
                                                                          'accepted': 'per_image or batch'})]


def sinc_omega_from(size: int) -> float:
    """The lowest cutoff that is drawn for a sinc of this side: a small kernel cannot hold a lower one."""
    return math.pi / 3 if size < 13 else math.pi / 5


class Conflict(ValueError):
    """Settings that do not go together.

    Args:
        name: The option to change.
        message: What is wrong and what to do.
    """

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.location = (name,)


class DegradationSettings(BaseModel):
    """Distribution of second-order degradation (Real-ESRGAN, arXiv 2107.10833, section 3 and figure 2).

    Names and defaults are those of ``train_realesrnet_x4plus.yml``; a name that ends in 2 belongs to the second
    order. Frozen. An unknown name or a value out of range raises ``pydantic.ValidationError`` (a ``ValueError``)
    whose text gives, on one line, the value and what is accepted. In each field's ``json_schema_extra``, ``unit``
    and ``accepted`` hold the same as text.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    blur_kernel_size: _KernelSize = Field(21, description='largest kernel; sizes are drawn odd, from 7 to this')
    kernel_list: _KernelList = Field(_KERNELS, description='kinds of blur kernel drawn when the kernel is no sinc')
    kernel_prob: _KernelWeights = Field(_KERNEL_PROB, description='how often each kind of kernel_list is drawn')
    sinc_prob: _Probability = Field(0.1, description='how often the blur kernel is a sinc instead of a kind listed')
    blur_sigma: _SigmaRange = Field((0.2, 3.0), description='standard deviation of the kernel, drawn for each axis')
    betag_range: _BetaRange = Field((0.5, 4.0), description='shape of generalized Gaussians; 1 is the Gaussian')
    betap_range: _BetaRange = Field((1.0, 2.0), description='shape of plateau kernels')

    resize_prob: _ResizeWeights = Field((0.2, 0.7, 0.1), description='how often to enlarge, to shrink, to keep')
    resize_range: _ResizeRange = Field((0.15, 1.5), description='factor: shrinking from low to 1, enlarging to high')
    gaussian_noise_prob: _Probability = Field(0.5, description='how often noise is Gaussian; Poisson otherwise')
    noise_range: _NoiseRange = Field((1.0, 30.0), description='standard deviation of Gaussian noise')
    poisson_scale_range: _PoissonRange = Field((0.05, 3.0), description='factor on the Poisson noise')
    gray_noise_prob: _Probability = Field(0.4, description='how often noise is the same in all channels')
    jpeg_range: _JpegRange = Field((30.0, 95.0), description='quality of JPEG compression')

    second_blur_prob: _Probability = Field(0.8, description='how often the second order blurs at all')
    blur_kernel_size2: _KernelSize = Field(21, description='as blur_kernel_size, second order; and the final sinc')
    kernel_list2: _KernelList = Field(_KERNELS, description='as kernel_list, second order')
    kernel_prob2: _KernelWeights = Field(_KERNEL_PROB, description='as kernel_prob, second order')
    sinc_prob2: _Probability = Field(0.1, description='as sinc_prob, second order')
    blur_sigma2: _SigmaRange = Field((0.2, 1.5), description='as blur_sigma, second order')
    betag_range2: _BetaRange = Field((0.5, 4.0), description='as betag_range, second order')
    betap_range2: _BetaRange = Field((1.0, 2.0), description='as betap_range, second order')

    resize_prob2: _ResizeWeights = Field((0.3, 0.4, 0.3), description='as resize_prob, second order')
    resize_range2: _ResizeRange = Field((0.3, 1.2), description='as resize_range, on the size of the result')
    gaussian_noise_prob2: _Probability = Field(0.5, description='as gaussian_noise_prob, second order')
    noise_range2: _NoiseRange = Field((1.0, 25.0), description='as noise_range, second order')
    poisson_scale_range2: _PoissonRange = Field((0.05, 2.5), description='as poisson_scale_range, second order')
    gray_noise_prob2: _Probability = Field(0.4, description='as gray_noise_prob, second order')
    jpeg_range2: _JpegRange = Field((30.0, 95.0), description='as jpeg_range, second order')

    jpeg_444_prob: _Probability = Field(0.0, description='how often JPEG keeps the resolution of chroma (4:4:4) '
                                                         'instead of halving it (4:2:0)')
    jpeg_444_prob2: _Probability = Field(0.0, description='as jpeg_444_prob, second order')
    final_sinc_prob: _Probability = Field(0.8, description='how often a sinc filter goes with the final resize')

    where: _Where = Field('device', description='where training pairs are degraded: in the training step, or image by '
                                                'image in the data workers (RealESRGANDataset), beside the step')

    mode: _Mode = Field('per_image', description='batch: kind of resize and noise, resize factors, whether to blur '
                                                 'again and the final order are shared by a batch, as in Real-ESRGAN')
    severity: _Severity = Field(1.0, description='0: a plain resize, 1: as the settings say; linear between the '
                                                 'iterations of a mapping')

    @model_validator(mode='after')
    def _batches_are_together(self) -> DegradationSettings:
        if self.mode == 'batch' and self.where == 'workers':
            raise Conflict('where', 'workers degrade image by image, but mode is batch; set where: device, or mode: '
                                     'per_image')
        return self

    @model_validator(mode='after')
    def _one_weight_for_each_kernel(self) -> DegradationSettings:
        for suffix in ('', '2'):
            names = getattr(self, f'kernel_list{suffix}')
            weights = getattr(self, f'kernel_prob{suffix}')
            if len(names) != len(weights):
                name = f'kernel_prob{suffix}' if f'kernel_prob{suffix}' in self.model_fields_set else \
                    f'kernel_list{suffix}'
                raise Conflict(
                    name,
                    f'kernel_prob{suffix} is {_shown(weights)}, {len(weights)} weights; '
                    f'accepted: {len(names)}, one for each kernel of kernel_list{suffix}',
                )
        return self
