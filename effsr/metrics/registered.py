"""Metrics under BasicSR's names and contract: BGR pictures, keywords as in an option file."""
from collections.abc import Mapping
from functools import cache
from typing import Any

import basicsr.metrics  # noqa: F401  BasicSR must have registered its own before they can be renamed
import numpy as np
from basicsr.utils.registry import METRIC_REGISTRY

from effsr.bridge import claim
from effsr.metrics.catalogue import MetricSettings, Scorer, open_metric
from effsr.metrics.ms_ssim import ms_ssim
from effsr.metrics.niqe import niqe
from effsr.metrics.psnr_ssim import psnr, ssim

claim(METRIC_REGISTRY, 'calculate_psnr', 'calculate_ssim', 'calculate_niqe')

ORDERS = ('HWC', 'CHW')
LPIPS = {'alex': 'lpips', 'vgg': 'lpips_vgg'}


@METRIC_REGISTRY.register()
def calculate_psnr(
    img: np.ndarray,
    img2: np.ndarray,
    crop_border: int,
    input_order: str = 'HWC',
    test_y_channel: bool = False,
    better: str = 'higher',
) -> float:
    """PSNR in dB, as papers compute it. What ``val: metrics:`` calls; see :func:`effsr.metrics.psnr_ssim.psnr`.

    Args:
        img: BGR in [0, 255]: (H, W, 3), (H, W, 1), or channels first with ``input_order='CHW'``; or grey (H, W).
        img2: The other picture, of the same shape.
        crop_border: Pixels left out at each side.
        input_order: 'HWC' or 'CHW'.
        test_y_channel: Compare BT.601 luma.
        better: Not used here. BasicSR passes a metric's whole entry, in which it says how results are ranked.

    Raises:
        ValueError: As for ``psnr``; or another input_order.
    """
    return psnr(_to_rgb(img, input_order), _to_rgb(img2, input_order), crop_border, test_y_channel)


@METRIC_REGISTRY.register()
def calculate_ssim(
    img: np.ndarray,
    img2: np.ndarray,
    crop_border: int,
    input_order: str = 'HWC',
    test_y_channel: bool = False,
    better: str = 'higher',
) -> float:
    """SSIM, at most 1, as papers compute it. What ``val: metrics:`` calls; see :func:`effsr.metrics.psnr_ssim.ssim`.

    Arguments and errors are those of :func:`calculate_psnr`.
    """
    return ssim(_to_rgb(img, input_order), _to_rgb(img2, input_order), crop_border, test_y_channel)


@METRIC_REGISTRY.register()
def calculate_ms_ssim(
    img: np.ndarray,
    img2: np.ndarray,
    crop_border: int,
    input_order: str = 'HWC',
    test_y_channel: bool = False,
    better: str = 'higher',
) -> float:
    """MS-SSIM, at most 1. What ``val: metrics:`` calls; see :func:`effsr.metrics.ms_ssim.ms_ssim`.

    Arguments and errors are those of :func:`calculate_psnr`.
    """
    return ms_ssim(_to_rgb(img, input_order), _to_rgb(img2, input_order), crop_border, test_y_channel)


@METRIC_REGISTRY.register()
def calculate_niqe(
    img: np.ndarray,
    crop_border: int,
    input_order: str = 'HWC',
    convert_to: str = 'y',
    better: str = 'lower',
) -> float:
    """NIQE, without a truth; less is better. See :func:`effsr.metrics.niqe.niqe`.

    Args:
        img: BGR in [0, 255], as for :func:`calculate_psnr`; or grey (H, W), which BasicSR calls 'HW'.
        crop_border: Pixels left out at each side.
        input_order: 'HWC', 'CHW' or 'HW'.
        convert_to: 'y', BT.601 luma; or 'gray', full range.
        better: Not used here, see :func:`calculate_psnr`.

    Raises:
        ValueError: As for ``niqe``; or another input_order.
    """
    grey = input_order == 'HW' and img.ndim == 2
    return niqe(img if grey else _to_rgb(img, input_order), crop_border, convert_to)


@METRIC_REGISTRY.register()
def calculate_lpips(
    img: np.ndarray,
    img2: np.ndarray,
    crop_border: int,
    input_order: str = 'HWC',
    net: str = 'alex',
    weights: str | None = None,
    download: bool = False,
    device: str = 'cpu',
    better: str = 'lower',
) -> float:
    """LPIPS (arXiv 1801.03924), less is better; needs the package lpips.

    Args:
        img: BGR, as for :func:`calculate_psnr`.
        img2: The other picture, of the same shape.
        crop_border: Pixels left out at each side.
        input_order: 'HWC' or 'CHW'.
        net: alex, which its authors prefer as a metric, or vgg.
        weights: File of torchvision's weights of that network. None: looked for in experiments/pretrained_models and
            torch.hub's cache.
        download: Whether they may be downloaded.
        device: Where it is computed.
        better: Not used here, see :func:`calculate_psnr`.

    Raises:
        ValueError: No weights, the message says which; or pictures that differ in shape or are too small.
    """
    scorer = _lpips_scorer(crop_border, net, weights, download, device)
    return scorer.score(_to_rgb(img, input_order), _to_rgb(img2, input_order))


@METRIC_REGISTRY.register()
def calculate_dists(
    img: np.ndarray,
    img2: np.ndarray,
    crop_border: int,
    input_order: str = 'HWC',
    weights: str | None = None,
    download: bool = False,
    device: str = 'cpu',
    better: str = 'lower',
) -> float:
    """DISTS (arXiv 2004.07728), less is better; needs the package DISTS-pytorch.

    Arguments and errors are those of :func:`calculate_lpips`; the network is VGG16.
    """
    scorer = _scorer('dists', crop_border, weights, download, device)
    return scorer.score(_to_rgb(img, input_order), _to_rgb(img2, input_order))


def prepare(entry: Mapping[str, Any]) -> None:
    """Open what a metric of an option file needs besides pictures, so that what is missing shows before training.

    Args:
        entry: Its options, which its signature takes.

    Raises:
        ValueError: Weights or a package are missing.
    """
    common = (entry.get('weights'), entry.get('download', False), entry.get('device', 'cpu'))
    if entry['type'] == 'calculate_lpips':
        _lpips_scorer(entry['crop_border'], entry.get('net', 'alex'), *common)
    elif entry['type'] == 'calculate_dists':
        _scorer('dists', entry['crop_border'], *common)


def _lpips_scorer(crop_border: int, net: str, *common: Any) -> Scorer:
    if net not in LPIPS:
        raise ValueError(f'net is {net!r}; accepted: {", ".join(LPIPS)}')
    return _scorer(LPIPS[net], crop_border, *common)


@cache
def _scorer(name: str, crop_border: int, weights: str | None, download: bool, device: str) -> Scorer:
    return open_metric(name, crop_border, MetricSettings({name: weights} if weights else {}, download, device))


def _to_rgb(img: np.ndarray, input_order: str) -> np.ndarray:
    if input_order not in ORDERS:
        raise ValueError(f'input_order is {input_order!r}; accepted: {", ".join(map(repr, ORDERS))}')
    if img.ndim != 3:
        return img
    if input_order == 'CHW':
        img = img.transpose(1, 2, 0)
    return img[..., ::-1]
