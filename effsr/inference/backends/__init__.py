"""Libraries besides PyTorch that run networks: from files that effsr/export.py wrote, or converted in memory."""
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from effsr.inference.engine import Engine, EngineSettings, Say, silent
from effsr.inference.weights import LoadedModel

# Suffix -> library; and the module here and its function that opens such a file.
LIBRARIES = {'.onnx': 'onnxruntime', '.xml': 'openvino', '.torchscript': 'torchscript', '.ts': 'torchscript',
             '.param': 'ncnn', '.pte': 'executorch'}
OPENERS = {'onnxruntime': 'open_onnx', 'openvino': 'open_openvino', 'torchscript': 'open_torchscript',
           'ncnn': 'open_ncnn', 'executorch': 'open_executorch'}


def is_exported(path: str | Path) -> bool:
    """Whether a path's name is that of an exported file, to be opened by :func:`open_exported`."""
    return Path(path).suffix.lower() in LIBRARIES


def open_exported(path: str | Path, settings: EngineSettings | None = None, say: Say = silent) -> Engine:
    """The engine that runs a file written by effsr/export.py.

    Its library is told by the suffix: .onnx ONNX Runtime, or OpenVINO where ``settings.backend`` says so; .xml OpenVINO
    (the .bin lies beside it); .torchscript and .ts PyTorch; .param ncnn (the .bin lies beside it); .pte ExecuTorch.
    What the network is stands inside the file, and so does its precision: 'auto' takes the file's, and OpenVINO also
    runs fp32 files in bf16.

    Args:
        path: The file.
        settings: None for the defaults. ``channels_last`` and ``compile`` are PyTorch's and passed over.
        say: Told in one line what the user should know.

    Returns:
        An engine. It also has ``facts``, a :class:`~effsr.inference.backends.facts.Facts`: arch, args, precision ...

    Raises:
        ValueError: Missing, of another suffix, damaged, not effsr's, or its library is not installed or cannot run it
            as the settings ask.
    """
    path, settings = Path(path), settings or EngineSettings()
    library = LIBRARIES.get(path.suffix.lower())
    if library is None:
        raise ValueError(f'{path}: not an exported network; accepted: {", ".join(LIBRARIES)}')
    if not path.is_file():
        raise ValueError(f'{path}: {"is a folder" if path.is_dir() else "no such file"}; accepted: a file written by '
                         'effsr/export.py')
    if settings.backend == 'openvino' and library == 'onnxruntime':
        library = 'openvino'
    if settings.backend not in ('torch', library):
        raise ValueError(f'{path}: --backend {settings.backend} cannot run it; accepted: {library}')
    engine = _opener(library)(path, settings)
    _check_precision(path, engine, settings)
    return engine


def open_model(model: LoadedModel, settings: EngineSettings, say: Say = silent) -> Engine:
    """Convert a model in memory and open it with another library than PyTorch.

    Args:
        model: Left as it is.
        settings: backend 'onnxruntime' or 'openvino'; precision 'auto' means fp32 here.
        say: Told in one line what the user should know.

    Raises:
        ValueError: The library is not installed, the network cannot be converted, or the precision is not had.
    """
    from effsr.inference.backends.facts import facts_of
    from effsr.inference.backends.libraries import need
    from effsr.inference.backends.onnx_graph import to_onnx

    need(('onnx', 'onnxscript', settings.backend), f'--backend {settings.backend}')
    precision = settings.precision.replace('auto', 'fp32')
    if precision == 'bf16' and settings.backend == 'onnxruntime':
        raise ValueError('--precision bf16: ONNX Runtime has no kernels for it here; accepted: fp32 or fp16, or '
                         '--backend openvino')
    say(f'converting {model.arch} for {settings.backend}')
    content = to_onnx(model.net, model.multiple, half=precision == 'fp16').SerializeToString()
    facts = replace(facts_of(model, bounded_halo(model)), precision=precision)
    return _opener(settings.backend)(content, replace(settings, precision=precision), facts)


def bounded_halo(model: LoadedModel) -> int | None:
    """The halo of a model as one graph: None where an average over the picture, taken inside, reaches everywhere."""
    from effsr.inference.engine import open_engine

    engine = open_engine(model, EngineSettings(precision='fp32', device='cpu'))
    return None if getattr(engine, 'pools', 0) else engine.halo


def _opener(library: str) -> Callable[..., Engine]:
    return getattr(import_module(f'effsr.inference.backends.{library}_engine'), OPENERS[library])


def _check_precision(path: Path, engine: Engine, settings: EngineSettings) -> None:
    held = engine.facts.precision
    if settings.precision not in ('auto', held) and not (
            settings.precision == 'bf16' and held == 'fp32' and engine.name.startswith('openvino')):
        raise ValueError(f'{path}: was exported in {held}, which --precision {settings.precision} cannot change; '
                         f'accepted: auto or {held}, or export the weights again')
