"""Distances of features, as pure functions.

Johnson, Alahi, Fei-Fei, Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv 1603.08155, section
3.2; before the activation, as in ESRGAN, arXiv 1809.00219, section 3.3. The criteria are BasicSR's.
"""
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Criterion = Callable[[Tensor, Tensor], Tensor]


def frobenius(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean norm of all differences together, 0-dim: it grows with the number of pixels and of pictures."""
    return torch.linalg.vector_norm(first - second)


CRITERIA: dict[str, Criterion] = {'l1': F.l1_loss, 'l2': F.mse_loss, 'fro': frobenius}


def gram(features: Tensor) -> Tensor:
    """Gram matrix of each picture's features, divided by their number: (B, C, H, W) -> (B, C, C).

    Gatys, Ecker, Bethge, Image Style Transfer Using Convolutional Neural Networks, CVPR 2016, equation 3.
    """
    count = features[0].numel()
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / count


def content_distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor], weights: Mapping[str, float],
                     criterion: Criterion) -> Tensor:
    """Weighted sum over layers of the distances of two pictures' features.

    Args:
        first: Features (B, C, H, W) by layer.
        second: The same of the other picture.
        weights: Of the layers.
        criterion: One of CRITERIA.
    """
    return torch.stack([weight * criterion(first[name], second[name]) for name, weight in weights.items()]).sum()


def style_distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor], weights: Mapping[str, float],
                   criterion: Criterion) -> Tensor:
    """The same of Gram matrices: which features go together, wherever they are."""
    matrices = [{name: gram(features[name]) for name in weights} for features in (first, second)]
    return content_distance(*matrices, weights, criterion)
