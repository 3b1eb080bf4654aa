"""Running a network in tiles, and on sizes that it does not take by itself."""
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F


class Span(NamedTuple):
    """Along one side of a picture: the network sees [start, stop) and answers for [first, last)."""

    start: int
    stop: int
    first: int
    last: int

    def inner(self, scale: int) -> slice:
        """What the network answers for, in the pixels of its result."""
        return slice((self.first - self.start) * scale, (self.last - self.start) * scale)


def tile_spans(length: int, tile: int, tile_pad: int, begin: int = 0) -> list[Span]:
    """Divide one side of a picture into windows of one size, each tile + 2 * tile_pad long.

    The windows lie within the picture, the last one shifted inward; where a side is no longer than a window, there is
    one, as long as the side. What a window answers for is at least ``tile_pad`` away from each of its ends that is not
    the picture's. All of the picture from ``begin`` on is answered for once.

    Args:
        length: The side, in pixels.
        tile: Pixels from one window's start to the next; 0 for one window over the whole side.
        tile_pad: The halo.
        begin: Where to begin, when what lies before it is done.

    Raises:
        ValueError: ``length`` below 1, or ``tile`` or ``tile_pad`` below 0.
    """
    if length < 1 or tile < 0 or tile_pad < 0:
        raise ValueError(f'length is {length}, tile {tile}, tile_pad {tile_pad}; accepted: length from 1, '
                         'tile from 0 (the whole picture at once), tile_pad from 0')
    window = tile + 2 * tile_pad
    if tile == 0 or length <= window:
        return [Span(0, length, begin, length)]
    # Windows of one size: cuDNN, compilers and exported networks prepare themselves for each size anew.
    spans, first = [], begin
    while first < length:
        start = min(max(first - tile_pad, 0), length - window)
        stop = start + window
        last = length if stop == length else stop - tile_pad
        spans.append(Span(start, stop, first, last))
        first = last
    return spans


def upscale_tiled(net: Callable[[Tensor], Tensor], lq: Tensor, scale: int, tile: int, tile_pad: int) -> Tensor:
    """Upscale a batch tile by tile, so that the network's memory is that of one tile.

    Each tile is given with a halo of ``tile_pad`` pixels of the picture around it, and zeros stand only where they
    would without tiles, beyond the picture's own border. So a convolutional network whose output depends on no more
    than ``tile_pad`` input pixels to each side gives the same result as on the whole picture. A network that pools over
    the whole picture, such as EfficientSRNet with its channel attention, does not: its tiles differ in tone.

    For a network that needs sides divisible by some number, make the picture so (:func:`pad_to_multiple`), and choose
    ``tile`` and ``tile_pad`` divisible by it: then all tiles are.

    Gradients, precision and the network's mode are the caller's. The result is gathered on lq's device: to keep a large
    picture off an accelerator, leave ``lq`` on the CPU and pass a ``net`` that moves its argument.

    Args:
        net: (B, C, h, w) -> (B, C', h * scale, w * scale).
        lq: (B, C, H, W), in the range and colour order that ``net`` expects.
        scale: The network's factor.
        tile: The tile's side in pixels of ``lq``, less the halo; 0 for the whole picture at once.
        tile_pad: The halo in pixels of ``lq``.

    Returns:
        (B, C', H * scale, W * scale), not clipped, of the dtype in which ``net`` answers.

    Raises:
        ValueError: ``lq`` is not (B, C, H, W), a number is out of range, or the network's output is not ``scale`` times
            its input; the message names both sizes.
    """
    if lq.ndim != 4:
        raise ValueError(f'a picture of shape {tuple(lq.shape)}; accepted: (B, C, H, W)')
    if scale < 1:
        raise ValueError(f'scale is {scale}; accepted: a whole number from 1')
    batch, _, height, width = lq.shape
    rows, columns = tile_spans(height, tile, tile_pad), tile_spans(width, tile, tile_pad)
    if len(rows) == len(columns) == 1:
        return run_checked(net, lq, scale).to(lq.device)
    out = None
    for row in rows:
        for column in columns:
            answer = run_checked(net, lq[..., row.start:row.stop, column.start:column.stop], scale)
            if out is None:
                out = answer.new_empty((batch, answer.shape[1], height * scale, width * scale), device=lq.device)
            target = out[..., row.first * scale:row.last * scale, column.first * scale:column.last * scale]
            target.copy_(answer[..., row.inner(scale), column.inner(scale)])
    return out


def pad_to_multiple(lq: Tensor, multiple: int) -> Tensor:
    """Extend a batch at the bottom and the right until both sides are divisible by ``multiple``.

    For networks that begin by folding pixels into channels, as RRDBNet does for x2 (2) and x1 (4). The picture is
    mirrored beyond its border, or its last row repeated where it is too small to be. :func:`crop_to_scale` cuts the
    result back.

    Args:
        lq: (B, C, H, W).
        multiple: A whole number from 1.

    Raises:
        ValueError: ``lq`` is not (B, C, H, W), or ``multiple`` is below 1.
    """
    if lq.ndim != 4 or multiple < 1:
        raise ValueError(f'a picture of shape {tuple(lq.shape)} and a multiple of {multiple}; '
                         'accepted: (B, C, H, W), and a multiple from 1')
    bottom, right = -lq.shape[-2] % multiple, -lq.shape[-1] % multiple
    for extra, side, pad in ((bottom, lq.shape[-2], (0, 0, 0, bottom)), (right, lq.shape[-1], (0, right, 0, 0))):
        if extra:
            lq = F.pad(lq, pad, mode='reflect' if extra < side else 'replicate')
    return lq


def crop_to_scale(sr: Tensor, lq: Tensor, scale: int) -> Tensor:
    """Cut a result made from :func:`pad_to_multiple`'s picture back to ``scale`` times the picture before padding.

    Args:
        sr: (B, C', h, w), at least as large as the result.
        lq: (B, C, H, W), before padding.
        scale: The network's factor.

    Returns:
        (B, C', H * scale, W * scale).

    Raises:
        ValueError: ``sr`` is smaller than that; the message names both sizes.
    """
    height, width = lq.shape[-2] * scale, lq.shape[-1] * scale
    if sr.shape[-2] < height or sr.shape[-1] < width:
        raise ValueError(f'a result of {_size(sr)} cannot be cut to {height} x {width}, {scale} times the input of '
                         f'{_size(lq)} (height x width)')
    return sr[..., :height, :width]


def run_checked(net: Callable[[Tensor], Tensor], lq: Tensor, scale: int) -> Tensor:
    """Run a network, and check that its result is ``scale`` times its input; else ValueError, with both sizes."""
    answer = net(lq)
    expected = (lq.shape[0], lq.shape[-2] * scale, lq.shape[-1] * scale)
    if answer.ndim != 4 or (answer.shape[0], *answer.shape[-2:]) != expected:
        raise ValueError(f'the network made {tuple(answer.shape)} of {tuple(lq.shape)} (batch, channels, height, '
                         f'width); {_size(lq)} at scale {scale} should become {expected[1]} x {expected[2]}')
    return answer


def _size(x: Tensor) -> str:
    return f'{x.shape[-2]} x {x.shape[-1]}'
