"""What an exported file says of itself: everything needed to feed it pictures, inside the file."""
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from effsr.inference.weights import LoadedModel
from effsr.runtime.sidecar import plain_values

KEY = 'effsr'  # of the metadata, in the formats that have keys
VERSION = 1
# The same for all files; written for whoever runs them without effsr.
CONVENTIONS = {'range': [0, 1], 'color_order': 'RGB', 'layout': 'NCHW', 'clipped': False}
REQUIRED = ('scale', 'arch')


@dataclass(frozen=True)
class Facts:
    """What an exported network is.

    Attributes:
        scale: Whole factor.
        arch: The architecture's name in BasicSR's registry.
        args: The arguments it was built with.
        multiple: Height and width of the input must be divisible by it.
        halo: Input pixels to each side that an output pixel depends on; None: not bounded, or not known.
        precision: 'fp32', 'fp16' or 'int8'.
        effsr: Version that wrote the file.
        weights: Name of the weights' file.
        sha256: Of that file.
        quantisation: How int8 was calibrated; None for others.
    """

    scale: int
    arch: str
    args: dict[str, Any] = field(default_factory=dict)
    multiple: int = 1
    halo: int | None = None
    precision: str = 'fp32'
    effsr: str = ''
    weights: str = ''
    sha256: str = ''
    quantisation: dict[str, Any] | None = None

    def to_text(self) -> str:
        """One line of JSON, ASCII, as it stands in the files."""
        return json.dumps(plain_values({'version': VERSION, **CONVENTIONS, **asdict(self)}), allow_nan=False)


def facts_of(model: LoadedModel, halo: int | None = None) -> Facts:
    """The facts of a model that is converted in memory."""
    return Facts(model.scale, model.arch, plain_values(dict(model.args)), model.multiple, halo,
                 weights=Path(model.path).name)


def read_facts(text: str | None, path: str | Path) -> Facts:
    """Read what :meth:`Facts.to_text` wrote; what a later version adds is passed over.

    Raises:
        ValueError: There is none, or it is damaged; one line that names the file.
    """
    if text is None:
        raise ValueError(f'{path}: no metadata of effsr inside (scale, colour order ...); accepted: a file written by '
                         'effsr/export.py')
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, Mapping) or any(name not in given for name in REQUIRED):
        raise ValueError(f'{path}: its metadata of effsr is damaged; export it again')
    facts = Facts(**{part.name: given[part.name] for part in fields(Facts) if part.name in given})
    for name, lowest in (('scale', 1), ('multiple', 1), ('halo', 0)):
        value = getattr(facts, name)
        if not (name == 'halo' and value is None) and (type(value) is not int or value < lowest):
            raise ValueError(f'{path}: its metadata says {name} {value!r}; accepted: a whole number from {lowest}; '
                             'export it again')
    for name, value in CONVENTIONS.items():
        if given.get(name, value) != value:
            raise ValueError(f'{path}: its metadata says {name} {given[name]!r}; this version of effsr runs {value!r}')
    return facts
