"""Augmentation of training pairs by mixing them: drawn for each sample first, applied second.

``augment_batch(lq, gt, settings, seeds)`` does both; the parts are pure functions on lq (..., 3, h, w) and gt
(..., 3, h*scale, w*scale). Imports nothing else of effsr.
"""

from .batch import augment_batch, augment_images
from .draw import Augmentation, describe, draw_augmentation, partner_of
from .mixing import Box, cutblur, cutmix, mixup, permute_rgb, resizemix
from .settings import AugmentSettings

__all__ = [
    'AugmentSettings',
    'Augmentation',
    'Box',
    'augment_batch',
    'augment_images',
    'cutblur',
    'cutmix',
    'describe',
    'draw_augmentation',
    'mixup',
    'partner_of',
    'permute_rgb',
    'resizemix',
]
