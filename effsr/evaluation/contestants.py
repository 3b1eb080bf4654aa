"""Those that are compared: weights, bicubic and Lanczos interpolation, folders of pictures made elsewhere."""
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from effsr.curation.errors import refuse
from effsr.data.image_io import image_size
from effsr.evaluation.content import sha256_of
from effsr.evaluation.names import by_stem, matched
from effsr.evaluation.networks import open_network, parameters_of
from effsr.evaluation.results import Contestant
from effsr.evaluation.sets import NAME, PictureSet
from effsr.inference.weights import LoadedModel
from effsr.runtime.sidecar import read_sidecar

INTERPOLATIONS = ('bicubic', 'lanczos')
OTHERS = ('gt', 'lq')  # names of pictures that are no one's result
FORM = 'accepted: a file of weights or of effsr/export.py, bicubic, lanczos, or a folder of pictures'


@dataclass(frozen=True)
class Entrant:
    """A contestant with its place.

    Attributes:
        contestant: What the tables tell.
        path: The weights' file or the folder; None for an interpolation.
        identity: What its results depend on besides the pictures, as a text.
    """

    contestant: Contestant
    path: Path | None
    identity: str = ''

    @property
    def name(self) -> str:
        """What the tables call it."""
        return self.contestant.name


def parse_model(text: str) -> tuple[str, str, Path | None]:
    """Read one -m: (name, kind, path); [NAME=]FILE.pth, [NAME=]FOLDER, bicubic or lanczos.

    Raises:
        ValueError: Nothing of that kind is there, or a name that no folder can have.
    """
    given, equals, place = text.partition('=')
    if not equals or Path(text).exists():
        given, place = '', text
    if not place:
        raise ValueError(f'-m {text!r}: names nothing; {FORM}')
    if place in INTERPOLATIONS:
        kind, path, name = place, None, given or place
    else:
        path = Path(place)
        if not path.exists():
            raise ValueError(f'-m {text}: no such file or folder; {FORM}')
        kind = 'pictures' if path.is_dir() else 'weights'
        name = given or (path.resolve().name if kind == 'pictures' else weights_name(path))
    if (equals and not Path(text).exists() and not given) or not NAME.fullmatch(name):
        raise ValueError(f'-m {text}: the name {name!r} cannot be that of a folder; accepted: letters, numbers, _ - . '
                         'and blanks')
    if name.casefold() in OTHERS:
        raise ValueError(f'-m {text}: {name} is what the report calls other pictures; give another name, such as '
                         f'my_{name}={place}')
    return name, kind, path


def enter(texts: Sequence[str]) -> tuple[Entrant, ...]:
    """Look at all contestants; weights are loaded once, to see that they can be.

    Raises:
        ValueError: One cannot be used, or two are called alike.
    """
    parsed = [parse_model(text) for text in texts]
    seen: dict[str, str] = {}
    for text, (name, _, path) in zip(texts, parsed, strict=True):
        if name.casefold() in seen:
            remedy = f'give one another name, such as {name}_2={path}' if path else 'give it once'
            raise ValueError(f'-m {text}: {seen[name.casefold()]} is called {name}, too; {remedy}')
        seen[name.casefold()] = text
    return tuple(_entrant(name, kind, path) for name, kind, path in parsed)


def check_scales(entrants: Sequence[Entrant], scale: int) -> None:
    """Refuse weights of another scale.

    Raises:
        ValueError: One line for each.
    """
    refuse([f'-m {entrant.name}: {entrant.contestant.arch} of {entrant.path} upscales by {entrant.contestant.scale}, '
            f'and this evaluation is at scale {scale}; take it out, or give -s {entrant.contestant.scale} and sets of '
            'that scale'
            for entrant in entrants if entrant.contestant.scale not in (None, scale)])


def given_results(entrants: Sequence[Entrant], sets: Sequence[PictureSet], scale: int,
                  ) -> dict[tuple[str, str], dict[str, Path]]:
    """The pictures of folders: (set, contestant) -> picture's name -> file; a folder may have none of a set.

    They lie in FOLDER, or in FOLDER/SET.

    Raises:
        ValueError: A folder has some pictures of a set and lacks others, none of any set, or sizes do not match.
    """
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for entrant in entrants:
        if entrant.contestant.kind != 'pictures':
            continue
        for pictures in sets:
            folder = entrant.path / pictures.name if (entrant.path / pictures.name).is_dir() else entrant.path
            files = matched([entry.name for entry in pictures.entries], by_stem(folder, f'-m {entrant.name}: '), scale,
                            f'-m {entrant.name}: {folder}')
            if files is not None:
                _check_sizes(entrant, pictures, files, scale)
                found[pictures.name, entrant.name] = files
        if not any(name == entrant.name for _, name in found):
            raise ValueError(f'-m {entrant.name}: not one picture of {entrant.path} has the name of one of the sets; '
                             'accepted: their names, or with one ending behind all, such as _out')
    return found


def _check_sizes(entrant: Entrant, pictures: PictureSet, files: dict[str, Path], scale: int) -> None:
    problems = []
    for entry in pictures.entries:
        wanted = tuple(side * scale for side in entry.size)
        size = image_size(files[entry.name])
        if size not in (wanted, entry.gt_size):
            problems.append(f'-m {entrant.name}: {files[entry.name]} is {size[1]}x{size[0]} (width x height); for '
                            f'{entry.name} of {pictures.name} at scale {scale} it must be {wanted[1]}x{wanted[0]}')
    refuse(problems)


def weights_name(path: Path) -> str:
    """experiments/RUN/models/net_g_3000.pth -> RUN_3000; any other file -> its name without suffix."""
    path = path.resolve()
    if path.parent.name == 'models' and path.stem.startswith('net_g_'):
        return f'{path.parent.parent.name}_{path.stem.removeprefix("net_g_")}'
    return path.stem


def _entrant(name: str, kind: str, path: Path | None) -> Entrant:
    if kind != 'weights':
        source = path.as_posix() if path else ''
        return Entrant(Contestant(name, kind, source), path, f'{kind}, rounded once')
    model = open_network(path)
    contestant = Contestant(
        name, kind, path.as_posix(), model.arch, dict(model.args), model.scale, sha256_of(path), steps_of(path),
        parameters_of(model), model.note)
    return Entrant(contestant, path, _identity(model, contestant))


def _identity(model: LoadedModel, contestant: Contestant) -> str:
    plain = replace(contestant, name='', source='', note='', steps=None)
    return f'{plain} {model.key} {model.multiple} {_code(model)}'


def _code(model: LoadedModel) -> str:
    """SHA-256 of the file that the network's class stands in: its author may have changed it since."""
    try:
        return sha256_of(Path(inspect.getfile(type(model.net))))
    except (OSError, TypeError):  # made in memory
        return ''


def steps_of(path: Path) -> int | None:
    """Training iterations, as the JSON file beside the weights or the file's name says."""
    iteration = (read_sidecar(path) or {}).get('iteration')
    if isinstance(iteration, int) and not isinstance(iteration, bool):
        return iteration
    number = re.fullmatch(r'net_g_(\d+)', path.stem)
    return int(number[1]) if number else None
