"""How a picture is cut into tiles: sizes by the memory that is there."""
from dataclasses import dataclass

ALPHA_WAYS = ('network', 'resize')


@dataclass(frozen=True)
class Plan:
    """How one picture is to be upscaled. The defaults choose by themselves.

    Attributes:
        scale: Factor of the result, above 0; None for the network's. Where they differ, the network's result is
            resized, antialiased bicubic.
        tile: Side of a tile in input pixels without its halo, rounded up to what the network takes; 0 chooses by the
            free memory, and takes the whole picture where that fits.
        tile_pad: Halo in input pixels, rounded up likewise; None for what the network's outputs depend on.
        batch: Tiles in a call; 0 chooses.
        bits: Of the result, 8 or 16; None for the input's.
        alpha: 'network' runs transparency through the network as a grey picture, 'resize' resizes it, bicubic.
        memory: Bytes that upscaling may use beside the input; None for a part of what is free, up to a few GB.

    Raises:
        ValueError: A value out of range.
    """

    scale: float | None = None
    tile: int = 0
    tile_pad: int | None = None
    batch: int = 0
    bits: int | None = None
    alpha: str = 'network'
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and not 0 < self.scale < float('inf'):
            raise ValueError(f'scale is {self.scale}; accepted: a number above 0')
        if min(self.tile, self.tile_pad or 0, self.batch) < 0:
            raise ValueError(f'tile is {self.tile}, tile_pad {self.tile_pad}, batch {self.batch}; '
                             'accepted: whole numbers from 0')
        if self.bits not in (None, 8, 16):
            raise ValueError(f'bits is {self.bits}; accepted: 8, 16')
        if self.alpha not in ALPHA_WAYS:
            raise ValueError(f'alpha is {self.alpha!r}; accepted: {", ".join(ALPHA_WAYS)}')
        if self.memory is not None and self.memory < 1:
            raise ValueError(f'memory is {self.memory}; accepted: bytes, from 1')


def output_size(height: int, width: int, plan: Plan, network_scale: int) -> tuple[int, int]:
    """(height, width) of what :func:`effsr.inference.streaming.upscale_stream` writes for a picture of this size."""
    scale = plan.scale or network_scale
    return max(1, round(height * scale)), max(1, round(width * scale))
