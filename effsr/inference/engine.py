"""What runs a network on tiles: PyTorch, or an exported file in a library of its own."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from effsr.inference.weights import LoadedModel

BACKENDS = ('torch', 'onnxruntime', 'openvino')
PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')
DEVICES = ('auto', 'cpu', 'cuda')

Say = Callable[[str], None]


def silent(message: str) -> None:
    """The default of ``say``: keep it to oneself."""


class Engine(Protocol):
    """A network that is ready to upscale tiles of pictures.

    Attributes:
        name: For the terminal, such as 'torch cpu fp32' or 'onnxruntime cpu int8'. It may change when an engine finds
            that its precision does not do.
        scale: Whole factor.
        multiple: Both sides of a tile must be divisible by it.
        halo: Pixels of the input to each side that a pixel of the output depends on, rounded up to ``multiple``; None
            if that is not bounded, so that tiles differ from the whole.
        fixed_batch: How many tiles each call must have; None for any number.
    """

    name: str
    scale: int
    multiple: int
    halo: int | None
    fixed_batch: int | None

    def __call__(self, tiles: Tensor) -> Tensor:
        """Upscale a batch.

        Args:
            tiles: (B, 3, h, w) float32 RGB in [0, 1] on the CPU.

        Returns:
            (B, 3, h * scale, w * scale) float32 on the CPU, not clipped.

        Raises:
            OutOfMemory: There is not enough memory for these tiles; fewer or smaller ones may pass.
            ValueError: The network gives NaN, infinity, or another size.
        """


class OutOfMemory(RuntimeError):
    """Not enough memory, for a batch of tiles: fewer or smaller ones may pass."""


@runtime_checkable
class PooledEngine(Engine, Protocol):
    """An engine whose network averages over the whole picture, and which can be told the averages.

    Each average is found in a pass over the picture's tiles, given those before it. ``halo`` is that of the network
    whose averages are given.

    Attributes:
        pools: How many averages the network takes, one after the other; 0 for none, and then nothing is to be given.
    """

    pools: int

    def pool_sums(self, tiles: Tensor, cores: Sequence[tuple[slice, slice]], means: Sequence[Tensor]) -> Tensor:
        """Sums over parts of tiles, float64 (B, C), of what average number ``len(means)`` is taken.

        Args:
            tiles: (B, 3, h, w) as for a call.
            cores: Rows and columns of each tile, in its own pixels, over which to sum.
            means: The averages before this one, each float32 (C,).
        """

    def rough_sums(self, tiles: Tensor, cores: Sequence[tuple[slice, slice]]) -> list[Tensor]:
        """The same for all averages in one run, each float64 (B, C), found with those of the tile: near, not equal."""

    def with_means(self, means: Sequence[Tensor]) -> Engine:
        """The engine for one picture, whose ``pools`` averages are given."""


@runtime_checkable
class MeasuredEngine(Engine, Protocol):
    """An engine that knows its memory."""

    def bytes_per_pixel(self) -> float:
        """Bytes of working memory for each pixel of a batch of tiles, halo included."""

    def free_memory(self) -> int:
        """Bytes that are free where it works."""


@dataclass(frozen=True)
class EngineSettings:
    """How to run a network.

    Attributes:
        backend: 'torch', 'onnxruntime' or 'openvino'.
        precision: 'fp32', 'bf16', 'fp16', or 'auto': what is fast on the device and close to fp32.
        device: 'cpu', 'cuda', or 'auto': CUDA where there is one.
        channels_last: Memory format; None takes what suits device and precision.
        compile: Whether torch.compile prepares the network, once for each size of tile.
        threads: Of the CPU; None leaves the library's own number.

    Raises:
        ValueError: A value that is not among these.
    """

    backend: str = 'torch'
    precision: str = 'auto'
    device: str = 'auto'
    channels_last: bool | None = None
    compile: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, accepted in (('backend', BACKENDS), ('precision', PRECISIONS), ('device', DEVICES)):
            if getattr(self, name) not in accepted:
                raise ValueError(f'{name} is {getattr(self, name)!r}; accepted: {", ".join(accepted)}')
        if self.threads is not None and self.threads < 1:
            raise ValueError(f'threads is {self.threads}; accepted: a whole number from 1')


def open_engine(model: LoadedModel, settings: EngineSettings | None = None, say: Say = silent) -> Engine:
    """The engine that runs a model as the settings say.

    Args:
        model: From :func:`effsr.inference.weights.load_model`; with the torch backend it is moved to the device.
        settings: None for the defaults.
        say: Told, in one line each, what the user should know: what was picked, and what had to be changed later.

    Raises:
        ValueError: A device or library is asked for that is not here, or the network does not run.
    """
    settings = settings or EngineSettings()
    if settings.backend == 'torch':
        from effsr.inference.torch_engine import open_torch
        return open_torch(model, settings, say)
    from effsr.inference.backends import open_model  # its libraries are optional
    return open_model(model, settings, say)
