"""The methods, as pure functions on pairs: lq first, then gt and whatever else has the size of gt.

Images are tuples of float tensors (..., 3, h, w) and (..., 3, h*scale, w*scale), RGB in [0, 1]; results are new tensors
in the same range. A rectangle is told in lq pixels and stands at the same place of every image. Results are not rounded
to the 256 levels of a file.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

Images = tuple[Tensor, ...]


class Box(NamedTuple):
    """A rectangle in lq pixels; empty where a side is 0."""

    top: int
    left: int
    height: int
    width: int

    def within(self, factor: int) -> tuple[slice, slice]:
        """Rows and columns of an image whose sides are factor times those of lq."""
        return (slice(self.top * factor, (self.top + self.height) * factor),
                slice(self.left * factor, (self.left + self.width) * factor))


def box_inside(height: int, width: int, side: float, top: float, left: float) -> Box:
    """A rectangle that lies wholly in an image, evenly over its places; of one pixel at least.

    Args:
        height, width: Of lq in pixels.
        side: The rectangle's sides as a share of the image's, 0 to 1.
        top, left: In [0, 1), from the first place to the last.
    """
    tall, wide = (min(length, max(1, int(length * side))) for length in (height, width))
    return Box(int(top * (height - tall + 1)), int(left * (width - wide + 1)), tall, wide)


def box_around(height: int, width: int, side: float, row: float, column: float) -> Box:
    """A rectangle around any pixel of an image, which cuts it where it reaches beyond: CutMix's.

    Args:
        height, width: Of lq in pixels.
        side: The rectangle's sides as a share of the image's, 0 to 1, before it is cut.
        row, column: Its centre, in [0, 1) of the image.
    """
    (top, bottom), (left, right) = (_around(*axis, side) for axis in ((height, row), (width, column)))
    return Box(top, left, bottom - top, right - left)


def _around(length: int, centre: float, side: float) -> tuple[int, int]:
    extent = int(length * side)
    start = int(centre * length) - extent // 2
    return max(0, start), min(length, start + extent)


def mixup(images: Images, partners: Images, share: float) -> Images:
    """Blend two pairs: share of the first, the rest of the other (Zhang et al., mixup, arXiv 1710.09412).

    Args:
        images, partners: Pairs of the same shapes.
        share: 0 to 1.
    """
    # Not a lerp, which rounds a pixel that both have alike.
    return tuple(share * one + (1 - share) * other for one, other in zip(images, partners, strict=True))


def cutmix(images: Images, partners: Images, box: Box) -> Images:
    """Replace a rectangle by the other pair's, of the same place (Yun et al., CutMix, arXiv 1905.04899)."""
    return _pasted(images, [other[(..., *box.within(_factor(images, other)))] for other in partners], box)


def resizemix(images: Images, partners: Images, box: Box) -> Images:
    """Replace a rectangle by the whole other pair, made as small (Qin et al., ResizeMix, arXiv 2012.11101).

    Both are shrunk with antialiasing, so that they still show the same; the degradation of the small lq shrinks too.
    """
    small = [shrink(other, box.height * factor, box.width * factor)
             for other in partners for factor in [_factor(images, other)]]
    return _pasted(images, small, box)


def cutblur(images: Images, box: Box, inside: bool, clean: int = 1) -> Images:
    """Replace lq by gt at its size, inside or outside of a rectangle; gt stays (Yoo et al., CutBlur, arXiv 2004.00448).

    The network learns where, not only how, to restore. The paper enlarges lq first, for networks that work at the size
    of gt; here gt is shrunk, with antialiasing.

    Args:
        images: A pair.
        box: The rectangle.
        inside: Whether lq is replaced in it, or all around it.
        clean: Which of the images is put into lq: what it was degraded from.
    """
    lq = images[0]
    small = shrink(images[clean], *lq.shape[-2:])
    where = (..., *box.within(1))
    result, patch = (lq.clone(), small) if inside else (small, lq)
    result[where] = patch[where]
    return (result, *images[1:])


def permute_rgb(images: Images, order: tuple[int, int, int]) -> Images:
    """Put the channels of a pair into another order (section 3.1 of arXiv 2004.00448).

    Args:
        images: A pair.
        order: Which channel stands in place of red, green and blue: (2, 1, 0) swaps red and blue.
    """
    return tuple(torch.stack([image.select(-3, channel) for channel in order], -3) for image in images)


def shrink(image: Tensor, height: int, width: int) -> Tensor:
    """An image (..., 3, H, W) in [0, 1] at another size, by antialiased bicubic interpolation; always a new tensor."""
    if image.shape[-2:] == (height, width):
        return image.clone()
    flat = image.reshape(-1, *image.shape[-3:])
    small = functional.interpolate(flat, (height, width), mode='bicubic', align_corners=False, antialias=True)
    return small.clamp_(0, 1).reshape(*image.shape[:-2], height, width)


def _factor(images: Images, other: Tensor) -> int:
    return other.shape[-1] // images[0].shape[-1]


def _pasted(images: Images, patches: list[Tensor], box: Box) -> Images:
    results = []
    for image, patch in zip(images, patches, strict=True):
        result = image.clone()
        result[(..., *box.within(_factor(images, image)))] = patch
        results.append(result)
    return tuple(results)
