"""Perceptual and style loss, under the name that option files give."""
from collections.abc import Mapping

import basicsr.losses  # noqa: F401  BasicSR must have registered its own before they can be renamed
import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.bridge import claim
from effsr.losses.backbones import NORMALISATIONS, Backbone, build_extractor
from effsr.losses.backbones.vgg import VGG_TYPES
from effsr.losses.common import check_pictures, checked_choice, checked_count, checked_number
from effsr.losses.perceptual import CRITERIA, content_distance, style_distance

MOST_STRIDE = 4

claim(LOSS_REGISTRY, 'PerceptualLoss')


@LOSS_REGISTRY.register()
class PerceptualLoss(nn.Module):
    """How far a trained network's features of two pictures are apart, and, by weight, their styles.

    Features before an activation are those of conv layers (conv5_4), after it those of relu layers (relu5_4). The
    first seven arguments are BasicSR's and give its numbers. See :mod:`effsr.losses.perceptual` for the papers.

    Args:
        layer_weights: Weight by layer of a VGG, such as {conv5_4: 1}.
        vgg_type: vgg11, vgg13, vgg16 or vgg19, each with _bn or without.
        use_input_norm: Whether pictures are normalised as the network's published weights were trained: a VGG to the
            mean and deviation of ImageNet's pictures.
        range_norm: Whether pictures are in [-1, 1]; else they are in [0, 1].
        perceptual_weight: Of the distance of features.
        style_weight: Of the distance of their Gram matrices.
        criterion: l1 and l2, means; fro, the norm of all differences of the batch together, which grows with batch and
            crop, and which `train: accumulate` makes another.
        weights: File (.pth, .safetensors) of the network's weights. None: torchvision's, from
            experiments/pretrained_models, torch.hub's cache or a download.
        backbone: Another network than a VGG: torchvision:NAME or timm:NAME.
        layers: Weight by layer of any network: by the dotted name of a module, or its number: of a VGG's or of
            torchvision's `features`, of a timm network's stages.
        normalise: How instead: imagenet, to its mean and deviation; minus_one_one, to [-1, 1]; or none.
        stem_stride: What the stride of the network's first convolution is set to, such as 1 to see fine detail.
        upsample: 2: pictures are enlarged twice first, to the same end.
        backbone_args: What torchvision or timm is given to build the network.

    Raises:
        FileNotFoundError: No weights; the message says which file is to be put where.
        ValueError: Arguments outside these, a package that is not installed, or weights that do not fit.
    """

    def __init__(self, layer_weights: dict | None = None, vgg_type: str = 'vgg19', use_input_norm: bool = True,
                 range_norm: bool = False, perceptual_weight: float = 1.0, style_weight: float = 0.0,
                 criterion: str = 'l1', weights: str | None = None, backbone: str | None = None,
                 layers: dict | None = None, normalise: str | None = None, stem_stride: int | None = None,
                 upsample: int = 1, backbone_args: dict | None = None):
        super().__init__()
        self.perceptual_weight = checked_number('perceptual_weight', perceptual_weight)
        self.style_weight = checked_number('style_weight', style_weight)
        if perceptual_weight == style_weight == 0:
            raise ValueError('perceptual_weight and style_weight are 0; give one of them, or leave the loss out')
        self.criterion = CRITERIA[checked_choice('criterion', criterion, list(CRITERIA))]
        chosen = _chosen_layers(layer_weights, layers)
        settings = Backbone(
            name=_network(vgg_type, backbone, backbone_args), weights=weights, arguments=backbone_args or {},
            normalise=_normalisation(normalise, use_input_norm), range_norm=range_norm,
            upsample=checked_choice('upsample', upsample, (1, 2)),
            stem_stride=None if stem_stride is None else checked_count('stem_stride', stem_stride, MOST_STRIDE))
        self.extractor, names = build_extractor(settings, chosen)
        self.layer_weights = _by_name(names, chosen)

    def forward(self, pred: Tensor, target: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Of pictures (B, 3, H, W) in [0, 1], or in [-1, 1] with range_norm.

        Returns:
            Perceptual and style loss, each one number, or None where its weight is 0. The target gets no gradient.

        Raises:
            ValueError: Pictures that differ in shape.
        """
        check_pictures(pred, target, 'perceptual')
        with torch.no_grad():
            wanted = self.extractor(target)
        found = self.extractor(pred)
        with torch.autocast(device_type=pred.device.type, enabled=False):
            parts = [weight * distance(found, wanted, self.layer_weights, self.criterion) if weight > 0 else None
                     for weight, distance in ((self.perceptual_weight, content_distance),
                                              (self.style_weight, style_distance))]
        return parts[0], parts[1]


def _chosen_layers(layer_weights: Mapping | None, layers: Mapping | None) -> dict[str | int, float]:
    if layer_weights and layers:
        raise ValueError('layer_weights and layers are two names for the same; give one of them')
    label, given = ('layer_weights', layer_weights) if layers is None else ('layers', layers)
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f'{label} is {given!r}; accepted: weights by layer, such as '
                         f'{{{"conv5_4" if layers is None else "blocks.1"}: 1}}')
    # A layer of weight 0 need not be computed.
    chosen = {name: weight for name, weight in given.items() if checked_number(f'{label}: {name}', weight) > 0}
    if not chosen:
        raise ValueError(f'{label}: all weights are 0; give one of them, or leave the loss out')
    return chosen


def _by_name(names: list[str], chosen: Mapping[str | int, float]) -> dict[str, float]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'layers: {twice} is given twice, by name and by number; give it once')
    return dict(zip(names, chosen.values(), strict=True))


def _network(vgg_type: str, backbone: str | None, arguments: Mapping | None) -> str:
    if backbone is not None:
        return backbone
    if arguments:
        raise ValueError('backbone_args are for a backbone of torchvision or timm; give backbone, or leave them out')
    return checked_choice('vgg_type', vgg_type, VGG_TYPES)


def _normalisation(normalise: str | None, use_input_norm: bool) -> str | None:
    if normalise is None:
        return None if use_input_norm else 'none'
    if not use_input_norm and normalise != 'none':
        raise ValueError(f'normalise is {normalise!r}, but use_input_norm is false; give one of them')
    return checked_choice('normalise', normalise, list(NORMALISATIONS))
