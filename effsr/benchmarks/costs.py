"""What networks cost, side by side: size, arithmetic, memory, and time in turns."""
import gc
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from effsr.benchmarks.backends import CannotRun, Way, check_way, prepare, reason_of
from effsr.benchmarks.counting import Counted, count
from effsr.benchmarks.exports import Exports
from effsr.benchmarks.footprint import peak_memory
from effsr.benchmarks.interleave import Spread, interleave, spread
from effsr.benchmarks.peak import Peak, PeakRuns, best
from effsr.benchmarks.timing import Timed
from effsr.inference.weights import LoadedModel

Shape = tuple[int, int, int, int]
Key = tuple[str, Way]


@dataclass(frozen=True)
class CostRow:
    """What one pass through a network costs.

    Attributes:
        parameters: Numbers that it learnt.
        macs: Multiplications with their addition, of convolutions and matrix products; FLOPs are twice as many.
        activations: Numbers that convolutions write.
        moved: Bytes that all operations read and write.
        pixels: Of what comes out, all pictures of the batch together.
        times: Seconds, one for each round.
        peak_memory: Bytes above Python and its libraries, or None where it is not known.
    """

    parameters: int
    macs: int
    activations: int
    moved: int
    pixels: int
    times: tuple[float, ...]
    peak_memory: int | None = None

    @property
    def flops(self) -> int:
        return 2 * self.macs

    @property
    def seconds(self) -> Spread:
        """Median, lowest and highest."""
        return spread(self.times)

    @property
    def megapixels_a_second(self) -> float:
        """Of the output, at the median time."""
        return self.pixels / 1e6 / self.seconds.median


@dataclass(frozen=True)
class Costs:
    """What came out for one shape of input.

    Attributes:
        shape: (B, C, H, W) of the input.
        rows: By name and way, in order; without those that could not be run.
        failed: The reason for those.
        peak: What the device can do, measured in the same rounds; None if it was not asked for.
    """

    shape: Shape
    rows: dict[Key, CostRow]
    failed: dict[Key, str]
    peak: Peak | None = None

    @property
    def order(self) -> list[Key]:
        """All of them, model by model."""
        return list(dict.fromkeys((*self.rows, *self.failed)))


def quick_costs(models: Mapping[str, LoadedModel], size: int = 256, rounds: int = 5,
                device: str | torch.device = 'cpu') -> dict[str, CostRow]:
    """What each model costs for a picture of size x size, in float32, timed in turn.

    Args:
        models: By name, on any device.
        size: Height and width of the input; made divisible by what a model asks for.
        rounds: The first is dropped.
        device: Where to measure.

    Returns:
        By name; without models that cannot be run.
    """
    step = max((model.multiple for model in models.values()), default=1)
    side = -(-size // step) * step
    nets = {name: model.net for name, model in models.items()}
    costs = measure(nets, [Way()], (1, 3, side, side), rounds, torch.device(device), with_peak=False)
    return {name: row for (name, _), row in costs.rows.items()}


def measure(nets: Mapping[str, nn.Module], ways: list[Way], shape: Shape, rounds: int, device: torch.device,
            with_peak: bool = True, with_memory: bool = True, calibrate: Path | None = None) -> Costs:
    """Every network in every way, in turns, for one shape; then the memory of each in a process of its own.

    Ways that do not exist on the device are left out; what fails is told in `failed`, and the rest are done. Int8 is
    calibrated on the photographs in ``calibrate``, None for scikit-image's.
    """
    picture = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)
    rows: dict[Key, CostRow] = {}
    failed: dict[Key, str] = {}
    calls: dict[Key, Timed] = {}
    with tempfile.TemporaryDirectory() as work:
        exports, files = Exports(Path(work), calibrate), {}
        for place, (name, net) in enumerate(nets.items()):
            for way in existing(ways, device):
                key = (name, way)
                try:
                    row = _row(count(net.to(device), shape, way.dtype))
                    files[key] = exports.file(place, net, picture, way)
                    calls[key] = warmed(net, picture, way, files[key])
                    rows[key] = row
                except torch.OutOfMemoryError:
                    raise
                # No picture, sides that do not divide, what an architecture of a user's own raises: the others are
                # done.
                except Exception as error:
                    failed[key] = reason_of(error)
        dense = {way.precision: way.dtype for _, way in rows if _has_peak(way, device)}
        runs = dict(calls) | ({None: PeakRuns(dense, device)} if with_peak and rows else {})
        measured = interleave(runs, rounds)
        peak = best(measured.pop(None)) if None in measured else None
        del runs, calls
        gc.collect()
        for key, row in rows.items():
            name, way = key
            peaked = peak_memory(nets[name], shape, way, device, files[key]) if with_memory else None
            rows[key] = replace(row, times=tuple(measured[key]), peak_memory=peaked)
    return Costs(shape, rows, failed, peak)


def _has_peak(way: Way, device: torch.device) -> bool:
    """Whether PyTorch computes dense convolutions in that precision there."""
    return way.precision != 'int8' and not (way.precision == 'fp16' and device.type == 'cpu')


def existing(ways: list[Way], device: torch.device) -> list[Way]:
    """Those of some ways that can be run on a device at all."""
    found = []
    for way in ways:
        try:
            check_way(way, device)
        except CannotRun:
            continue
        found.append(way)
    return found


def warmed(net: nn.Module, picture: torch.Tensor, way: Way, file: Path | None = None) -> Timed:
    """A network ready to be timed, run once, so that what fails does so before the rounds.

    Args:
        file: The export that a library runs.

    Raises:
        CannotRun: The reason, in one line.
        torch.OutOfMemoryError: The memory of the GPU is too small.
    """
    try:
        timed = Timed(prepare(net, picture, way, file), picture.device)
        timed.warm_up()
    except (CannotRun, torch.OutOfMemoryError):
        raise
    # A compiler, or an architecture of a user's own, may fail in any way.
    except Exception as error:
        raise CannotRun(reason_of(error)) from error
    return timed


def _row(counted: Counted) -> CostRow:
    batch, _, height, width = counted.output
    return CostRow(counted.parameters, counted.macs, counted.activations, counted.moved, batch * height * width, ())
