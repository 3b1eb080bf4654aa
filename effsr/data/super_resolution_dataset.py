"""Clean pairs for classical super-resolution: lq from its own folder, or made of gt by MATLAB-exact bicubic."""
from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import Field, model_validator
from torch.utils.data import Dataset

from effsr.data.dataset_options import open_gt, parse_dataset_options
from effsr.data.pair_reader import MadePairs, PairReader, SquaredImages, StoredPairs
from effsr.data.pair_sample import check_pairs, paired_sample, require_crop
from effsr.data.paired_dataset import PairedDatasetOptions, open_pairs
from effsr.options.schema import Conflict


class SuperResolutionDatasetOptions(PairedDatasetOptions):
    """Block of a SuperResolutionDataset."""

    required_roots = ('dataroot_gt',)

    resize_gt: int | None = Field(None, ge=8, description='Side of the square that every gt is first resized to, such '
                                        'as 512.')
    resize_lq: int | None = Field(None, ge=2, description='The same for lq, such as 256. Default with resize_gt: '
                                        'resize_gt / scale.')

    @model_validator(mode='after')
    def _sides_fit(self) -> 'SuperResolutionDatasetOptions':
        if self.resize_gt is None and self.resize_lq is not None:
            raise Conflict(('resize_lq',), 'resize_lq needs resize_gt; give both, or neither')
        lq = self.resize_lq or (self.resize_gt or 0) / self.scale
        if self.resize_gt is not None and self.resize_gt != lq * self.scale:
            raise Conflict(('resize_gt',), f'resize_gt {self.resize_gt} is not {self.scale} (scale) times {lq:g}; for '
                           f'example {int(lq) * self.scale}')
        if self.dataroot_lq is None and (self.meta_info_file is not None or self.filename_tmpl != '{}'):
            key = 'filename_tmpl' if self.meta_info_file is None else 'meta_info_file'
            raise Conflict((key,), f'{key} is for pictures of dataroot_lq, which is not given; take it out')
        return self


@DATASET_REGISTRY.register()
class SuperResolutionDataset(Dataset):
    """Pairs of a folder, or of two: crops with flips and rotations in training, whole pictures in validation.

    Without dataroot_lq, lq is made of gt as MATLAB's ``imresize(gt, 1 / scale, 'bicubic')`` makes it, to the bit, and
    only where it is needed: a crop's lq is that of the whole picture, cut out.

    Args:
        opt: The dataset's block of the option file, see :class:`SuperResolutionDatasetOptions`.

    Raises:
        ValueError: Missing or empty folder; pictures without a partner, of the wrong size, broken, or smaller than the
            crop (each named).

    A sample is a dict: ``lq`` (3, h, w) and ``gt`` (3, h*scale, w*scale) float32 RGB in [0, 1], ``lq_path``,
    ``gt_path``; in training also ``seed``.
    """

    options_class = SuperResolutionDatasetOptions
    draws_from_seed = True
    wants_gt_size = True

    def __init__(self, opt: Mapping[str, Any]):
        self.opt = opt
        self.options = options = parse_dataset_options(SuperResolutionDatasetOptions, opt)
        require_crop(options)
        self.pairs = _open(options)
        check_pairs(self.pairs, options)
        self.shares = self.pairs.gt.shares(options.weights)

    def __len__(self) -> int:
        return len(self.pairs)

    def where(self, index: int) -> str:
        """The gt that a sample is cut from."""
        return self.pairs.gt.where(index)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return paired_sample(self.pairs, index, self.options)


def _open(options: SuperResolutionDatasetOptions) -> PairReader:
    """The pairs; without lq made of gt; resized where that is asked for."""
    whole = options if options.resize_gt is None else options.model_copy(update={'cache_mb': 0})
    if options.dataroot_lq is None:
        gt = open_gt(whole)
        made = gt if options.resize_gt is None else SquaredImages(gt, options.resize_gt, options.cache_mb)
        return MadePairs(made, options.scale)
    pairs = open_pairs(whole)
    if options.resize_gt is None:
        return pairs
    lq_side = options.resize_gt // options.scale
    half = options.cache_mb // 2
    return StoredPairs(SquaredImages(pairs.lq, lq_side, half), SquaredImages(pairs.gt, options.resize_gt, half),
                       options.scale)
