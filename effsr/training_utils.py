"""The plain Python way in, for scripts and notebooks: loaders and a loss, without option files.

    loaders = build_dataloaders(DataloaderConfig(hr_dir=Path('datasets/train'), scale=4))
    loss = build_loss(LossConfig())
    for batch in loaders['train']:
        total, components = loss(network(batch['lq']), batch['gt'])
"""
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Subset

import effsr  # noqa: F401  installs the bridge
from effsr.augmentation import AugmentSettings, augment_batch
from effsr.data.epochs import EpochSampler
from effsr.data.loaders import start_worker
from effsr.data.sampler import TrainSampler
from effsr.data.super_resolution_dataset import SuperResolutionDataset
from effsr.data.tolerant import TolerantDataset, collate
from effsr.losses.composite_loss import CompositeLoss

NO_END = 2**62  # iterations
Paths = str | PathLike | Sequence[str | PathLike]
# Option of an option file -> what it is called here, for messages.
OUR_WORDS = {'dataroot_gt': 'hr_dir', 'dataroot_lq': 'lr_dir', 'gt_size': 'crop_size', 'resize_gt': 'hr_size',
             'resize_lq': 'lr_size', 'use_hflip': 'flip', 'use_rot': 'rotate', 'batch_size_per_gpu': 'batch_size',
             'dataset_enlarge_ratio': 'repeat'}


