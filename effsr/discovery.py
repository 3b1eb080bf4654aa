"""Finding components by their file name, so that a file dropped into a folder registers by itself."""
import importlib
from pathlib import Path
from types import ModuleType


def import_modules(folder: str | Path, package: str, suffix: str) -> list[ModuleType]:
    """Import every ``*{suffix}.py`` of a package's own folder, in the order of their names.

    What the files register they register by being imported. Hidden files (editors' locks, macOS's ``._x``) and
    subfolders are passed over. A module that is imported already is not run again.

    Args:
        folder: The package's folder, usually ``Path(__file__).parent``.
        package: The package's dotted name, usually ``__name__``.
        suffix: How the file names end, less ``.py``: ``'_arch'``, ``'_model'``, ``'_dataset'``.

    Returns:
        The modules, sorted by file name.

    Raises:
        NotADirectoryError: ``folder`` is no folder.
        ImportError: A file cannot be imported; the message names the file and the cause, which is chained.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f'{folder}: not a folder, so {package} has no *{suffix}.py to import')
    names = sorted(path.name for path in folder.glob(f'*{suffix}.py') if path.is_file())
    return [_import_file(folder / name, package) for name in names if not name.startswith('.')]


def _import_file(path: Path, package: str) -> ModuleType:
    if '.' in path.stem:
        raise ImportError(f'{path}: a dot in the name before .py keeps Python from importing it; rename the file')
    try:
        return importlib.import_module(f'{package}.{path.stem}')
    # A dropped-in file may fail in any way, and a traceback alone leaves the user looking for the file at fault.
    except Exception as error:
        raise ImportError(f'{path}: cannot be imported: {type(error).__name__}: {error}; mend or remove the file',
                          path=str(path)) from error
