"""Pairs of lq and gt images: paired training, and validation sets such as Set5."""
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import Field, ValidationInfo, field_validator
from torch.utils.data import Dataset

from effsr.bridge import claim
from effsr.data.augment import apply_flips, draw_corner, draw_flips
from effsr.data.dataset_options import ImageDatasetOptions, parse_dataset_options
from effsr.data.image_check import inspect_images, raise_all, refuse
from effsr.data.image_io import to_tensor
from effsr.data.image_source import ImageCache, find_images, read_list
from effsr.data.sampler import seed_of
from effsr.options import OptionError

CROP_STREAM = 1

claim(DATASET_REGISTRY, 'PairedImageDataset')


def _by_name(paths: list[Path], root: str) -> dict[Path, Path]:
    """Files by their path below the root without extension, which must tell them apart."""
    found: dict[Path, Path] = {}
    for path in paths:
        name = path.relative_to(root).with_suffix('')
        if name in found:
            raise OptionError(f'{path}: {found[name].name} has the same name without extension; keep one of them')
        found[name] = path
    return found


class PairedDatasetOptions(ImageDatasetOptions):
    """Block of a PairedImageDataset."""

    required_roots = ('dataroot_gt', 'dataroot_lq')
    gives_lq = True

    gt_size: int | None = Field(None, ge=8, description='Side of a training crop of gt in pixels. Default: the '
                                      'top-level gt_size.')
    filename_tmpl: str = Field('{}', description="Name of lq without extension, {} standing for gt's: {}x4.")

    meta_info_file: str | None = Field(None, description="Text file as in BasicSR: names of gt, one a line, what "
                                                         "follows a blank is ignored; lq's names by filename_tmpl.")
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
        if options.phase == 'train' and options.gt_size is None:
            raise OptionError(f'datasets.{options.name}.gt_size: missing; training on pairs needs the side of a crop')
        if options.gt_size is not None and options.gt_size % options.scale:
            raise OptionError(f'datasets.{options.name}.gt_size: {options.gt_size} is not divisible by scale '
                              f'{options.scale}')
        self.pairs = self._match()
        self.cache = ImageCache(options.cache_mb, self._check())

    def _match(self) -> list[tuple[Path, Path]]:
        """(lq, gt) files: by the two columns of meta_info (gt, lq), by meta_info_file, or by name."""
        options = self.options
        if options.meta_info is not None:
            return self._listed_pairs()
        if options.meta_info_file is not None:
            return self._listed_by_name()
        gt_root, lq_root = options.dataroot_gt, options.dataroot_lq
        by_name = _by_name(find_images(gt_root, None), gt_root)
        lq_by_name = _by_name(find_images(lq_root, None, 'dataroot_lq'), lq_root)
        wanted = {path: name.with_name(options.filename_tmpl.format(name.name)) for name, path in by_name.items()}
        if options.on_error == 'fail':
            raise_all(f'{path}: no {name} in {lq_root}; add it, or set filename_tmpl'
                      for path, name in wanted.items() if name not in lq_by_name)
        return [(lq_by_name.get(name, Path(lq_root) / f'{name}{path.suffix}'), path) for path, name in wanted.items()]

    def _listed_pairs(self) -> list[tuple[Path, Path]]:
        options = self.options
        rows = [line.split(', ') for line in read_list(options.meta_info)]
        if any(len(row) != 2 for row in rows) or options.dataroot_gt is None or options.dataroot_lq is None:
            raise OptionError(f'{options.meta_info}: meta_info of pairs has lines "GT, LQ", relative to dataroot_gt '
                              'and dataroot_lq')
        return [(Path(options.dataroot_lq) / lq.strip(), Path(options.dataroot_gt) / gt.strip()) for gt, lq in rows]

    def _listed_by_name(self) -> list[tuple[Path, Path]]:
        """BasicSR's list: `name.png (480,480,3)`, the name of gt below dataroot_gt."""
        options = self.options
        gt_paths = find_images(options.dataroot_gt, options.meta_info_file)
        names = [path.relative_to(options.dataroot_gt) for path in gt_paths]
        lq_root = Path(options.dataroot_lq)
        return [(lq_root / name.with_name(options.filename_tmpl.format(name.stem) + name.suffix), path)
                for name, path in zip(names, gt_paths, strict=True)]

    def _check(self) -> dict[Path, str]:
        """What is wrong with a pair, under the path of its gt; empty unless on_error is skip."""
        options = self.options
        smallest = (options.gt_size or 0) if options.phase == 'train' else 0
        gt_found = inspect_images([gt for _, gt in self.pairs], smallest, 'gt_size')
        lq_found = inspect_images([lq for lq, _ in self.pairs], smallest // options.scale, 'gt_size / scale =')
        problems: dict[Path, str] = {}
        for (lq, gt), gt_size, lq_size in zip(self.pairs, gt_found, lq_found, strict=True):
            problem = gt_size if isinstance(gt_size, str) else lq_size if isinstance(lq_size, str) else \
                self._wrong_size(lq, gt, lq_size, gt_size)
            if problem is not None:
                problems[gt] = problem
        refuse(problems, len(self.pairs), options.on_error)
        return problems

    def _wrong_size(self, lq: Path, gt: Path, lq_size: tuple[int, int], gt_size: tuple[int, int]) -> str | None:
        scale = self.options.scale
        slack = 1 if self.options.phase == 'train' else scale  # a validation gt is cropped to fit its lq
        if all(0 <= g - q * scale < slack for g, q in zip(gt_size, lq_size, strict=True)):
            return None
        return (f'{gt}: {gt_size[1]}x{gt_size[0]} is not {scale} times {lq} ({lq_size[1]}x{lq_size[0]}); make lq from '
                'gt again, or take both out')

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        lq_path, gt_path = self.pairs[index]
        gt, lq = self.cache.read(gt_path), self.cache.read(lq_path)
        scale = self.options.scale
        sample: dict[str, Any] = {'lq_path': str(lq_path), 'gt_path': str(gt_path)}
        if self.options.phase == 'train':
            sample['seed'] = seed_of(index)
            rng = np.random.default_rng([sample['seed'], CROP_STREAM])
            size = self.options.gt_size // scale
            top, left = draw_corner(rng, *lq.shape[:2], size)
            flips = draw_flips(rng, self.options.use_hflip, self.options.use_rot)
            lq = apply_flips(lq[top:top + size, left:left + size], flips)
            gt = apply_flips(gt[top * scale:(top + size) * scale, left * scale:(left + size) * scale], flips)
        else:
            gt = gt[:lq.shape[0] * scale, :lq.shape[1] * scale]
        return {'lq': to_tensor(lq), 'gt': to_tensor(gt), **sample}


@DATASET_REGISTRY.register()
class RealESRGANPairedDataset(PairedImageDataset):
    """The same under the name that Real-ESRGAN's option files use for fine-tuning on pairs."""
