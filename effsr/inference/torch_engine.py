"""Running a network by PyTorch, on the CPU or on CUDA, in full or half precision."""
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from effsr.inference.engine import EngineSettings, OutOfMemory, Say
from effsr.inference.memory import free_memory, measure_bytes
from effsr.inference.pooled import run_with_means, sums_at
from effsr.inference.precision import DTYPES, check_device, choose_precision, spoiled
from effsr.inference.receptive import count_pools, needed_halo
from effsr.inference.weights import LoadedModel


def open_torch(model: LoadedModel, settings: EngineSettings, say: Say) -> 'TorchEngine':
    """See :func:`effsr.inference.engine.open_engine`."""
    device = check_device(settings.device)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    engine = TorchEngine(model, device, 'fp32', settings, say)
    if settings.precision != 'fp32':
        chosen = choose_precision(settings.precision, device, engine.run_at, model.multiple, say)
        engine.change_precision(chosen)
    return engine


class TorchEngine:
    """A network on a device; an :class:`effsr.inference.engine.PooledEngine` and a MeasuredEngine.

    Half precision is autocast's: parameters stay float32. A batch that comes out black or not finite is run again in
    fp32, and so are all after it.

    Args:
        model: Its network is moved to the device.
        device: Where it runs.
        precision: 'fp32', 'bf16' or 'fp16'.
        settings: For the memory format and compilation.
        say: Told when the precision had to change.
    """

    def __init__(self, model: LoadedModel, device: torch.device, precision: str, settings: EngineSettings,
                 say: Say) -> None:
        last = settings.channels_last if settings.channels_last is not None else device.type == 'cpu'
        self.model = model
        self.device = device
        self.precision = precision
        self.say = say
        self.format = torch.channels_last if last else torch.contiguous_format
        self.net: nn.Module = model.net.to(device, memory_format=self.format)
        self.scale = model.scale
        self.multiple = model.multiple
        self.fixed_batch = None
        self.pools = count_pools(self.net, model.multiple)
        self.compiled = self._compiled(settings.compile)

    @property
    def name(self) -> str:
        return f'torch {self.device.type} {self.precision}' + (' compiled' if self.compiled is not self.net else '')

    @cached_property
    def halo(self) -> int | None:
        """Measured when it is first wanted: small pictures need none."""
        key = f'{self.model.arch} {sorted(self.model.args.items())}'
        return needed_halo(self.net, self.scale, self.multiple, key)

    def __call__(self, tiles: Tensor) -> Tensor:
        return self.run(tiles, ())

    def run(self, tiles: Tensor, means: Sequence[Tensor]) -> Tensor:
        """As a call; with the means of :func:`effsr.inference.pooled.run_with_means`."""
        answer = self.run_at(tiles, self.precision, means)
        fault = spoiled(tiles, answer)
        if fault and self.precision != 'fp32':
            self.say(f'{self.model.arch} gave {fault} in {self.precision}; redone, and continued, in fp32')
            self.change_precision('fp32')
            answer = self.run_at(tiles, 'fp32', means)
            fault = spoiled(tiles, answer)
        if fault == 'NaN or infinity':
            raise ValueError(f'{self.model.arch} gave NaN or infinity; the weights {self.model.path} are of no use')
        return answer

    def run_at(self, tiles: Tensor, precision: str, means: Sequence[Tensor] = ()) -> Tensor:
        """A run in the given precision, whose result is not looked at."""
        return self._guarded(lambda part: run_with_means(self.compiled, part, means), tiles, precision).float().cpu()

    def pool_sums(self, tiles: Tensor, cores: Sequence[tuple[slice, slice]], means: Sequence[Tensor]) -> Tensor:
        sums = self._guarded(lambda part: sums_at(self.net, part, cores, means), tiles, self.precision)
        if not torch.isfinite(sums).all() and self.precision != 'fp32':
            self.say(f'{self.model.arch} gave NaN or infinity in {self.precision}; redone, and continued, in fp32')
            self.change_precision('fp32')
            sums = self._guarded(lambda part: sums_at(self.net, part, cores, means), tiles, 'fp32')
        return sums.cpu()

    def with_means(self, means: Sequence[Tensor]) -> 'BoundEngine':
        return BoundEngine(self, tuple(means))

    def change_precision(self, precision: str) -> None:
        """From now on 'fp32', 'bf16' or 'fp16'."""
        self.precision = precision

    def bytes_per_pixel(self) -> float:
        return measure_bytes(lambda tiles: self.run_at(tiles, self.precision), self.device, self.multiple)

    def free_memory(self) -> int:
        return free_memory(self.device)

    @torch.inference_mode()
    def _guarded(self, run: Callable[[Tensor], Tensor], tiles: Tensor, precision: str) -> Tensor:
        dtype = DTYPES[precision]
        half = torch.autocast(self.device.type, dtype) if dtype != torch.float32 else nullcontext()
        try:
            with half:
                return run(tiles.to(self.device, memory_format=self.format))
        except MemoryError as error:
            raise OutOfMemory(str(error)) from error
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and 'memory' not in str(error).lower():
                raise ValueError(f'{self.model.arch} failed on tiles of {tuple(tiles.shape)}: '
                                 f'{" ".join(str(error).split())}') from error
            cause = OutOfMemory(str(error))
        # Outside of the handler, whose traceback would hold on to what the network had made so far.
        if self.device.type == 'cuda':
            torch.cuda.empty_cache()
        raise cause

    def _compiled(self, wanted: bool) -> nn.Module:
        if not wanted:
            return self.net
        if self.pools:
            self.say(f'{self.model.arch} averages over the whole picture and runs without torch.compile')
            return self.net
        return torch.compile(self.net, dynamic=False)


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
