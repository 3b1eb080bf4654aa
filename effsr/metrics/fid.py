"""Frechet distance between the features of two sets of pictures.

Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, arXiv 1706.08500.
"""
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from effsr.metrics.learned import picture_tensor
from effsr.metrics.scorer import MetricSettings, Opened, Unavailable
from effsr.pretrained.fill import fill
from effsr.pretrained.weights import checked_digest, published_weights, read_weights
from effsr.runtime.checkpoint import file_digest

WEIGHTS = ('https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/'
           'pt_inception-2015-12-05-6726825d.pth')
SIDE = 299
CLASSES = 1008
# With fewer pictures than features the covariances are not of full rank, and the distance is too large.
FEW = 2048


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance between the Gaussians that fit two sets of features.

    The trace of the root of the covariances' product is taken as the sum of singular values of the product of their
    factors: exact where they are not of full rank too, and never complex.

    Args:
        first: (pictures, features), at least two.
        second: The same, of other pictures.

    Raises:
        ValueError: Less than two pictures, or features of different numbers.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f'FID of {len(first)} and {len(second)} pictures; a covariance needs at least 2, and a '
                         f'figure to be compared {FEW}')
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f'FID of {first.shape[1:]} and {second.shape[1:]} features; both sets need the same')
    (mean, factor), (mean2, factor2) = _gaussian(first), _gaussian(second)
    cross = np.linalg.svd(factor @ factor2.T, compute_uv=False).sum()
    spread = np.sum(factor**2) + np.sum(factor2**2) - 2.0 * cross
    return float(np.sum((mean - mean2) ** 2) + max(spread, 0.0))


def _gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and R with R.T @ R the covariance."""
    features = features.astype(np.float64)
    mean = features.mean(0)
    return mean, np.linalg.qr(features - mean, mode='r') / np.sqrt(len(features) - 1)


def fid(
    results: Iterable[np.ndarray], truths: Iterable[np.ndarray], extractor: Callable[[np.ndarray], np.ndarray],
) -> float:
    """Frechet distance between two sets of pictures, which are read one by one and need not be of one size.

    Args:
        results: (H, W, 3) RGB or (H, W) grey, uint8 or float in [0, 255].
        truths: The other set; not paired.
        extractor: Picture -> (features,).

    Raises:
        ValueError: Less than two pictures in a set.
    """
    first, second = (np.array([extractor(picture) for picture in pictures]) for pictures in (results, truths))
    return frechet_distance(first, second)


def build_inception(weights: Path) -> nn.Module:
    """The network that published figures were computed with: TensorFlow's Inception of 2015, as far as its pooling.

    torchvision's, in which BasicSR's changes stand: average pooling does not count its border, and one block pools by
    the maximum. (B, 3, 299, 299) in [-1, 1] -> (B, 2048).

    Args:
        weights: pt_inception-2015-12-05-6726825d.pth of pytorch-fid.

    Raises:
        ValueError: The file is damaged or does not fit.
    """
    from basicsr.archs.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2
    with torch.device('meta'):
        net = torchvision.models.inception_v3(weights=None, num_classes=CLASSES, aux_logits=False, init_weights=False)
        net.Mixed_5b, net.Mixed_5c, net.Mixed_5d = (FIDInceptionA(channels, pool_features=pool) for channels, pool in
                                                    ((192, 32), (256, 64), (288, 64)))
        net.Mixed_6b, net.Mixed_6c, net.Mixed_6d, net.Mixed_6e = (FIDInceptionC(768, channels_7x7=width)
                                                                  for width in (128, 160, 160, 192))
        net.Mixed_7b, net.Mixed_7c = FIDInceptionE_1(1280), FIDInceptionE_2(2048)
        net.fc = nn.Identity()
    net.to_empty(device='cpu')
    used = [name for name in net.state_dict() if not name.endswith('num_batches_tracked')]
    fill(net, read_weights(weights), used, 'the Inception of FID', weights)
    return net.requires_grad_(False).eval()


def inception_features(net: nn.Module, device: str, img: np.ndarray) -> np.ndarray:
    """2048 features of a picture, which is brought to 299 x 299 as pytorch-fid does (bilinear, not antialiased)."""
    picture: Tensor = picture_tensor(img, device)
    with torch.inference_mode():
        resized = F.interpolate(picture, (SIDE, SIDE), mode='bilinear', align_corners=False)
        return net(2.0 * resized - 1.0)[0].double().cpu().numpy()


def open_fid(border: int, settings: MetricSettings) -> Opened:
    """Opens FID over Inception's features; of whole pictures, whatever the border."""
    given = settings.weights.get('fid')
    try:
        path = checked_digest(Path(given)) if given else published_weights([WEIGHTS], settings.download)
        net = build_inception(path).to(settings.device)
    except (FileNotFoundError, ValueError) as error:
        raise Unavailable(f'fid: {error}') from error

    def score_set(results: Iterable[np.ndarray], truths: Iterable[np.ndarray]) -> float:
        return fid(results, truths, lambda picture: inception_features(net, settings.device, picture))
    return Opened(score_set=score_set, identity=file_digest(path))
