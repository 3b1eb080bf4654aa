"""How far around a pixel a network looks, measured on the network that was built."""
import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from effsr.inference.pooled import run_with_means, whole_means

LONGEST = 2048
TOLERANCE = 1e-6
MARGIN = 1.25
PROBE_HEIGHT = 32
FIRST_REACH = 96
DEEP = 96


class Field(NamedTuple):
    """What a pixel of the output depends on.

    Attributes:
        halo: Pixels of the input to each side; None where it is not bounded. The means below are not counted.
        pools: How many means over the whole picture the network takes.
    """

    halo: int | None
    pools: int


_known: dict[str, Field] = {}


@torch.inference_mode()
def receptive_field(net: nn.Module, scale: int, multiple: int = 1, name: str = '') -> Field:
    """Measure a network's receptive field, exactly and whatever its weights.

    One pixel's column of a strip is made NaN: it spreads to all that depends on it. In double precision, where
    convolutions are plain products that do not mix neighbouring outputs.

    Args:
        net: (B, 3, H, W) -> (B, 3, H * scale, W * scale), on any device; it is not changed.
        scale: Its factor.
        multiple: What H and W must be divisible by; then the halo is too.
        name: Architecture and arguments: what was measured for a name is not measured again. '' measures.
    """
    key = f'{name} {scale} {multiple}' if name else ''
    if key not in _known or not key:
        # One with weights of its own on the CPU: a probe must not disturb what runs elsewhere.
        field = _measured(copy.deepcopy(net).cpu().double().eval(), scale, multiple)
        if not key:
            return field
        _known[key] = field
    return _known[key]


def _measured(net: nn.Module, scale: int, multiple: int) -> Field:
    means = grey_means(net, multiple)
    reach = _bound(net)
    while True:
        reach = min(-(-reach // multiple) * multiple, LONGEST)
        halo = max(_spread(net, means, scale, multiple, reach, axis) for axis in (2, 3))
        if halo <= reach:
            return Field(-(-halo // multiple) * multiple, len(means))
        if reach == LONGEST:
            return Field(None, len(means))
        reach *= 4


def _bound(net: nn.Module) -> int:
    """A first guess, and what a chain of the network's convolutions at the input's size can reach."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return 8 + sum(max(size // 2 * gap for size, gap in zip(part.kernel_size, part.dilation, strict=True))
                   for part in net.modules() if isinstance(part, kinds))


def _spread(net: nn.Module, means: Sequence[Tensor], scale: int, multiple: int, reach: int, axis: int) -> int:
    """How far NaN comes along an axis; reach + 1 or more if to an end of the strip."""
    length = 2 * (reach + multiple)
    offsets = range(multiple) if multiple <= 4 else (0, multiple // 2, multiple - 1)
    widest = 0
    for place in (length // 2 // multiple * multiple + offset for offset in offsets):
        shape = [1, 3, multiple, multiple]
        shape[axis] = length
        strip = torch.full(shape, 0.5, dtype=torch.float64)
        strip.select(axis, place).fill_(torch.nan)
        answer = run_with_means(net, strip, means).isnan().any(1).any(4 - axis)[0]
        found = answer.nonzero().flatten() // scale
        if not len(found):
            continue
        first, last = int(found[0]), int(found[-1])
        if first == 0 or last == length - 1:
            return reach + 1
        widest = max(widest, place - first, last - place)
    return widest


def grey_means(net: nn.Module, multiple: int = 1) -> list[Tensor]:
    """The means that a network takes over a grey picture: how many they are, and of what size."""
    side = -(-16 // multiple) * multiple
    like = next(net.parameters(), torch.zeros(()))
    with torch.inference_mode():
        return whole_means(net, torch.full((1, 3, side, side), 0.5, dtype=like.dtype, device=like.device))


def needed_halo(net: nn.Module, scale: int, multiple: int = 1, name: str = '') -> int | None:
    """The halo with which tiles equal the whole to 1e-5: the exact one, or that of the weights for deep networks.

    Args:
        net, scale, multiple, name: As for :func:`receptive_field`.

    Returns:
        Pixels of the input, or None where there is none; networks that pool are taken as given their means.
    """
    bound = _bound(net)
    attends = any(isinstance(part, (nn.Linear, nn.LayerNorm)) for part in net.modules())
    if bound > DEEP or attends:
        like, means = next(net.parameters(), torch.zeros(())), grey_means(net, multiple)
        limit = max(bound, 2 * FIRST_REACH)
        found = effective_halo(lambda part: run_with_means(net, part.to(like), means).float().cpu(), limit, multiple)
        if found < limit:
            return found
    return receptive_field(net, scale, multiple, name).halo


@torch.inference_mode()
def effective_halo(net, exact: int, multiple: int = 1, tolerance: float = TOLERANCE) -> int:
    """The halo that these weights need in practice, for networks whose exact one is so large that it costs.

    In a deep network what is far away hardly matters. A picture of noise, steps and ramps is upscaled whole and cut
    off at one side; the halo is where both differ by ``tolerance`` at most, and a quarter more.

    Args:
        net: (1, 3, H, W) float32 -> (1, 3, H * scale, W * scale).
        exact: Its halo by :func:`receptive_field`, which is never exceeded.
        multiple: What sides must be divisible by; then the halo is too.
        tolerance: For values in [0, 1].
    """
    height = -(-PROBE_HEIGHT // multiple) * multiple
    reach = -(-min(FIRST_REACH, exact // 2) // multiple) * multiple
    while 0 < reach < exact:
        picture = _probe(height, 2 * reach)
        whole, part = net(picture), net(picture[..., reach:])
        scale = part.shape[-1] // reach
        differs = (whole[..., reach * scale:] - part).abs().amax((0, 1, 2)) > tolerance
        last = int(differs.nonzero().max()) // scale + 1 if differs.any() else 0
        needed = -(-int(last * MARGIN + 1) // multiple) * multiple
        if needed <= reach:
            return min(needed, exact)
        reach *= 2
    return exact


def _probe(height: int, width: int) -> Tensor:
    """(1, 3, height, width) float32: bands of noise, of steps and of ramps."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, height, width, generator=generator)
    coarse = (torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=generator) > 0.5).float()
    steps = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)[..., :height, :width]
    rows = torch.arange(height) * 3 // height
    picture[..., rows == 1, :] = steps[..., rows == 1, :]
    picture[..., rows == 2, :] = torch.linspace(0, 1, width).expand(1, 3, int((rows == 2).sum()), width)
    return picture
