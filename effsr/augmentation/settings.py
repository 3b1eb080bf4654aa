"""What may be drawn: the options of augmentation, each method's own parameters with their source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

MIXES = ('mixup', 'cutmix', 'cutblur', 'resizemix')
"""Of these a sample gets one at most; which one is drawn by their probabilities."""

PARTNERED = ('mixup', 'cutmix', 'resizemix')
"""Those that take another sample of the batch in."""

_SLACK = 1e-9  # 0.1 + 0.2 + 0.7 is more than 1


class Conflict(ValueError):
    """Settings that do not go together.

    Args:
        name: The option to change.
        message: What is wrong and what to do.
    """

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.location = (name,)


def _rule(kind: Any, unit: str, accepted: str, holds: Callable[[Any], bool], **limits: Any) -> Any:
    """A field type that refuses a value for which ``holds`` is false, in one line with what is accepted.

    ``limits`` say as much of the rule as JSON schema can, for editors.
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        if not holds(value):
            shown = list(value) if isinstance(value, tuple) else value
            raise ValueError(f'{info.field_name} is {shown}; accepted: {accepted}')
        return value

    extra = {'unit': unit, 'accepted': accepted, **limits}
    return Annotated[kind, AfterValidator(check), Field(json_schema_extra=extra)]


_Probability = _rule(float, 'probability', '0 to 1', lambda p: 0 <= p <= 1, minimum=0, maximum=1)
_Alpha = _rule(float, 'parameter of a Beta distribution', '0.01 to 100', lambda a: 0.01 <= a <= 100, minimum=0.01,
               maximum=100)
_Side = _rule(float, 'share of the side', '0.05 to 0.95', lambda s: 0.05 <= s <= 0.95, minimum=0.05, maximum=0.95)
_SideRange = _rule(tuple[float, float], 'share of the side', '[low, high] with 0 < low <= high <= 1',
                   lambda r: 0 < r[0] <= r[1] <= 1, items={'type': 'number', 'minimum': 0, 'maximum': 1})


class AugmentSettings(BaseModel):
    """Which samples of a batch are augmented, and how; all off by default.

    Probabilities are for each sample. Of mixup, cutmix, cutblur and resizemix it gets one at most, so that theirs add
    up to 1 at most; the colour channels are permuted independently of them. Frozen. An unknown name, a value out of
    range or a sum above 1 raises ``pydantic.ValidationError`` (a ``ValueError``) that says what is accepted.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    mixup: _Probability = Field(0.0, description='how often a sample is blended with another of its batch '
                                                 '(arXiv 1710.09412)')
    cutmix: _Probability = Field(0.0, description='how often a rectangle of a sample is that of another '
                                                  '(arXiv 1905.04899)')
    cutblur: _Probability = Field(0.0, description='how often lq is replaced by gt, made small without degradation, '
                                                   'inside or outside of a rectangle (arXiv 2004.00448)')
    resizemix: _Probability = Field(0.0, description='how often another sample, made smaller, is put into one '
                                                     '(arXiv 2012.11101)')
    rgb_permutation: _Probability = Field(0.0, description='how often red, green and blue are put into one of their '
                                                           'six orders (arXiv 2004.00448)')
    mixup_alpha: _Alpha = Field(1.2, description='share of the sample itself is Beta(alpha, alpha); 1.2 as in '
                                                 'arXiv 2004.00448, for super-resolution')
    cutmix_alpha: _Alpha = Field(1.0, description='area outside of the rectangle is Beta(alpha, alpha), before the '
                                                  'image cuts it; 1 as in arXiv 1905.04899')
    cutblur_side: _Side = Field(0.7, description='side of the rectangle, on average; drawn with a standard deviation '
                                                 'of 0.01, as in arXiv 2004.00448')
    resizemix_range: _SideRange = Field((0.1, 0.8), description='side of the small sample, drawn evenly; as in '
                                                                'arXiv 2012.11101')

    @model_validator(mode='after')
    def _one_of_them(self) -> AugmentSettings:
        total = sum(getattr(self, name) for name in MIXES)
        if total > 1 + _SLACK:
            largest = max(MIXES, key=lambda name: getattr(self, name))
            raise Conflict(largest, f'the probabilities of {", ".join(MIXES)} add up to {total:g}; accepted: 1 in all, '
                                    'as a sample gets one of them at most')
        return self

    @property
    def active(self) -> bool:
        """Whether anything is drawn at all."""
        return any(getattr(self, name) > 0 for name in (*MIXES, 'rgb_permutation'))

    @property
    def needs_partner(self) -> bool:
        """Whether other samples of the batch are taken in, so that a batch needs two."""
        return any(getattr(self, name) > 0 for name in PARTNERED)
