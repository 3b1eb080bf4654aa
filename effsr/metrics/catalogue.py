"""Every metric that a table can have, by name: what it is, and how it is opened."""
import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

from effsr.metrics.ms_ssim import ms_ssim
from effsr.metrics.psnr_ssim import psnr, ssim
from effsr.metrics.scorer import MetricInfo, MetricSettings, Opened, Scorer, Unavailable

__all__ = ['DEFAULTS', 'MetricInfo', 'MetricSettings', 'Scorer', 'Unavailable', 'describe', 'metric_names',
           'open_metric']

DEFAULTS = ('psnr_y', 'ssim_y')
EXTERNAL = 'pyiqa:'
LUMA = 'BT.601 luma (16-235), not rounded'
RGB = 'RGB, 0-255, all channels together'
RGB_MEAN = 'RGB, 0-255, mean of the channels'


@dataclass(frozen=True)
class _Entry:
    """A metric as it is listed.

    Attributes:
        info: With `how` yet without the border.
        open: (border, settings) -> its working part.
    """

    info: MetricInfo
    open: Callable[[int, MetricSettings], Opened]


def _compared(function: Callable[..., float], luma: bool) -> Callable[[int, MetricSettings], Opened]:
    """Opens a function of (picture, truth, crop_border, test_y_channel)."""
    def opened(border: int, settings: MetricSettings) -> Opened:
        return Opened(partial(function, crop_border=border, test_y_channel=luma))
    return opened


def _late(module: str, opener: str, *arguments: object) -> Callable[[int, MetricSettings], Opened]:
    """Opens by a function of (*arguments, border, settings), whose module is imported only then.

    Args:
        module: Below effsr.metrics.
        opener: Name of the function.
        arguments: Its first ones.
    """
    def opened(border: int, settings: MetricSettings) -> Opened:
        function = getattr(import_module(f'effsr.metrics.{module}'), opener)
        return function(*arguments, border, settings)
    return opened


def _info(name: str, label: str, how: str, better: str = 'higher', unit: str = '', digits: int = 4,
          needs_gt: bool = True, per_image: bool = True) -> MetricInfo:
    return MetricInfo(name, label, better, unit, digits, needs_gt, per_image, how)


_ENTRIES = {entry.info.name: entry for entry in (
    _Entry(_info('psnr_y', 'PSNR Y', LUMA, unit='dB', digits=3), _compared(psnr, True)),
    _Entry(_info('psnr_rgb', 'PSNR RGB', RGB, unit='dB', digits=3), _compared(psnr, False)),
    _Entry(_info('ssim_y', 'SSIM Y', LUMA), _compared(ssim, True)),
    _Entry(_info('ssim_rgb', 'SSIM RGB', RGB_MEAN), _compared(ssim, False)),
    _Entry(_info('ms_ssim_y', 'MS-SSIM Y', f'{LUMA}, 5 scales'), _compared(ms_ssim, True)),
    _Entry(_info('ms_ssim_rgb', 'MS-SSIM RGB', f'{RGB_MEAN}, 5 scales'), _compared(ms_ssim, False)),
    _Entry(_info('lpips', 'LPIPS', 'LPIPS 0.1 over AlexNet, RGB at full size', 'lower'),
           _late('learned', 'open_lpips', 'lpips', 'alex')),
    _Entry(_info('lpips_vgg', 'LPIPS VGG', 'LPIPS 0.1 over VGG16, RGB at full size', 'lower'),
           _late('learned', 'open_lpips', 'lpips_vgg', 'vgg')),
    _Entry(_info('dists', 'DISTS', 'over VGG16, RGB at full size', 'lower'), _late('learned', 'open_dists', 'dists')),
    _Entry(_info('niqe', 'NIQE', 'BT.601 luma, rounded, blocks of 96 x 96', 'lower', digits=3, needs_gt=False),
           _late('niqe', 'open_niqe')),
    _Entry(_info('fid', 'FID', "pool3 of TensorFlow's Inception of 2015, RGB at 299 x 299, whole pictures; too large "
                 'below 2048 pictures', 'lower', digits=2, per_image=False),
           _late('fid', 'open_fid')),
)}


def metric_names() -> tuple[str, ...]:
    """All names but those of pyiqa, which are pyiqa:NAME."""
    return tuple(_ENTRIES)


def describe(name: str, border: int = 0) -> MetricInfo:
    """What a metric is, without opening it; of one of pyiqa's, only the opened scorer's `info` tells all.

    Args:
        name: One of :func:`metric_names`, or pyiqa:NAME.
        border: Pixels that will be left out at each side.

    Raises:
        ValueError: No such metric; the message names the nearest.
    """
    info = _listed(name).info
    crop = f'border {border} left out' if border else 'whole pictures'
    return replace(info, how=f'{info.how}; {crop}') if info.per_image else info


def open_metric(name: str, border: int = 0, settings: MetricSettings | None = None) -> Scorer:
    """A metric, ready to score.

    Args:
        name: One of :func:`metric_names`, or pyiqa:NAME.
        border: Pixels left out at each side of every picture; FID takes whole pictures.
        settings: What it may use; None: nothing but what lies where effsr looks by itself.

    Raises:
        ValueError: No such metric, or a border that is no whole number from 0.
        Unavailable: Weights, a package or an environment are missing; the message says which.
    """
    if border != int(border) or border < 0:
        raise ValueError(f'border is {border}; accepted: a whole number from 0')
    info, opened = describe(name, border), _listed(name).open(int(border), settings or MetricSettings())
    return Scorer(info, opened)


def _listed(name: str) -> _Entry:
    if name in _ENTRIES:
        return _ENTRIES[name]
    if name.startswith(EXTERNAL) and name != EXTERNAL:
        info = _info(name, f'pyiqa {name.removeprefix(EXTERNAL)}', "RGB at full size, pyiqa's own defaults")
        return _Entry(info, _late('external', 'open_external', info))
    near = difflib.get_close_matches(name, _ENTRIES, 1)
    hint = f'; did you mean {near[0]}?' if near else ''
    raise ValueError(f'no metric is named {name!r}; accepted: {", ".join(_ENTRIES)}, {EXTERNAL}NAME{hint}')
