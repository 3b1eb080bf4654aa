"""What the storages that are no plain folder share: which pictures to take, and reading an index."""
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from effsr.data.image_io import ImageError
from effsr.data.storages.storage import in_order

INDEX = 'index.json'


def without_suffix(name: str) -> str:
    """sub/a.b.png -> sub/a.b."""
    return str(PurePosixPath(name).with_suffix(''))


def chosen(root: Path, held: Sequence[str], names: Sequence[str] | None) -> list[int]:
    """Which of the pictures that a storage holds to take.

    Args:
        root: Of the storage, for the message.
        held: Names of all its pictures.
        names: Those asked for, in this order; None takes all, in the order of names.

    Returns:
        Their numbers within `held`.

    Raises:
        ImageError: One that is asked for is missing; says how many are.
    """
    number = {name: index for index, name in enumerate(held)}
    if names is None:
        return [number[name] for name in in_order(held)]
    missing = [name for name in names if name not in number]
    if missing:
        like = {without_suffix(name): name for name in held}.get(without_suffix(missing[0]))
        more = f' ({len(missing):,} such names in all)' if len(missing) > 1 else ''
        raise ImageError(f'{root}: holds no {missing[0]}, which the list asks for{more}'
                         + (f'; it holds {like}' if like else ''))
    return [number[name] for name in names]


def read_index(path: Path, form: str, version: int, remedy: str) -> dict[str, Any]:
    """Read the index of a storage.

    Args:
        path: The file.
        form: What its key `format` says.
        version: The newest one that is read here.
        remedy: What to do where it is missing or damaged.

    Raises:
        ValueError: It is missing, cannot be read, or is of another format or a newer version.
    """
    try:
        index = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise ValueError(f'{path.parent}: has no {path.name}, which lists its pictures; {remedy}') from None
    except OSError as error:
        raise ValueError(f'{path}: cannot be read ({error.strerror or error}); check its permissions') from error
    except ValueError as error:
        raise ValueError(f'{path}: damaged or cut short, it is no JSON ({error}); {remedy}') from error
    if not isinstance(index, dict) or index.get('format') != form:
        raise ValueError(f'{path}: is not the index of {form}; {remedy}')
    if not isinstance(index.get('version'), int) or index['version'] > version:
        raise ValueError(f'{path}: is of version {index.get("version")}, accepted: up to {version}; update effsr, or '
                         f'{remedy}')
    return index
