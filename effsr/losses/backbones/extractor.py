"""Features of pictures: what chosen layers of a trained network answer."""
from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn

# Mean and deviation that are taken out of pictures, RGB in [0, 1]; imagenet are those of its pictures.
NORMALISATIONS = {'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
                  'minus_one_one': ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), 'none': ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))}


class _AllTaken(Exception):
    """Ends a network's pass where nothing more of it is needed."""


def features(net: nn.Module, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """What layers of a network answer, each the first time it runs; the pass ends with the last of them.

    Answers are copies: layers that follow may work in place, so that what stands before an activation stays what it
    was.

    Args:
        net: The network.
        images: (B, 3, H, W), as the network takes them.
        layers: Dotted names of its modules.

    Returns:
        By name, in the order of `layers`; those that did not run are missing.
    """
    layers = list(layers)
    taken: dict[str, Tensor] = {}

    def take(name: str, module: nn.Module, inputs: tuple, answer: Tensor) -> None:
        if name not in taken:
            taken[name] = answer.clone() if isinstance(answer, Tensor) else answer
        if len(taken) == len(layers):
            raise _AllTaken

    handles = [net.get_submodule(name).register_forward_hook(partial(take, name)) for name in layers]
    try:
        net(images)
    except _AllTaken:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return {name: taken[name] for name in layers if name in taken}


def doubled(images: Tensor) -> Tensor:
    """Twice the height and width, bilinear, (B, C, H, W) -> (B, C, 2H, 2W); the border repeats.

    By sums: torch's bilinear interpolation has no deterministic gradient on GPUs.
    """
    for dim in (-2, -1):
        size = images.shape[dim]
        before = torch.cat([images.narrow(dim, 0, 1), images.narrow(dim, 0, size - 1)], dim)
        after = torch.cat([images.narrow(dim, 1, size - 1), images.narrow(dim, size - 1, 1)], dim)
        both = [0.75 * images + 0.25 * before, 0.75 * images + 0.25 * after]
        place = images.dim() + dim
        images = torch.stack(both, place + 1).flatten(place, place + 1)
    return images


class FeatureExtractor(nn.Module):
    """Chosen layers of a trained network, frozen, in evaluation mode, and in fp32 within autocast too.

    Args:
        net: With its weights.
        layers: Dotted names of its modules.
        normalise: imagenet, to the mean and deviation of ImageNet's pictures; minus_one_one, to [-1, 1]; or none.
        range_norm: Whether pictures come in [-1, 1] and are brought to [0, 1] first.
        upsample: 1, or 2: pictures are enlarged twice first, so that a network which begins with a stride sees fine
            detail.
    """

    def __init__(self, net: nn.Module, layers: Iterable[str], normalise: str = 'imagenet', range_norm: bool = False,
                 upsample: int = 1):
        super().__init__()
        self.net = net
        self.layers = tuple(layers)
        self.range_norm = range_norm
        self.upsample = upsample
        mean, std = NORMALISATIONS[normalise]
        self.register_buffer('mean', torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> 'FeatureExtractor':
        """Stays in evaluation mode: its statistics are those that it was trained with."""
        return super().train(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Features by layer of pictures (B, 3, H, W), RGB in [0, 1], or [-1, 1] with range_norm."""
        with torch.autocast(device_type=images.device.type, enabled=False):
            images = images.to(self.mean.dtype)
            if self.range_norm:
                images = (images + 1) / 2
            if self.upsample == 2:
                images = doubled(images)
            return features(self.net, (images - self.mean) / self.std, self.layers)
