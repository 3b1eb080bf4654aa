"""Multi-scale structural similarity as a differentiable function of pictures."""
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from effsr.losses.common import check_pictures, in_full_precision

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first (section 4 of the paper)
WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # for pictures in [0, 1]
# Contrast and structure may be opposite, and less than 0; the powers' gradient has no bound at 0.
LEAST = 1e-4


def smallest_side(levels: int) -> int:
    """Least height and width, in pixels, of pictures that so many scales can be computed of."""
    # Odd sizes are rounded up when they are halved.
    return (WINDOW - 1) * 2 ** (levels - 1) + 1


@in_full_precision
def ms_ssim(pred: Tensor, target: Tensor, levels: int = len(WEIGHTS)) -> Tensor:
    """MS-SSIM of each channel of each picture, (B, C), at most 1.

    Wang, Simoncelli, Bovik, Multi-scale Structural Similarity for Image Quality Assessment, Asilomar 2003, with the
    Gaussian window of SSIM (11 x 11, sigma 1.5, where it lies within the picture), K1 0.01 and K2 0.03; the means over
    the picture are taken before the powers, as in the authors' program. Scales are halved by the mean of 2 x 2 pixels;
    the last row of an odd height counts twice. Means below 1e-4 count as 1e-4 and have no gradient.

    Args:
        pred: (B, C, H, W) in [0, 1].
        target: Of the same shape.
        levels: Scales, 1 to 5; 5 are the paper's, whose weights add up to 1.0001; 1 is SSIM. Fewer take the weights
            of the finest, made to add up to 1.

    Raises:
        ValueError: Pictures that differ in shape, or are too small for so many scales.
    """
    check_pictures(pred, target, f'MS-SSIM (levels: {levels})', smallest_side(levels))
    total = 1.0 if levels == len(WEIGHTS) else sum(WEIGHTS[:levels])
    result = pred.new_ones(pred.shape[:2])
    for level, weight in enumerate(WEIGHTS[:levels]):
        if level > 0:
            pred, target = _halved(pred), _halved(target)
        luminance, contrast = _similarities(pred, target)
        values = contrast * luminance if level == levels - 1 else contrast
        result = result * values.mean((-2, -1)).clamp(min=LEAST) ** (weight / total)
    return result


def _similarities(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast with structure, at each position of the window."""
    mean_x, mean_y, squares, product = (_blurred(z) for z in (x, y, x * x + y * y, x * y))
    means, square_means = mean_x * mean_y, mean_x.square() + mean_y.square()
    contrast = (2 * (product - means) + C2) / (squares - square_means + C2)
    return (2 * means + C1) / (square_means + C1), contrast


def _blurred(x: Tensor) -> Tensor:
    """Filter with the window, (B, C, H, W) -> (B, C, H - 10, W - 10).

    By sums, not convolutions: those of single channels are slow on CPUs, and GPUs round them to TF32, of which the
    variances, small differences of large squares, do not survive.
    """
    half = WINDOW // 2
    taps = [math.exp(-0.5 * (offset / SIGMA) ** 2) for offset in range(half + 1)]
    total = taps[0] + 2 * sum(taps[1:])
    for dim in (-2, -1):
        count = x.shape[dim] - 2 * half
        out = x.narrow(dim, half, count) * (taps[0] / total)
        for offset, tap in enumerate(taps[1:], start=1):
            both = x.narrow(dim, half - offset, count) + x.narrow(dim, half + offset, count)
            out = torch.add(out, both, alpha=tap / total)
        x = out
    return x


def _halved(x: Tensor) -> Tensor:
    # The last row and column again, where there is an odd one: padding has no deterministic gradient on GPUs.
    for dim in (-2, -1):
        if x.shape[dim] % 2:
            x = torch.cat([x, x.narrow(dim, -1, 1)], dim)
    return F.avg_pool2d(x, 2)
