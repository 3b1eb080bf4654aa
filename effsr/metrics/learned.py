"""LPIPS and DISTS as metrics of pictures; the networks are those of effsr.pretrained.learned."""
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from effsr.metrics.psnr_ssim import cropped
from effsr.metrics.scorer import MetricSettings, Opened, Unavailable
from effsr.pretrained.learned import LPIPS_NETS, build_dists, build_lpips, dists_distance, lpips_distance
from effsr.pretrained.weights import torchvision_weights
from effsr.runtime.checkpoint import file_digest

# Below, nothing is left of a picture in the deepest layer.
SMALLEST = {'alexnet': 31, 'vgg16': 16, 'squeezenet1_1': 17}
Distance = Callable[[nn.Module, Tensor, Tensor], Tensor]


def picture_tensor(img: np.ndarray, device: str = 'cpu') -> Tensor:
    """(H, W, 3) RGB, or (H, W) or (H, W, 1) grey, uint8 or float in [0, 255] -> (1, 3, H, W) float32 in [0, 1].

    Raises:
        ValueError: Another shape.
    """
    if img.ndim not in (2, 3) or img.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f'a picture of shape {img.shape}; accepted: (H, W, 3), (H, W, 1) or (H, W)')
    planes = np.broadcast_to(img.reshape(*img.shape[:2], -1), (*img.shape[:2], 3)).transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(planes, np.float32)).div_(255.0)[None].to(device)


def learned_distance(
    model: nn.Module, distance: Distance, smallest: int, device: str, border: int, img: np.ndarray,
    img2: np.ndarray,
) -> float:
    """A fitted distance between two pictures, at their own size.

    Args:
        model: Built by effsr.pretrained.learned, on the device.
        distance: Its function of (model, first, second).
        smallest: Least height and width within the border.
        device: Where it computes.
        border: Pixels left out at each side.
        img: See :func:`picture_tensor`.
        img2: The other picture, of the same shape.

    Raises:
        ValueError: Pictures that differ in shape or are too small.
    """
    if img.shape != img2.shape:
        raise ValueError(f'pictures of different shapes: {img.shape} and {img2.shape} (height, width, channels)')
    first, second = (picture_tensor(cropped(array, border, smallest), device) for array in (img, img2))
    with torch.inference_mode():
        return float(distance(model, first, second))


def open_lpips(name: str, net: str, border: int, settings: MetricSettings) -> Opened:
    """Opens LPIPS. The file that `settings.weights` has for this name is taken, else torchvision's is looked for.

    Args:
        name: What the metric is listed as.
        net: alex, vgg or squeeze.
        border: Pixels left out at each side.
        settings: What it may use.

    Raises:
        Unavailable: No package or weights, or weights that do not fit.
    """
    def build(path: Path) -> nn.Module:
        return build_lpips(name, net, str(path))
    return _open(name, LPIPS_NETS[net], 'lpips', build, lpips_distance, border, settings)


def open_dists(name: str, border: int, settings: MetricSettings) -> Opened:
    """Opens DISTS, as :func:`open_lpips`."""
    def build(path: Path) -> nn.Module:
        return build_dists(name, str(path))
    return _open(name, 'vgg16', 'DISTS-pytorch', build, dists_distance, border, settings)


def _open(
    name: str, trunk: str, package: str, build: Callable[[Path], nn.Module], distance: Distance, border: int,
    settings: MetricSettings,
) -> Opened:
    try:
        path = torchvision_weights(trunk, settings.weights.get(name), settings.download)
        model = build(path).to(settings.device)
    except (FileNotFoundError, ValueError) as error:
        raise Unavailable(f'{name}: {error}') from error
    identity = f'{package} {version(package)} | {trunk} {file_digest(path)}'
    score = partial(learned_distance, model, distance, SMALLEST[trunk], settings.device, border)
    return Opened(score, identity=identity)
