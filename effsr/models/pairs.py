"""From a batch of the loader to the lq and gt of one training step; both models train on it."""
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from effsr.degradations import Degradation, PairPool, usm_sharpen
from effsr.options import Options

CROP_STREAM = 2  # the dataset's crop and the degradation draw from the same seed under other numbers


class Pairs(NamedTuple):
    """A training batch, RGB in [0, 1]: lq (B, 3, h, w); gt and its sharpened copy (B, 3, h*scale, w*scale)."""

    lq: Tensor
    gt: Tensor
    gt_usm: Tensor


def paired_crop(pairs: Pairs, seeds: list[int], gt_size: int, scale: int) -> Pairs:
    """Cut the same square out of lq and both gt, at another place in each image, drawn from its seed.

    Raises:
        ValueError: The images are smaller than gt_size.
    """
    height, width = pairs.lq.shape[-2:]
    size = gt_size // scale
    if min(height, width) < size:
        raise ValueError(f'gt_size {gt_size} does not fit into gt of {width * scale}x{height * scale}; lower gt_size '
                         'or raise datasets: train: crop_pad_size')
    corners = [np.random.default_rng([seed, CROP_STREAM]).integers((height - size + 1, width - size + 1))
               for seed in seeds]

    def cut(images: Tensor, factor: int) -> Tensor:
        side = size * factor
        return torch.stack([image[:, top * factor:top * factor + side, left * factor:left * factor + side]
                            for image, (top, left) in zip(images, corners, strict=True)])

    return Pairs(cut(pairs.lq, 1), cut(pairs.gt, scale), cut(pairs.gt_usm, scale))


class PairSource:
    """Makes the pairs of a training step: by degradation, or as the dataset gives them.

    Args:
        options: scale, gt_size, queue_size, degradation and high_order_degradation are read.
        device: Where the pairs are made and land.
        sharpen: Whether gt is sharpened (USM) before it is degraded; if not, gt_usm is gt.
    """

    def __init__(self, options: Options, device: torch.device, sharpen: bool):
        self.scale = options.scale
        self.gt_size = options.gt_size
        self.high_order = options.high_order_degradation
        self.sharpen = sharpen
        self.device = device
        # For batches of a user's own loop that bring no seeds.
        self.spare_seeds = np.random.default_rng([options.manual_seed, options.runtime.rank])
        self.degradation = Degradation(options.degradation, options.scale)
        # Each process has a pool of its own, and so slots of its own.
        self.pool = PairPool(options.queue_size, options.manual_seed + options.runtime.rank)

    @torch.no_grad()
    def __call__(self, data: Mapping[str, Any]) -> Pairs:
        """Make pairs from `gt` and `seed`; or take them from a batch that brings its own `lq`.

        Raises:
            ValueError: Degradation is off and the batch has no lq, or gt_size does not fit.
        """
        if 'lq' in data or not self.high_order:
            return self._given(data)
        if 'seed' in data:
            seeds = [int(seed) for seed in data['seed']]
        else:
            seeds = self.spare_seeds.integers(2**63, size=len(data['gt'])).tolist()
        gt = data['gt'].to(self.device, non_blocking=True)
        gt_usm = usm_sharpen(gt) if self.sharpen else gt
        lq, _ = self.degradation(gt_usm, seeds)
        pairs = Pairs(lq, gt, gt_usm)
        if self.gt_size is not None:
            pairs = paired_crop(pairs, seeds, self.gt_size, self.scale)
        return self._pool(pairs)

    def _given(self, data: Mapping[str, Any]) -> Pairs:
        if 'lq' not in data or 'gt' not in data:
            raise ValueError(f'a training batch of pairs has lq and gt, this one has {", ".join(data)}; use a '
                             'RealESRGANPairedDataset, or set high_order_degradation: true')
        lq = data['lq'].to(self.device, non_blocking=True)
        gt = data['gt'].to(self.device, non_blocking=True)
        (height, width), (gt_height, gt_width) = lq.shape[-2:], gt.shape[-2:]
        if (gt_height, gt_width) != (height * self.scale, width * self.scale):
            raise ValueError(f'gt is {gt_width}x{gt_height}, {self.scale} times lq is {width * self.scale}x'
                             f'{height * self.scale}; give pairs of scale {self.scale}')
        return Pairs(lq, gt, usm_sharpen(gt) if self.sharpen else gt)

    def _pool(self, pairs: Pairs) -> Pairs:
        if not self.sharpen:
            lq, gt = self.pool.exchange(pairs.lq, pairs.gt)
            return Pairs(lq, gt, gt)
        return Pairs(*self.pool.exchange(*pairs))
