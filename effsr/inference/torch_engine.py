"""Running a network by PyTorch, on the CPU or on CUDA, in full or half precision."""
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor, nn

from effsr.inference.engine import EngineSettings, OutOfMemory, Say
from effsr.inference.memory import free_memory, measure_bytes, ran_out
from effsr.inference.pooled import rough_sums, run_with_means, sums_at
from effsr.inference.precision import DTYPES, check_device, choose_precision, spoiled
from effsr.inference.receptive import grey_means, needed_halo
from effsr.inference.weights import LoadedModel

Result = TypeVar('Result')


def open_torch(model: LoadedModel, settings: EngineSettings, say: Say) -> 'TorchEngine':
    """See :func:`effsr.inference.engine.open_engine`."""
    device = check_device(settings.device)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    engine = TorchEngine(model, device, 'fp32', settings, say)
    if settings.precision != 'fp32':
        chosen = choose_precision(settings.precision, device, engine.run_at, model.multiple, say)
        engine.change_precision(chosen)
    if settings.compile:  # last, so that what is only tried is not compiled
        engine.compile()
    return engine


class TorchEngine:
    """A network on a device; an :class:`effsr.inference.engine.PooledEngine` and a MeasuredEngine.

    Half precision is autocast's: parameters stay float32. A batch that comes out black or not finite is run again in
    fp32, and so are all after it.

    Args:
        model: Its network is moved to the device.
        device: Where it runs.
        precision: 'fp32', 'bf16' or 'fp16'.
        settings: For the memory format.
        say: Told when the precision had to change.
    """

    def __init__(self, model: LoadedModel, device: torch.device, precision: str, settings: EngineSettings,
                 say: Say) -> None:
        last = settings.channels_last
        if last is None:
            last = device.type == 'cpu' or settings.precision != 'fp32'
        self.model = model
        self.device = device
        self.precision = precision
        self.say = say
        self.format = torch.channels_last if last else torch.contiguous_format
        self.net: nn.Module = model.net.to(device, memory_format=self.format)
        self.scale = model.scale
        self.multiple = model.multiple
        self.fixed_batch = None
        self.pools = len(grey_means(self.net, model.multiple))
        self.compiled: nn.Module = self.net
        self.measured: dict[str, float] = {}

    @property
    def name(self) -> str:
        return f'torch {self.device.type} {self.precision}' + (' compiled' if self.compiled is not self.net else '')

    @cached_property
    def halo(self) -> int | None:
        """Measured when it is first wanted: small pictures need none."""
        # Shapes too: a network that another library described has no arguments here.
        shapes = sorted((name, tuple(value.shape)) for name, value in self.net.state_dict().items())
        key = f'{self.model.arch} {sorted(self.model.args.items())} {shapes}'
        return needed_halo(self.net, self.scale, self.multiple, key)

    def __call__(self, tiles: Tensor) -> Tensor:
        return self.run(tiles, ())

    def run(self, tiles: Tensor, means: Sequence[Tensor]) -> Tensor:
        """As a call; with the means of :func:`effsr.inference.pooled.run_with_means`."""
        answer = self.run_at(tiles, self.precision, means)
        fault = spoiled(tiles, answer)
        if fault and self.precision != 'fp32':
            self._give_up_half(fault)
            answer = self.run_at(tiles, 'fp32', means)
            fault = spoiled(tiles, answer)
        if fault == 'NaN or infinity':
            raise ValueError(f'{self.model.arch} gave NaN or infinity; the weights {self.model.path} are of no use')
        return answer

    def run_at(self, tiles: Tensor, precision: str, means: Sequence[Tensor] = ()) -> Tensor:
        """A run in the given precision, whose result is not looked at."""
        def run(part: Tensor) -> Tensor:
            return run_with_means(self.compiled, part, means).float().cpu()

        try:
            return self._guarded(run, tiles, precision)
        except ValueError as error:
            if self.compiled is self.net:
                raise
            self.say(f'torch.compile failed, the network runs without it ({str(error)[:160]})')
            self.compiled = self.net
            return self.run_at(tiles, precision, means)

    def pool_sums(self, tiles: Tensor, cores: Sequence[tuple[slice, slice]], means: Sequence[Tensor]) -> Tensor:
        return self._sums(lambda part: [sums_at(self.net, part, cores, means)], tiles)[0]

    def rough_sums(self, tiles: Tensor, cores: Sequence[tuple[slice, slice]]) -> list[Tensor]:
        return self._sums(lambda part: rough_sums(self.net, part, cores), tiles)

    def _sums(self, find: Callable[[Tensor], list[Tensor]], tiles: Tensor) -> list[Tensor]:
        sums = self._guarded(find, tiles, self.precision)
        if self.precision != 'fp32' and not all(torch.isfinite(one).all() for one in sums):
            self._give_up_half('NaN or infinity')
            sums = self._guarded(find, tiles, 'fp32')
        return [one.cpu() for one in sums]

    def _give_up_half(self, fault: str) -> None:
        self.say(f'{self.model.arch} gave {fault} in {self.precision}; redone, and continued, in fp32')
        self.change_precision('fp32')

    def with_means(self, means: Sequence[Tensor]) -> 'BoundEngine':
        return BoundEngine(self, tuple(means))

    def change_precision(self, precision: str) -> None:
        """From now on 'fp32', 'bf16' or 'fp16'."""
        self.precision = precision

    def compile(self) -> None:
        """From now on by torch.compile, which prepares the network when it is first run on a size."""
        if self.pools:
            self.say(f'{self.model.arch} averages over the whole picture and runs without torch.compile')
            return
        self.compiled = torch.compile(self.net)

    def bytes_per_pixel(self) -> float:
        name = self.precision
        if name not in self.measured:
            # Not the compiled network, which would be compiled for the probe's size, too.
            self.measured[name] = measure_bytes(lambda tiles: self._guarded(self.net, tiles, name).float().cpu(),
                                                self.device, self.multiple)
        return self.measured[name]

    def free_memory(self) -> int:
        return free_memory(self.device)

    @torch.inference_mode()
    def _guarded(self, run: Callable[[Tensor], Result], tiles: Tensor, precision: str) -> Result:
        dtype = DTYPES[precision]
        half = torch.autocast(self.device.type, dtype) if dtype != torch.float32 else nullcontext()
        try:
            with half:
                return run(tiles.to(self.device, memory_format=self.format))
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise ValueError(f'{self.model.arch} failed on tiles of {tuple(tiles.shape)}: '
                                 f'{" ".join(str(error).split())}') from error
            cause = OutOfMemory(str(error))
        # Outside of the handler, whose traceback would hold on to what the network had made so far.
        if self.device.type == 'cuda':
            torch.cuda.empty_cache()
        raise cause


@dataclass(frozen=True)
class BoundEngine:
    """An engine for one picture, whose means over the whole are given."""

    parent: TorchEngine
    means: tuple[Tensor, ...]
    fixed_batch: None = None

    @property
    def name(self) -> str:
        return self.parent.name

    @property
    def scale(self) -> int:
        return self.parent.scale

    @property
    def multiple(self) -> int:
        return self.parent.multiple

    @property
    def halo(self) -> int | None:
        return self.parent.halo

    def __call__(self, tiles: Tensor) -> Tensor:
        return self.parent.run(tiles, self.means)
