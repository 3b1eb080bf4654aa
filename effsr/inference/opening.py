"""From the weights that a user names to an engine that is ready to run."""
from dataclasses import dataclass, replace
from pathlib import Path

from effsr.inference.engine import Engine, EngineSettings, Say, open_engine
from effsr.inference.interpolation import interpolate
from effsr.inference.weights import LoadedModel, load_model
from effsr.runtime.checkpoint import file_digest
from effsr.runtime.sidecar import sidecar_path

IN_TWO_PARTS = ('.xml', '.param')  # with the numbers in a .bin beside them


@dataclass(frozen=True)
class Network:
    """A network that is ready to upscale.

    Attributes:
        engine: Runs it.
        description: For the terminal.
        identity: Tells it from others: of the files' content, and how they are run.
        note: What had to be assumed; '' for nothing.
    """

    engine: Engine
    description: str
    identity: str
    note: str = ''


def open_network(weights: Path, settings: EngineSettings, say: Say, other: Path | None = None,
                 share: float = 0.0) -> Network:
    """Open weights, or an exported file, to run them.

    Args:
        weights: The file.
        settings: How to run it.
        say: Told in one line each what the user should know.
        other: Weights of another training of the same network, to be mixed in.
        share: How much of them, in [0, 1].

    Raises:
        ValueError: A file cannot be used, or the device or library is not here.
    """
    from effsr.inference.backends import is_exported, open_exported  # looks for libraries that are optional
    identity = _identity([weights] + ([other] if other else []), share, settings)
    if is_exported(weights):
        if other is not None:
            raise ValueError(f'--blend: {weights} is an exported network; accepted: weights, .pth or .safetensors')
        engine = open_exported(weights, settings, say)
        return Network(engine, f'{weights} x{engine.scale}', identity)
    model = load_model(weights)
    if other is not None:
        model = blended(model, load_model(other), share)
    mixed = f' and {share:g} of {other}' if other is not None else ''
    engine = open_engine(model, settings, say)
    return Network(engine, f'{model.arch} x{model.scale} {model.args}{mixed}', identity, model.note)


def blended(first: LoadedModel, second: LoadedModel, share: float) -> LoadedModel:
    """(1 - share) * first + share * second; see :func:`effsr.inference.interpolation.interpolate`.

    Raises:
        ValueError: They are not two trainings of one network, or share is not in [0, 1].
    """
    if (first.arch, first.scale) != (second.arch, second.scale):
        raise ValueError(f'--blend: {first.path} is {first.arch} x{first.scale}, {second.path} {second.arch} '
                         f'x{second.scale}; accepted: two trainings of one network')
    try:
        mixed = interpolate(first.net.state_dict(), second.net.state_dict(), share)
    except ValueError as error:
        raise ValueError(f'--blend: {first.path} and {second.path}: {error}') from error
    first.net.load_state_dict(mixed)
    return replace(first, note=' '.join(filter(None, (first.note, second.note))))


def _identity(files: list[Path], share: float, settings: EngineSettings) -> str:
    parts = [_digest(part) for path in files for part in _parts(path)] + ([f'{share:g}'] if len(files) > 1 else [])
    return ' '.join([*parts, settings.backend, settings.precision])


def _parts(path: Path) -> list[Path]:
    """All files that decide what a network is."""
    beside = path.with_suffix('.bin') if path.suffix.lower() in IN_TWO_PARTS else sidecar_path(path)
    return [path, beside] if beside.is_file() else [path]


def _digest(path: Path) -> str:
    """'' for what cannot be read: whoever opens it says so."""
    try:
        return file_digest(path)[:16]
    except (OSError, ValueError):
        return ''
