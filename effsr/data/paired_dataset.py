"""Pairs of lq and gt images: paired training, and validation sets such as Set5."""
from collections.abc import Mapping
from typing import Any, Literal

from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import Field, ValidationInfo, field_validator
from torch.utils.data import Dataset

from effsr.bridge import claim
from effsr.data.dataset_options import ImageDatasetOptions, parse_dataset_options
from effsr.data.image_set import ImageSet
from effsr.data.image_source import as_list
from effsr.data.pair_matching import Rules, match_by_list, match_by_name, match_by_rows
from effsr.data.pair_reader import StoredPairs
from effsr.data.pair_sample import check_pairs, paired_sample, require_crop
from effsr.options import OptionError

claim(DATASET_REGISTRY, 'PairedImageDataset')


class PairedDatasetOptions(ImageDatasetOptions):
    """Block of a PairedImageDataset."""

    required_roots = ('dataroot_gt', 'dataroot_lq')
    gives_lq = True

    gt_size: int | None = Field(None, ge=8, description='Side of a training crop of gt in pixels. Default: the '
                                      'top-level gt_size.')
    filename_tmpl: str = Field('{}', description="Name of lq without extension, {} standing for gt's: {}x4.")

    meta_info_file: str | tuple[str, ...] | None = Field(
        None, description="Text file as in BasicSR: names of gt, one a line, what follows a blank is ignored; lq's "
                          "names by filename_tmpl.")
    mean: tuple[float, ...] | None = Field(None, description="BasicSR's, without effect here: images stay in [0, 1].")
    std: tuple[float, ...] | None = Field(None, description="BasicSR's, without effect here: images stay in [0, 1].")
    color: Literal['rgb'] | None = Field(None, description="BasicSR's, without effect here: images are RGB.")

    @field_validator('mean', 'std')
    @classmethod
    def _no_normalisation(cls, value: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        if value is not None and set(value) != {0.0 if info.field_name == 'mean' else 1.0}:
            raise ValueError('images stay in [0, 1] here; take it out, or use type: PairedImageDataset_basicsr, which '
                             'normalises')
        return value

    @field_validator('color', mode='before')
    @classmethod
    def _no_luma(cls, value: Any) -> Any:
        if value == 'y':
            raise ValueError('images are RGB here; take it out, or use type: PairedImageDataset_basicsr, which gives '
                             'luma')
        return value

    @field_validator('filename_tmpl')
    @classmethod
    def _one_name(cls, value: str) -> str:
        if value.count('{}') != 1 or set(value.replace('{}', '')) & set('{}'):
            raise ValueError(f"{value!r} has no place for gt's name; accepted: one {{}} in it, as in {{}}x4")
        return value


@DATASET_REGISTRY.register()
class PairedImageDataset(Dataset):
    """Pairs matched by name (subfolders included): crops with flips in training, whole images in validation.

    Args:
        opt: The dataset's block of the option file, see :class:`PairedDatasetOptions`.

    Raises:
        ValueError: Missing or empty folder; images without a partner, of the wrong size, broken, or smaller than the
            crop (each named).

    A sample is a dict: ``lq`` (3, h, w) and ``gt`` (3, h*scale, w*scale) float32 RGB in [0, 1], ``lq_path``,
    ``gt_path``; in training also ``seed``.
    """

    options_class = PairedDatasetOptions
    draws_from_seed = True
    wants_gt_size = True

    def __init__(self, opt: Mapping[str, Any]):
        self.opt = opt
        self.options = options = parse_dataset_options(PairedDatasetOptions, opt)
        require_crop(options)
        self.pairs = open_pairs(options)
        check_pairs(self.pairs, options)
        self.shares = self.pairs.gt.shares(options.weights)

    def __len__(self) -> int:
        return len(self.pairs)

    def where(self, index: int) -> str:
        """The gt that a sample is cut from."""
        return self.pairs.gt.where(index)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return paired_sample(self.pairs, index, self.options)


def open_pairs(options: PairedDatasetOptions) -> StoredPairs:
    """Match the pictures of each pair of folders.

    Raises:
        ValueError: A folder or a list is missing or cannot be read; pictures without a partner or with two.
    """
    for key in ('dataroot_gt', 'dataroot_lq'):
        if getattr(options, key) is None:
            raise OptionError(f'{key}: missing; give the folder of images')
    rules = Rules(options.storage, options.alpha, options.filename_tmpl, options.on_error)
    places = list(zip(as_list(options.dataroot_gt), as_list(options.dataroot_lq), strict=True))
    for key, match in (('meta_info', match_by_rows), ('meta_info_file', match_by_list)):
        lists = as_list(getattr(options, key))
        if lists and len(lists) != len(places):
            raise OptionError(f'{key}: {len(lists)} lists for {len(places)} folders of dataroot_gt; accepted: one for '
                              'each')
        if lists:
            matched = [match(*roots, file, rules) for roots, file in zip(places, lists, strict=True)]
            break
    else:
        matched = [match_by_name(*roots, rules) for roots in places]
    lq, gt = zip(*matched, strict=True)
    return StoredPairs(ImageSet(lq, options.cache_mb // 2), ImageSet(gt, options.cache_mb // 2), options.scale)


@DATASET_REGISTRY.register()
class RealESRGANPairedDataset(PairedImageDataset):
    """The same under the name that Real-ESRGAN's option files use for fine-tuning on pairs."""
