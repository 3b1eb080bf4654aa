"""Augmentation of a batch: each sample by its own seed, partners from the batch as it came."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .draw import RGB, Augmentation, draw_augmentation, partner_of
from .mixing import Images, box_around, box_inside, cutblur, cutmix, mixup, permute_rgb, resizemix
from .settings import AugmentSettings


def augment_batch(lq: Tensor, gt: Tensor, settings: AugmentSettings, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Augment a batch of pairs.

    What happens to a sample follows from its seed alone, but for its partner: that is a neighbour in the batch, and so
    another one where batches are made up otherwise.

    Args:
        lq: (B, 3, h, w) RGB in [0, 1].
        gt: (B, 3, h*scale, w*scale) RGB in [0, 1].
        settings: What is drawn.
        seeds: B non-negative integers.

    Returns:
        lq and gt, new tensors; those given where no sample is augmented.

    Raises:
        ValueError: Shapes or numbers that do not go together.
    """
    lq, gt = augment_images((lq, gt), settings, seeds)
    return lq, gt


def augment_images(images: Images, settings: AugmentSettings, seeds: Sequence[int], clean: int = 1) -> Images:
    """As :func:`augment_batch`, with any number of images that belong to lq.

    Args:
        images: lq (B, 3, h, w), and images (B, 3, h*scale, w*scale) such as gt and its sharpened copy.
        settings: What is drawn.
        seeds: B non-negative integers.
        clean: Which of the images lq was degraded from: cutblur shrinks that one.

    Raises:
        ValueError: Shapes or numbers that do not go together.
    """
    _check(images, seeds)
    if not settings.active:
        return images
    drawn = [draw_augmentation(settings, seed) for seed in seeds]
    if all(one.is_nothing for one in drawn):
        return images
    samples = [tuple(image[place] for image in images) for place in range(len(seeds))]
    results = [augment_sample(samples[place], samples[partner_of(one, place, len(seeds))], one, clean)
               for place, one in enumerate(drawn)]
    return tuple(torch.stack(parts) for parts in zip(*results, strict=True))


def augment_sample(images: Images, partners: Images, drawn: Augmentation, clean: int = 1) -> Images:
    """Apply what was drawn to one pair.

    Args:
        images: lq (3, h, w), gt (3, h*scale, w*scale) and so on.
        partners: The same of the sample that is taken in, as it was before anything was augmented.
        drawn: For this sample.
        clean: See :func:`augment_images`.
    """
    height, width = images[0].shape[-2:]
    if drawn.mix == 'mixup':
        images = mixup(images, partners, drawn.amount)
    elif drawn.mix == 'cutmix':
        images = cutmix(images, partners, box_around(height, width, drawn.amount, drawn.top, drawn.left))
    elif drawn.mix in ('cutblur', 'resizemix'):
        box = box_inside(height, width, drawn.amount, drawn.top, drawn.left)
        images = cutblur(images, box, drawn.inside, clean) if drawn.mix == 'cutblur' else \
            resizemix(images, partners, box)
    return images if drawn.order == RGB else permute_rgb(images, drawn.order)


def _check(images: Images, seeds: Sequence[int]) -> None:
    lq = images[0]
    if lq.ndim != 4 or lq.shape[1] != 3:
        raise ValueError(f'lq is {tuple(lq.shape)}; accepted: (B, 3, h, w)')
    if len(seeds) != len(lq):
        raise ValueError(f'{len(seeds)} seeds for a batch of {len(lq)}; accepted: one for each sample')
    height, width = lq.shape[-2:]
    for image in images[1:]:
        factor = image.shape[-1] // width
        if image.shape[:2] != lq.shape[:2] or factor < 1 or image.shape[-2:] != (height * factor, width * factor):
            raise ValueError(f'gt is {tuple(image.shape)}, lq {tuple(lq.shape)}; accepted: a gt whose sides are those '
                             'of lq times a whole number')
