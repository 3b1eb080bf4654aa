"""What an evaluation found: the values that the tables, the files and the report are made of."""
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from effsr.metrics.catalogue import MetricInfo

FORMAT = 'effsr.evaluation/1'


@dataclass(frozen=True)
class Contestant:
    """One of those compared.

    Attributes:
        name: What the tables call it; no two are called alike.
        kind: 'weights', 'bicubic', 'lanczos' or 'pictures'.
        source: The file or folder; '' for bicubic and lanczos.
        arch: The network's class; '' where there is none.
        args: The arguments the network is built with.
        scale: The network's factor; None for those that have none of their own.
        sha256: Of the weights' file, in hexadecimal; '' where there is none.
        steps: Training iterations, from the JSON file beside the weights or the file's name; None where unknown.
        parameters: Numbers that the network learnt; None where there is no network.
        note: What had to be assumed, to be told to the reader; '' for nothing.
    """

    name: str
    kind: str
    source: str = ''
    arch: str = ''
    args: dict[str, Any] = field(default_factory=dict)
    scale: int | None = None
    sha256: str = ''
    steps: int | None = None
    parameters: int | None = None
    note: str = ''


@dataclass(frozen=True)
class SetInfo:
    """A set of pictures.

    Attributes:
        name: What the tables call it.
        pictures: Their names without suffix, in the order of all values; parts of a path are joined by '/'.
        scale: Between the low-resolution pictures and the results.
        has_gt: Whether there is a ground truth.
        made: How the low-resolution pictures came about, one line.
        border: Pixels left out at each side by the metrics, in pixels of the result.
        notes: What is to be told about the set: 16 bits, grey pictures, alpha, one picture only.
    """

    name: str
    pictures: tuple[str, ...]
    scale: int
    has_gt: bool
    made: str
    border: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """Contestant less baseline over the pictures of a set, with a paired bootstrap interval of 95 percent.

    Attributes:
        mean: Of the differences.
        low: Lower end of the interval; equal to ``mean`` where there is none.
        high: Upper end.
        pictures: How many pictures it is from.
        significant: Whether 0 lies outside the interval; None with fewer than 3 pictures, where nothing can be said.
    """

    mean: float
    low: float
    high: float
    pictures: int
    significant: bool | None


@dataclass(frozen=True)
class Evaluation:
    """All that an evaluation found. The dicts are keyed by names: of the set, then of the contestant, the metric.

    Attributes:
        head: Lines for the head of the tables: command, machine, versions, date, border, conversion.
        contestants: In the order in which they were given.
        sets: Likewise.
        metrics: Likewise.
        values: [set][contestant][metric] -> a value for each picture in the order of ``SetInfo.pictures``; None where
            it cannot be computed. Empty for a metric that gives one figure for a whole set.
        whole: [set][contestant][metric] -> the mean over all pictures, or the set's one figure; None where any picture
            lacks.
        missing: [set][contestant][metric] -> the reason, where ``whole`` is None and only there.
        baseline: Name of the contestant from whom differences are taken.
        differences: [set][contestant][metric] -> Difference, where both have all values; not of the baseline itself.
        pictures: [set][picture][contestant, or 'lq', or 'gt'] -> a PNG; what could not be made is left out.
        settings: What was asked for, as values that JSON has.
        environment: Versions and machine, likewise.
    """

    head: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    sets: tuple[SetInfo, ...]
    metrics: tuple[MetricInfo, ...]
    values: dict[str, dict[str, dict[str, tuple[float | None, ...]]]]
    whole: dict[str, dict[str, dict[str, float | None]]]
    missing: dict[str, dict[str, dict[str, str]]]
    baseline: str
    differences: dict[str, dict[str, dict[str, Difference]]]
    pictures: dict[str, dict[str, dict[str, Path]]]
    settings: dict[str, Any]
    environment: dict[str, Any]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """All of it as values that JSON has; infinity, of identical pictures, becomes the text 'inf'."""
    return _plain({'format': FORMAT, **asdict(evaluation)})


def from_json(document: Mapping[str, Any]) -> Evaluation:
    """What :func:`to_json` made, back again; or the whole document of evaluate.py --json, which holds it as its values.

    Raises:
        ValueError: Another format, or parts that lack.
    """
    if document.get('what') == 'evaluate':
        document = document['values']
    if document.get('format') != FORMAT:
        raise ValueError(f'format is {document.get("format")!r}; accepted: {FORMAT}, what evaluate.py --json writes')
    try:
        return Evaluation(
            head=tuple(document['head']),
            contestants=tuple(Contestant(**entry) for entry in document['contestants']),
            sets=tuple(SetInfo(**{key: _tupled(value) for key, value in entry.items()}) for entry in document['sets']),
            metrics=tuple(MetricInfo(**entry) for entry in document['metrics']),
            values=_each(document['values'], lambda value: tuple(map(_number, value))),
            whole=_each(document['whole'], _number),
            missing=_each(document['missing'], str),
            baseline=document['baseline'],
            differences=_each(document['differences'], _difference),
            pictures=_each(document['pictures'], Path),
            settings=document['settings'], environment=document['environment'])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'not a whole {FORMAT}: {type(error).__name__}: {error}') from error


def _each(table: Mapping[str, Any], convert: Any, depth: int = 3) -> dict[str, Any]:
    """A nest of three dicts with its values converted."""
    return {key: _each(value, convert, depth - 1) if depth > 1 else convert(value) for key, value in table.items()}


def _difference(entry: Mapping[str, Any]) -> Difference:
    return Difference(**{key: _number(value) if key in ('mean', 'low', 'high') else value
                         for key, value in entry.items()})


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return 'nan' if math.isnan(value) else 'inf' if value > 0 else '-inf'
    return value
