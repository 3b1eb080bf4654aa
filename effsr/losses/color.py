"""How far a result's colours are from those of the picture that it was made of."""
from torch import Tensor
from torch.nn import functional as F

from effsr.losses.common import check_pictures, in_full_precision

MOST_WINDOW = 256


@in_full_precision
def color_difference(pred: Tensor, lq: Tensor, window: int) -> Tensor:
    """Absolute difference between the means of a result and of its lq over squares, (B, C, h-window+1, w-window+1).

    The squares lie around every pixel of lq where they fit. It is the same whether lq is upscaled, each pixel a square,
    or the result is downscaled by means: means over means are means over all of it.

    Colour consistency with the input: Lugmayr et al., SRFlow, arXiv 2006.14200, measure it as LR-PSNR.

    Args:
        pred: (B, C, h*scale, w*scale), in [0, 1].
        lq: (B, C, h, w).
        window: Side of the squares, in pixels of lq.

    Raises:
        ValueError: The factor is not whole, or not the same in height and width; lq is smaller than the window.
    """
    check_pictures(lq, lq, f'colour (window: {window})', window)
    low, narrow = lq.shape[-2:]
    scale = pred.shape[-2] // low
    if pred.shape != (*lq.shape[:2], low * scale, narrow * scale) or scale < 1:
        raise ValueError(f'colour: a result of {tuple(pred.shape)} and lq of {tuple(lq.shape)}; accepted: a whole '
                         'multiple of lq in height and width')
    return F.avg_pool2d(F.avg_pool2d(pred, scale) - lq, window, stride=1).abs()
