"""PSNR and SSIM under BasicSR's names and contract: BGR pictures, keywords as in an option file."""
import basicsr.metrics  # noqa: F401  BasicSR must have registered its own before they can be renamed
import numpy as np
from basicsr.utils.registry import METRIC_REGISTRY

from effsr.bridge import claim
from effsr.metrics.psnr_ssim import psnr, ssim

claim(METRIC_REGISTRY, 'calculate_psnr', 'calculate_ssim')

ORDERS = ('HWC', 'CHW')


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


def _to_rgb(img: np.ndarray, input_order: str) -> np.ndarray:
    if input_order not in ORDERS:
        raise ValueError(f'input_order is {input_order!r}; accepted: {", ".join(map(repr, ORDERS))}')
    if img.ndim != 3:
        return img
    if input_order == 'CHW':
        img = img.transpose(1, 2, 0)
    return img[..., ::-1]