@dataclass(frozen=True)
class DataloaderConfig:
    """What a loader reads, and how.

    Attributes:
        hr_dir: High-resolution pictures: a folder (with its subfolders), an LMDB, a packed set or tar shards; or a list
            of them.
        lr_dir: Low-resolution pictures of the same names, or None: made of HR by MATLAB-exact bicubic.
        batch_size: Samples in a batch. Of a validation without hr_size one, as whole pictures differ in size.
        scale: HR over LR.
        crop_size: Side of a training crop of HR in pixels; LR's is crop_size / scale.
        flip: Whether training crops are flipped left-right at random.
        rotate: Whether they are flipped up-down and rotated by 90 degrees at random.
        hr_size: Side of the square that every HR is first resized to, such as 512; None: as it is.
        lr_size: The same for LR, such as 256; None: hr_size / scale.
        augment: Mixing of the samples of a batch, for example AugmentSettings(cutmix=0.3).
        repeat: How often an epoch goes through the pictures.
        weights: Of several folders the share of the samples that each gives; None: every picture counts the same.
        filename_tmpl: Name of LR without extension, {} standing for HR's: '{}x4'.
        alpha: What transparent pictures are laid on: white, black or gray; or drop, or refuse.
        on_error: fail, or skip: pictures found unusable are told and left out, and in training another one stands for
            one that turns out to be broken.
        cache_mb: Decoded pictures kept in memory, in MB for each worker.
        num_workers: Processes that read; 0: this one.
        pin_memory: Pinned host memory, for faster copies to a GPU.
        seed: Of order, crops, flips and augmentation; the same seed gives the same batches.
    """

    hr_dir: Paths
    lr_dir: Paths | None = None
    batch_size: int = 8
    scale: int = 4
    crop_size: int = 256
    flip: bool = True
    rotate: bool = True
    hr_size: int | None = None
    lr_size: int | None = None
    augment: AugmentSettings = AugmentSettings()
    repeat: int = 1
    weights: Sequence[float] | None = None
    filename_tmpl: str = '{}'
    alpha: str = 'white'
    on_error: str = 'fail'
    cache_mb: int = 256
    num_workers: int = 0
    pin_memory: bool = False
    seed: int = 0


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of :class:`effsr.losses.composite_loss.CompositeLoss`; 0 leaves one out."""

    pixel_weight: float = 1.0
    charbonnier_weight: float = 0.5
    tv_weight: float = 0.1
    ms_ssim_weight: float = 0.0
    fft_weight: float = 0.0
    gradient_weight: float = 0.0
    wavelet_weight: float = 0.0


def build_dataloaders(train_conf: DataloaderConfig,
                      val_conf: DataloaderConfig | None = None) -> dict[str, DataLoader | None]:
    """Build the loaders of a training.

    Args:
        train_conf: Of the training set. Each pass over its loader is another epoch, in another order; the incomplete
            last batch is left out.
        val_conf: Of the validation set, or None. Its pictures come whole and in order, without crops and flips.

    Returns:
        ``train`` and ``val``, None without val_conf. A batch is a dict: ``lq`` (B, 3, h, w) and ``gt`` (B, 3, h*scale,
        w*scale) float32 RGB in [0, 1], ``lq_path``, ``gt_path``; in training ``seed`` besides.

    Raises:
        ValueError: Folders that are missing or empty; pictures that are broken, too small for a crop, or without a
            partner, each named; fewer pictures than a batch needs.
    """
    return {'train': _train_loader(train_conf), 'val': None if val_conf is None else _val_loader(val_conf)}


def build_loss(conf: LossConfig = LossConfig()) -> CompositeLoss:
    """Build a loss: ``loss(pred, target)`` gives the total and a dict of its terms for a log.

    Raises:
        ValueError: A weight that is no weight, or all of them 0.
    """
    return CompositeLoss(**asdict(conf))


def _train_loader(conf: DataloaderConfig) -> DataLoader:
    _check_counts(conf)
    dataset = _dataset(conf, 'train')
    count = len(dataset) * conf.repeat
    if count < conf.batch_size:
        raise ValueError(f'hr_dir: {count} pictures ({len(dataset)} x repeat {conf.repeat}) are fewer than a batch; '
                         f'lower batch_size ({conf.batch_size}), or set repeat to '
                         f'{-(-conf.batch_size // len(dataset))}')
    sampler = TrainSampler(len(dataset), conf.batch_size, NO_END, conf.repeat, conf.seed,
                           shares=dataset.dataset.shares)
    return _loader(dataset, conf, conf.batch_size, partial(_collate, conf.augment), EpochSampler(sampler))


def _val_loader(conf: DataloaderConfig) -> DataLoader:
    _check_counts(conf)
    dataset = _dataset(conf, 'val').dataset
    usable = [index for index in range(len(dataset)) if index not in dataset.pairs.gt.refused]
    size = conf.batch_size if conf.hr_size is not None else 1
    return _loader(Subset(dataset, usable), conf, size, collate, None)


def _loader(dataset: Dataset, conf: DataloaderConfig, batch_size: int, collate_fn: Callable[[Any], Any],
            sampler: EpochSampler | None) -> DataLoader:
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler, collate_fn=collate_fn,
                      generator=torch.Generator().manual_seed(conf.seed % 2**63), num_workers=conf.num_workers,
                      pin_memory=conf.pin_memory, drop_last=sampler is not None,
                      persistent_workers=conf.num_workers > 0, worker_init_fn=start_worker)


def _dataset(conf: DataloaderConfig, phase: str) -> TolerantDataset:
    block = {'type': 'SuperResolutionDataset', 'name': phase, 'phase': phase, 'scale': conf.scale,
             'dataroot_gt': _as_text(conf.hr_dir), 'dataroot_lq': _as_text(conf.lr_dir),
             'gt_size': conf.crop_size if phase == 'train' else None, 'use_hflip': conf.flip, 'use_rot': conf.rotate,
             'resize_gt': conf.hr_size, 'resize_lq': conf.lr_size, 'filename_tmpl': conf.filename_tmpl,
             'weights': conf.weights, 'alpha': conf.alpha, 'on_error': conf.on_error, 'cache_mb': conf.cache_mb}
    try:
        return TolerantDataset(SuperResolutionDataset(block), phase)
    except ValueError as error:
        raise ValueError(_in_our_words(str(error), phase)) from error


def _check_counts(conf: DataloaderConfig) -> None:
    for name, least in (('batch_size', 1), ('repeat', 1), ('num_workers', 0), ('seed', 0)):
        value = getattr(conf, name)
        if not isinstance(value, int) or value < least:
            raise ValueError(f'{name}: {value!r}; accepted: a whole number, {least} or more')


def _as_text(paths: Paths | None) -> str | list[str] | None:
    if paths is None or isinstance(paths, str | PathLike):
        return None if paths is None else str(paths)
    return [str(path) for path in paths]


def _in_our_words(message: str, phase: str) -> str:
    """A dataset's message with the names of DataloaderConfig."""
    message = message.replace(f'datasets.{phase}.', '').replace(f'datasets.{phase}: ', '')
    return re.sub('|'.join(OUR_WORDS), lambda found: OUR_WORDS[found[0]], message)


def _collate(augment: AugmentSettings, samples: Sequence[Any]) -> dict[str, Any]:
    batch = dict(collate(samples))
    batch['lq'], batch['gt'] = augment_batch(batch['lq'], batch['gt'], augment, batch['seed'].tolist())
    return batch
