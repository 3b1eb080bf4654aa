"""A step whose numbers were not finite, as it is told, written and repeated."""
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from effsr.models.pairs import Pairs
from effsr.runtime.atomic import CheckpointError, atomic_file
from effsr.runtime.checkpoint import load_file, save_atomic

NAMED = 3  # samples that a line names
FOLDER = 'nonfinite'


@dataclass(frozen=True)
class Sample:
    """One sample of a batch, and what of it is not finite by itself.

    Attributes:
        index: Its place in the batch of its process.
        seed: None where it came without.
        path: Its gt file, None where that is not known.
        faults: Of lq, gt, gt_usm, result, the losses by their names in the log, gradient.
    """

    index: int
    seed: int | None
    path: str | None
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        seed = f' (seed {self.seed})' if self.seed is not None else ''
        return f'{self.path or f"number {self.index} of the batch"}{seed}: {", ".join(self.faults)}'


@dataclass(frozen=True)
class Diagnosis:
    """What was found by computing a step once more.

    Attributes:
        places: Where numbers ceased to be finite, in the order of computing; the first one is the cause.
        losses: Names of the losses that are not finite, and of those whose gradient with respect to the result is not.
        samples: Those with faults; first those that were fed so, which spoil others where there is batch norm.
        failure: Why the step could not be computed again; None if it was.
    """

    places: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    failure: str | None = None

    @property
    def found(self) -> bool:
        """Whether anything was not finite this time, too."""
        return bool(self.places or self.losses or self.samples)

    def describe(self) -> str:
        """Where first, and which samples, for a line."""
        if self.failure is not None:
            return f'the cause was not looked for ({self.failure})'
        if not self.found:
            return 'not met again with the present weights'
        first = self.places[0] if self.places else ', '.join(self.losses) or 'the samples'
        named = '; '.join(map(str, self.samples[:NAMED])) or 'none by itself'
        more = f' and {len(self.samples) - NAMED} more' if len(self.samples) > NAMED else ''
        return f'first at {first}; samples: {named}{more}'


@dataclass(frozen=True)
class Incident:
    """One step of one process.

    Attributes:
        iteration: From 1.
        what: Names of the losses, gradients and such that were not finite.
        diagnosis: Of this process's part of the batch.
        batch: All its samples.
        settings: Precision, learning rates and such, for the file.
    """

    iteration: int
    what: tuple[str, ...]
    diagnosis: Diagnosis
    batch: tuple[Sample, ...]
    settings: Mapping[str, Any]

    def describe(self) -> str:
        """What happened, without iteration, file and consequence."""
        names = [name if name.startswith('l_') else f'the {name}' for name in self.what]
        listed = ' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))
        one = len(names) == 1 and not self.what[0].startswith(('weights', 'statistics'))
        return f'{listed} {"is" if one else "are"} not finite; {self.diagnosis.describe()}'


def file_name(folder: Path, iteration: int, rank: int) -> Path:
    """Where an incident is written, less the suffix."""
    return folder / (str(iteration) if rank == 0 else f'{iteration}_rank{rank}')


def write(incident: Incident, pairs: Pairs, stem: Path) -> Path:
    """Write an incident as STEM.json, and its batch as STEM.pth for :func:`effsr.models.nonfinite.diagnosis.replay`.

    Returns:
        The .json file.

    Raises:
        CheckpointError: One of them cannot be written.
    """
    report, batch = Path(f'{stem}.json'), Path(f'{stem}.pth')
    # The whole storage would be written, where a tensor is part of a larger one.
    save_atomic({name: tensor.detach().cpu().clone() for name, tensor in pairs._asdict().items()}, batch)
    text = json.dumps(asdict(incident), indent=1, default=float)  # a learning rate may be a tensor
    with atomic_file(report) as file:
        file.write(text.encode())
    return report


def read_batch(path: str | Path) -> tuple[Pairs, dict[int, str]]:
    """The batch of an incident, on the CPU, and the files of its samples by their place in it.

    Args:
        path: The .pth file, or the .json file beside it, which may be missing.

    Raises:
        CheckpointError: No such file, or not such a file.
    """
    path = Path(path).with_suffix('.pth')
    values = load_file(path)
    if not isinstance(values, Mapping) or set(values) != set(Pairs._fields):
        raise CheckpointError(f'{path}: is no batch of a step that was not finite; those are in '
                              f'experiments/NAME/{FOLDER}')
    try:
        report = json.loads(path.with_suffix('.json').read_text(encoding='utf-8'))
        return Pairs(**values), {sample['index']: sample['path'] for sample in report['batch'] if sample['path']}
    except (OSError, ValueError, KeyError):
        return Pairs(**values), {}
