"""LPIPS and DISTS as perceptual losses, under the names that option files give."""
from collections.abc import Callable

import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.losses.common import check_pictures, checked_choice, checked_number
from effsr.pretrained.learned import LPIPS_NETS, build_dists, build_lpips, dists_distance, lpips_distance


class _Distance(nn.Module):
    """A fitted distance, frozen, in evaluation mode, and in fp32 within autocast too."""

    def __init__(self, model: nn.Module, distance: Callable[[nn.Module, Tensor, Tensor], Tensor]):
        super().__init__()
        self.model = model
        self.distance = distance

    def train(self, mode: bool = True) -> '_Distance':
        return super().train(False)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        dtype = next(self.model.parameters()).dtype
        with torch.autocast(device_type=pred.device.type, enabled=False):
            return self.distance(self.model, pred.to(dtype), target.detach().to(dtype)).mean()


@LOSS_REGISTRY.register()
class LPIPSLoss(nn.Module):
    """LPIPS (arXiv 1801.03924), as a perceptual loss: `train: perceptual_opt`. Needs the package lpips.

    Args:
        loss_weight: What it is multiplied with.
        net: vgg, which suits a loss; alex, which its authors prefer as a metric; or squeeze.
        weights: File (.pth, .safetensors) of torchvision's weights of that network (vgg16, alexnet, squeezenet1_1).
            None: from experiments/pretrained_models, torch.hub's cache or a download.

    Raises:
        FileNotFoundError: No weights; the message says which file is to be put where.
        ValueError: Arguments outside these, no package lpips, or weights that do not fit.
    """

    def __init__(self, loss_weight: float = 1.0, net: str = 'vgg', weights: str | None = None):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, above=True)
        checked_choice('net', net, list(LPIPS_NETS))
        self.term = _Distance(build_lpips('LPIPSLoss', net, weights), lpips_distance)

    def forward(self, pred: Tensor, target: Tensor) -> tuple[Tensor, None]:
        """Of pictures (B, 3, H, W) in [0, 1]: perceptual loss, a mean over the batch, and no style loss.

        Raises:
            ValueError: Pictures that differ in shape.
        """
        check_pictures(pred, target, 'LPIPS')
        return self.loss_weight * self.term(pred, target), None


@LOSS_REGISTRY.register()
class DISTSLoss(nn.Module):
    """DISTS (arXiv 2004.07728), as a perceptual loss: `train: perceptual_opt`. Needs the package DISTS-pytorch.

    It compares the statistics of textures, and so forgives another grass of the same kind.

    Args:
        loss_weight: What it is multiplied with.
        weights: File (.pth, .safetensors) of torchvision's VGG16 weights. None: looked for as LPIPSLoss does.

    Raises:
        FileNotFoundError: No weights; the message says which file is to be put where.
        ValueError: Arguments outside these, no package DISTS-pytorch, or weights that do not fit.
    """

    def __init__(self, loss_weight: float = 1.0, weights: str | None = None):
        super().__init__()
        self.loss_weight = checked_number('loss_weight', loss_weight, above=True)
        self.term = _Distance(build_dists('DISTSLoss', weights), dists_distance)

    def forward(self, pred: Tensor, target: Tensor) -> tuple[Tensor, None]:
        """Of pictures (B, 3, H, W) in [0, 1]: perceptual loss, a mean over the batch, and no style loss.

        Raises:
            ValueError: Pictures that differ in shape.
        """
        check_pictures(pred, target, 'DISTS')
        return self.loss_weight * self.term(pred, target), None
