"""`base: other.yml`: an option file that says only what it has different from another."""
import os
from pathlib import Path
from typing import Any

from effsr.options.messages import Places
from effsr.options.yaml_reader import OptionError, read_yaml


def read_inherited(path: str | Path, chain: tuple[Path, ...] = ()) -> tuple[dict, Places]:
    """Read an option file and all that it inherits.

    Mappings are merged key by key; lists and values replace what the base says; a block whose `type` changes replaces
    the whole block; `key: ~` takes away what the base says.

    Args:
        path: The option file.
        chain: The files that inherit from it, outermost first.

    Returns:
        The merged mapping without `base`, and where each key path stands.

    Raises:
        OptionError: A file that cannot be read, or one that inherits from itself.
    """
    raw, lines = read_yaml(path)
    places = {key: f'{path}:{line}' for key, line in lines.items()}
    base = raw.pop('base', None)
    if base is None:
        places.pop(('base',), None)
        return raw, places
    here = places.pop(('base',))
    if not isinstance(base, str):
        raise OptionError(f'{here}: base: is {base!r}; accepted: the path of one option file, relative to this one')
    file = os.path.normpath(Path(path).parent / os.path.expanduser(base))
    chain = (*chain, Path(path).resolve())
    if Path(file).resolve() in chain:
        raise OptionError(f'{here}: base: {file} inherits from this file again; take one base out')
    if not Path(file).is_file():
        raise OptionError(f'{here}: base: {file}: no such file; the path is relative to {path}')
    merged, merged_places = read_inherited(file, chain)
    _merge(merged, merged_places, raw, places, ())
    return merged, merged_places


def _merge(base: dict, base_places: Places, own: dict, places: Places, path: tuple[str, ...]) -> None:
    """Put own entries, and where they stand, over those of the base."""
    for key, value in own.items():
        here = (*path, str(key))
        before = base.get(key)
        if isinstance(before, dict) and isinstance(value, dict) and not _changes_type(before, value):
            _merge(before, base_places, value, places, here)
            base_places[here] = places.get(here, base_places[here])
            continue
        for stale in [known for known in base_places if known[:len(here)] == here]:
            del base_places[stale]
        if value is None and key in base:
            del base[key]
            continue
        base[key] = value
        base_places.update({known: place for known, place in places.items() if known[:len(here)] == here})


def _changes_type(before: dict[str, Any], value: dict[str, Any]) -> bool:
    return 'type' in value and 'type' in before and value['type'] != before['type']
