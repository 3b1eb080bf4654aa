"""Networks that average over the whole picture, run on parts of it.

A channel attention such as EfficientSRNet's takes the mean of each channel over the picture. In a tile that mean is
another one, and tiles differ in tone. Here the calls that take such means are intercepted while a network runs: they
are counted, their inputs are handed out, or they answer with means that were found before.
"""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

MEANS = (torch.mean, torch.Tensor.mean)
SPATIAL = {2, 3}


class _Reached(Exception):
    """Ends a run at the mean that is wanted."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class _Interception(TorchFunctionMode):
    """Answers the means over rows and columns with ``given``, in the order of the calls, then asks ``beyond``."""

    def __init__(self, given: Sequence[Tensor], beyond: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.given = given
        self.beyond = beyond
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        found = _pooled(func, args, kwargs)
        if found is None:
            return func(*args, **kwargs)
        features, keep = found
        if self.count < len(self.given):
            mean = self.given[self.count].to(features)[None].expand(features.shape[0], -1)
        else:
            mean = self.beyond(features)
        self.count += 1
        return mean[..., None, None] if keep else mean


def _pooled(func: Callable, args: tuple, kwargs: dict) -> tuple[Tensor, bool] | None:
    """The (B, C, H, W) features that a call averages over rows and columns, and whether it keeps these dimensions."""
    if func is F.adaptive_avg_pool2d:
        features = args[0] if args else kwargs['input']
        size = args[1] if len(args) > 1 else kwargs['output_size']
        return (features, True) if features.ndim == 4 and size in (1, (1, 1), [1, 1]) else None
    if func not in MEANS:
        return None
    features = args[0] if args else kwargs['input']
    dims = args[1] if len(args) > 1 else kwargs.get('dim', kwargs.get('axis'))
    if not isinstance(dims, (tuple, list)) or features.ndim != 4 or {dim % 4 for dim in dims} != SPATIAL:
        return None
    return features, bool(args[2] if len(args) > 2 else kwargs.get('keepdim', False))


def whole_means(net: nn.Module, picture: Tensor) -> list[Tensor]:
    """The means that a network takes over a whole picture, each (C,), in their order; () for one that takes none.

    Args:
        net: In evaluation mode.
        picture: (1, 3, H, W).
    """
    means: list[Tensor] = []

    def keep(features: Tensor) -> Tensor:
        mean = features.mean((2, 3))
        means.append(mean[0])
        return mean

    with _Interception((), keep):
        net(picture)
    return means


def run_with_means(net: Callable[[Tensor], Tensor], tiles: Tensor, means: Sequence[Tensor]) -> Tensor:
    """Run a network on tiles whose picture's means are known.

    Args:
        net: (B, 3, h, w) -> (B, 3, h * scale, w * scale).
        tiles: (B, 3, h, w).
        means: All of them, as :func:`whole_means` would give them for the picture.
    """
    if not means:
        return net(tiles)

    def refuse(features: Tensor) -> Tensor:
        raise ValueError(f'the network takes more than {len(means)} means over a picture of {tuple(features.shape)}; '
                         'accepted: networks that take as many for every picture')

    with _Interception(means, refuse):
        return net(tiles)


def sums_at(net: nn.Module, tiles: Tensor, cores: Sequence[tuple[slice, slice]], means: Sequence[Tensor]) -> Tensor:
    """Sums of what the next mean is taken over, within a part of each tile.

    The network runs no further than to that mean.

    Args:
        net: In evaluation mode.
        tiles: (B, 3, h, w).
        cores: Rows and columns of each tile over which to sum.
        means: Those before it.

    Returns:
        float64 (B, C): for each pixel of the tile, not of the features where these are of another size, so that the
        sums of all cores, divided by the picture's pixels, are the mean.
    """
    def stop(features: Tensor) -> Tensor:
        raise _Reached(features)

    try:
        with _Interception(means, stop):
            net(tiles)
    except _Reached as reached:
        features = reached.features
    else:
        raise ValueError(f'the network takes {len(means)} means over a picture, and none after these')
    return _core_sums(features, tiles, cores)


def rough_sums(net: nn.Module, tiles: Tensor, cores: Sequence[tuple[slice, slice]]) -> list[Tensor]:
    """As :func:`sums_at` for all means in one run, each given those of the tile for the ones before it.

    For networks that take so many that a pass for each would cost too much. What comes of it is near the means of the
    picture, and not equal.
    """
    found: list[Tensor] = []

    def keep(features: Tensor) -> Tensor:
        found.append(_core_sums(features, tiles, cores))
        return features.mean((2, 3))

    with _Interception((), keep):
        net(tiles)
    return found


def _core_sums(features: Tensor, tiles: Tensor, cores: Sequence[tuple[slice, slice]]) -> Tensor:
    """Sums of features over the core of each tile, float64 (B, C), for each pixel of the tile."""
    down, across = features.shape[-2] / tiles.shape[-2], features.shape[-1] / tiles.shape[-1]
    sums = [part[:, _scaled(rows, down), _scaled(columns, across)].sum((1, 2), dtype=torch.float64)
            for part, (rows, columns) in zip(features, cores, strict=True)]
    return torch.stack(sums) / (down * across)


def _scaled(part: slice, factor: float) -> slice:
    return slice(round(part.start * factor), round(part.stop * factor))
