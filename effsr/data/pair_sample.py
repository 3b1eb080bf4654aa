"""From a pair of pictures to a sample: the same crop and flips of both in training, whole pictures in validation."""
from typing import Any, Protocol

import numpy as np

from effsr.data.augment import CROP_STREAM, apply_flips, draw_corner, draw_flips
from effsr.data.image_io import to_tensor
from effsr.data.pair_reader import PairReader
from effsr.data.sampler import seed_of
from effsr.options import OptionError


class CropOptions(Protocol):
    """The options of a dataset of pairs that a sample depends on."""

    name: str
    phase: str
    scale: int
    gt_size: int | None
    use_hflip: bool
    on_error: str
    use_rot: bool


def require_crop(options: CropOptions) -> None:
    """Check that a training set has a side of crops that its scale divides.

    Raises:
        OptionError: It has not.
    """
    if options.phase == 'train' and options.gt_size is None:
        raise OptionError(f'datasets.{options.name}.gt_size: missing; training on pairs needs the side of a crop')
    if options.gt_size is not None and options.gt_size % options.scale:
        raise OptionError(f'datasets.{options.name}.gt_size: {options.gt_size} is not divisible by scale '
                          f'{options.scale}')


def crop_side(options: CropOptions) -> int:
    """Side of the crops of gt; 0 where pictures stay whole."""
    return (options.gt_size or 0) if options.phase == 'train' else 0


def check_pairs(pairs: PairReader, options: CropOptions) -> None:
    """Look at all pairs before the first sample.

    Raises:
        ImageError: Pairs that cannot be used, as on_error says; see :meth:`PairReader.check`.
    """
    slack = 1 if options.phase == 'train' else options.scale  # a validation gt is cropped to fit its lq
    pairs.check(crop_side(options), slack, options.on_error)


def paired_sample(pairs: PairReader, index: int, options: CropOptions) -> dict[str, Any]:
    """One sample.

    Returns:
        ``lq`` (3, h, w) and ``gt`` (3, h*scale, w*scale) float32 RGB in [0, 1], ``lq_path``, ``gt_path``; in training
        also ``seed``, from which corner and flips were drawn.

    Raises:
        ImageError: A picture cannot be read.
    """
    pairs.gt.require(index)
    sample: dict[str, Any] = {'lq_path': pairs.lq_path(index), 'gt_path': pairs.gt.where(index)}
    if options.phase != 'train':
        lq, gt = pairs.whole(index)
        return {'lq': to_tensor(lq), 'gt': to_tensor(gt), **sample}
    seed = seed_of(index)
    rng = np.random.default_rng([seed, CROP_STREAM])
    size = options.gt_size // options.scale
    top, left = draw_corner(rng, *pairs.lq_size(index), size)
    pair = pairs.window(index, top, left, size, size)
    flips = draw_flips(rng, options.use_hflip, options.use_rot)
    lq, gt = (to_tensor(apply_flips(image, flips)) for image in pair)
    return {'lq': lq, 'gt': gt, **sample, 'seed': seed}
