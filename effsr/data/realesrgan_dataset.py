"""Clean crops for second-order degradation: the training data of RealESRNet and RealESRGAN."""
from collections.abc import Mapping
from typing import Any

import numpy as np
from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import Field, model_validator
from torch.utils.data import Dataset

from effsr.data.augment import CROP_STREAM, apply_flips, draw_corner, draw_flips
from effsr.data.dataset_options import ImageDatasetOptions, open_gt, parse_dataset_options
from effsr.data.image_io import to_tensor
from effsr.data.sampler import iteration_of, seed_of
from effsr.data.worker_pairs import WorkerPairs
from effsr.options.schema import Conflict


class RealESRGANDatasetOptions(ImageDatasetOptions):
    """Block of a RealESRGANDataset."""

    crop_pad_size: int = Field(400, ge=16, description='Side in pixels of the crop that is degraded.')
    gt_size: int | None = Field(None, ge=8, description='Must fit into crop_pad_size. Default: the top-level gt_size, '
                                      'the crop that is trained on.')

    @model_validator(mode='after')
    def _crops_fit(self) -> 'RealESRGANDatasetOptions':
        if self.crop_pad_size % self.scale:
            raise Conflict(('crop_pad_size',), f'crop_pad_size {self.crop_pad_size} is not divisible by scale '
                           f'{self.scale}; for example {self.crop_pad_size // self.scale * self.scale}')
        if self.gt_size is not None and self.gt_size > self.crop_pad_size:
            raise Conflict(('gt_size',), f'gt_size {self.gt_size} does not fit into crop_pad_size '
                           f'{self.crop_pad_size}; lower gt_size')
        return self


@DATASET_REGISTRY.register()
class RealESRGANDataset(Dataset):
    """Photographs of one or several folders or other storages, cropped, flipped and rotated.

    Each sample comes with the seed of its degradation.
    Kernels are not made here: they are drawn with every other parameter of the degradation from the sample's seed.

    Args:
        opt: The dataset's block of the option file, see :class:`RealESRGANDatasetOptions`.
        pairs: Makes lq here, in the process that reads (`degradation: where: workers`); None: the training step does.

    Raises:
        ValueError: Missing or empty folder, an image that is broken or smaller than the crop (each named).

    A sample is a dict: ``gt`` float32 (3, crop, crop) RGB in [0, 1], ``seed`` int in [0, 2**63), ``gt_path``. With
    pairs, ``lq`` and what else :class:`WorkerPairs` gives, ``gt`` being cut to the square that is trained on.
    """

    options_class = RealESRGANDatasetOptions
    draws_from_seed = True
    wants_gt_size = True
    makes_pairs = True

    def __init__(self, opt: Mapping[str, Any], pairs: WorkerPairs | None = None):
        self.opt = opt
        self.pairs = pairs
        self.options = parse_dataset_options(RealESRGANDatasetOptions, opt)
        self.images = open_gt(self.options)
        self.images.check(self.options.crop_pad_size, 'crop_pad_size', self.options.on_error)
        self.shares = self.images.shares(self.options.weights)

    def __len__(self) -> int:
        return len(self.images)

    def where(self, index: int) -> str:
        """The gt that a sample is cut from."""
        return self.images.where(index)

    def __getitem__(self, index: int) -> dict[str, Any]:
        gt, seed = self.crop(index)
        made = {'gt': to_tensor(gt)} if self.pairs is None else self.pairs(gt, seed, iteration_of(index))
        return {**made, 'seed': seed, 'gt_path': self.where(index)}

    def crop(self, index: int) -> tuple[np.ndarray, int]:
        """The sample's crop, (crop_pad_size, crop_pad_size, 3) uint8 RGB, and its seed."""
        seed = seed_of(index)
        rng = np.random.default_rng([seed, CROP_STREAM])
        self.images.require(index)
        size = self.options.crop_pad_size
        top, left = draw_corner(rng, *self.images.size(index), size)
        crop = self.images.window(index, top, left, size, size)
        return apply_flips(crop, draw_flips(rng, self.options.use_hflip, self.options.use_rot)), seed
