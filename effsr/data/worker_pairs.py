"""Pairs made where the images are read: degradation in the data workers instead of the training step."""
from typing import Any

import numpy as np
import torch

from effsr.data.image_io import to_tensor
from effsr.degradations.crop import draw_lq_corner
from effsr.degradations.draw import draw_parameters
from effsr.degradations.host import degrade_host, usm_sharpen_host
from effsr.degradations.settings import DegradationSettings
from effsr.degradations.severity import severity_at
from effsr.options import Options
from effsr.options.components import MODEL


class WorkerPairs:
    """Makes the pair of one sample, with the parameters and the crop that the training step would have drawn.

    Args:
        settings: What is drawn.
        scale: Factor between gt and lq.
        gt_size: Side of the square that is trained on, or None for the whole image.
        sharpen: Whether gt is sharpened (USM) before it is degraded.
    """

    def __init__(self, settings: DegradationSettings, scale: int, gt_size: int | None, sharpen: bool):
        self.settings = settings
        self.scale = scale
        self.gt_size = gt_size
        self.sharpen = sharpen

    def __call__(self, gt: np.ndarray, seed: int, iteration: int) -> dict[str, Any]:
        """Degrade and cut.

        Args:
            gt: (H, W, 3) uint8 RGB, sides divisible by scale and at least gt_size.
            seed: The sample's.
            iteration: The training's that the sample is for, which a schedule of severity follows.

        Returns:
            ``lq`` (3, h, w) and ``gt`` (3, h*scale, w*scale), float32 RGB in [0, 1]; with sharpen ``gt_usm`` besides;
            ``degraded`` True, by which such a batch is told from one of a user's own pairs; and ``severity``, with
            which and with the seed the parameters can be drawn again.
        """
        parameters = draw_parameters(self.settings, seed, severity_at(self.settings, iteration))
        sharp = usm_sharpen_host(gt) if self.sharpen else None
        lq = degrade_host(gt if sharp is None else sharp, parameters, self.scale)
        if self.gt_size is not None:
            size = self.gt_size // self.scale
            top, left = draw_lq_corner(seed, *lq.shape[:2], size)
            lq, gt = _cut(lq, top, left, size, 1), _cut(gt, top, left, size, self.scale)
            sharp = None if sharp is None else _cut(sharp, top, left, size, self.scale)
        pair = {'lq': to_tensor(lq), 'gt': to_tensor(gt), 'degraded': True, 'severity': parameters.severity}
        if sharp is not None:
            pair['gt_usm'] = torch.from_numpy(np.ascontiguousarray(sharp.transpose(2, 0, 1)))
        return pair


def _cut(image: np.ndarray, top: int, left: int, size: int, factor: int) -> np.ndarray:
    return image[top * factor:(top + size) * factor, left * factor:(left + size) * factor]


def made_in_workers(options: Options) -> bool:
    """Whether the run's training pairs are made in the data workers."""
    return options.high_order_degradation and options.degradation.where == 'workers'


def sharpened(options: Options) -> bool:
    """Whether the run's model degrades sharpened gt."""
    sharpens = getattr(MODEL.known().get(options.model_type), 'sharpens', None)
    return sharpens is not None and bool(sharpens(options))


def worker_pairs(options: Options) -> WorkerPairs:
    """What makes the pairs of a run in its workers."""
    return WorkerPairs(options.degradation, options.scale, options.gt_size, sharpened(options))
