"""Draw what happens to one sample from its seed, before anything is applied."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .settings import MIXES, PARTNERED, AugmentSettings

STREAM = 0x61756772
"""Keeps these draws apart from others made from the same seed (crops, flips, degradation)."""

RGB = (0, 1, 2)
ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
CUTBLUR_DEVIATION = 0.01
"""Of the side of CutBlur's rectangle (arXiv 2004.00448)."""

_UNIFORMS = 7


class Augmentation(NamedTuple):
    """What one sample gets.

    Attributes:
        mix: mixup, cutmix, cutblur or resizemix; or none.
        amount: Of mixup the share of the sample itself; of the others the side of the rectangle as a share of the
            image's; 0 of none.
        partner: Which other sample of the batch is taken in, in [0, 1): see :func:`partner_of`.
        top, left: Where the rectangle is, in [0, 1) of the places that it may have.
        inside: Of cutblur, whether lq is replaced inside of the rectangle; else outside.
        order: Which channel stands in place of red, green and blue.
    """

    mix: str
    amount: float
    partner: float
    top: float
    left: float
    inside: bool
    order: tuple[int, int, int]

    @property
    def is_nothing(self) -> bool:
        """Whether the sample stays what it is."""
        return self.mix == 'none' and self.order == RGB

    @property
    def takes_partner(self) -> bool:
        """Whether another sample of the batch is taken in."""
        return self.mix in PARTNERED


def draw_augmentation(settings: AugmentSettings, seed: int) -> Augmentation:
    """What the sample of this seed gets: the same for the same seed and settings.

    Args:
        settings: Probabilities and parameters.
        seed: A non-negative integer.
    """
    rng = np.random.default_rng([seed, STREAM])
    # As many numbers whatever is drawn: a method that is switched on leaves the others what they were.
    which, partner, top, left, side, permuted, order = rng.random(_UNIFORMS).tolist()
    mix = _choose(settings, which)
    return Augmentation(mix, _amount(settings, mix, rng), partner, top, left, side < 0.5,
                        ORDERS[int(order * len(ORDERS))] if permuted < settings.rgb_permutation else RGB)


def _choose(settings: AugmentSettings, uniform: float) -> str:
    for name in MIXES:
        uniform -= getattr(settings, name)
        if uniform < 0:
            return name
    return 'none'


def _amount(settings: AugmentSettings, mix: str, rng: np.random.Generator) -> float:
    """Drawn last, as a Beta or normal number takes any count of bits from the generator."""
    if mix == 'mixup':
        return float(rng.beta(settings.mixup_alpha, settings.mixup_alpha))
    if mix == 'cutmix':
        return float(np.sqrt(1 - rng.beta(settings.cutmix_alpha, settings.cutmix_alpha)))
    if mix == 'cutblur':
        return float(np.clip(rng.normal(settings.cutblur_side, CUTBLUR_DEVIATION), 0, 1))
    return float(rng.uniform(*settings.resizemix_range)) if mix == 'resizemix' else 0.0


def partner_of(drawn: Augmentation, place: int, count: int) -> int:
    """Which sample is taken in by the one at a place of a batch: one of the others; itself if it is alone."""
    return (place + 1 + int(drawn.partner * (count - 1))) % count


def describe(drawn: Augmentation, partner: str = 'another') -> str:
    """What was drawn, in a few words; empty for nothing.

    Args:
        drawn: Of one sample.
        partner: What the sample that is taken in is called.
    """
    words = {
        'none': '',
        'mixup': f'mixup: {1 - drawn.amount:.0%} of {partner}',
        'cutmix': f'cutmix: {drawn.amount:.0%} of the side from {partner}',
        'cutblur': f'cutblur: lq is gt {"inside" if drawn.inside else "outside"} of {drawn.amount:.0%} of the side',
        'resizemix': f'resizemix: {partner} at {drawn.amount:.0%}',
    }[drawn.mix]
    colours = '' if drawn.order == RGB else 'channels ' + ''.join('RGB'[channel] for channel in drawn.order)
    return ', '.join(filter(None, (words, colours)))
