"""Multi-scale structural similarity on plain arrays; the loss, which is differentiable, is effsr.losses.ms_ssim."""
import numpy as np

from effsr.metrics.psnr_ssim import WINDOW, mean_similarities, prepare_pair

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first (section 4 of the paper)
# The window must lie within the coarsest scale; odd sizes are rounded up when they are halved.
SMALLEST = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1


def ms_ssim(img: np.ndarray, img2: np.ndarray, crop_border: int = 0, test_y_channel: bool = False) -> float:
    """MS-SSIM, 1 for identical pictures.

    Wang, Simoncelli, Bovik, Multi-scale Structural Similarity for Image Quality Assessment, Asilomar 2003, with five
    scales, the window and the constants of SSIM, and the means over the picture taken before the powers, as in the
    authors' program. Scales are halved by the mean of 2 x 2 pixels; the last row of an odd height counts twice. For
    RGB, the mean of the three channels' values. A negative mean, which has no power, counts as 0.

    Args:
        img: (H, W, 3) RGB, or (H, W) or (H, W, 1) grey; uint8, or float in [0, 255].
        img2: The other picture, of the same shape.
        crop_border: Pixels left out at each side.
        test_y_channel: Compare BT.601 luma, not rounded. A grey picture's value is taken as its luma.

    Raises:
        ValueError: As for :func:`effsr.metrics.psnr`; or less than 161 pixels are left within the border. (The
            authors' program refuses below 176.)
    """
    a, b = prepare_pair(img, img2, crop_border, test_y_channel, SMALLEST)
    return float(np.mean([_of_channel(a[..., c], b[..., c]) for c in range(a.shape[2])]))


def _of_channel(a: np.ndarray, b: np.ndarray) -> float:
    value = 1.0
    for level, weight in enumerate(WEIGHTS):
        if level > 0:
            a, b = _halved(a), _halved(b)
        similarity, contrast = mean_similarities(a, b)
        value *= max(similarity if level == len(WEIGHTS) - 1 else contrast, 0.0) ** weight
    return value


def _halved(x: np.ndarray) -> np.ndarray:
    x = np.pad(x, [(0, size % 2) for size in x.shape], mode='edge')
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4.0
