"""Blocks of datasets: against the options class that a dataset names, else against the keys that its source reads."""
from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import ValidationError

from effsr.options.components import Role, registered, unknown_type
from effsr.options.literals import guessed_values
from effsr.options.messages import Problem, explain, unknown
from effsr.options.read_keys import ReadKeys, read_keys
from effsr.options.schema import DatasetOptions

DATASET = Role('dataset', lambda: registered(DATASET_REGISTRY))
REMEDIES = {'io_backend': 'give io_backend: {type: disk}'}


def dataset_class(block: Any) -> type | None:
    """The class that a dataset's block names, if there is one."""
    name = block.get('type') if isinstance(block, Mapping) else None
    return DATASET.known().get(name) if isinstance(name, str) else None


def options_class(cls: type | None) -> type[DatasetOptions] | None:
    """The pydantic class with which a dataset says what its block may hold."""
    found = getattr(cls, 'options_class', None)
    return found if isinstance(found, type) and issubclass(found, DatasetOptions) else None


def keys_read(cls: type | None) -> ReadKeys | None:
    """What a class without an options class reads; None where that cannot be known."""
    return None if cls is None or options_class(cls) is not None else read_keys(cls)


def kept_keys(plain: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """For each dataset of a foreign class the keys that it reads itself, under whatever name."""
    datasets = plain.get('datasets')
    if not isinstance(datasets, Mapping):
        return {}
    read = {str(key): keys_read(dataset_class(block)) for key, block in datasets.items()}
    return {key: found.known for key, found in read.items() if found is not None}


def dataset_problems(plain: Mapping[str, Any], all_imported: bool) -> list[Problem]:
    """What of the datasets' blocks does not suit the classes they name.

    Args:
        plain: The options.
        all_imported: Whether all plugins are there; without them, unknown names are not told.
    """
    datasets = plain.get('datasets')
    problems = []
    for key, block in datasets.items() if isinstance(datasets, Mapping) else ():
        path = ('datasets', str(key))
        if not isinstance(block, Mapping) or not isinstance(block.get('type'), str):
            continue
        cls = dataset_class(block)
        if cls is None:
            problems += [unknown_type((*path, 'type'), block['type'], DATASET)] if all_imported else []
        elif options_class(cls) is not None:
            problems += _by_class(cls, block, plain.get('degradation'), path)
        else:
            problems += _by_source(cls, block, path)
    return problems


def _by_class(cls: type, block: Mapping[str, Any], degradation: Any, path: tuple[str, ...]) -> list[Problem]:
    values = dict(block)
    if getattr(cls, 'wants_degradation', False) and isinstance(values.get('degradation'), Mapping):
        values['degradation'] = {**(degradation if isinstance(degradation, Mapping) else {}), **values['degradation']}
    model = options_class(cls)
    problems = guessed_values(values, model, path)
    try:
        model.model_validate(values)
    except ValidationError as error:
        problems += [explain(found, model, path) for found in error.errors()]
    problems += [Problem((*path, root), f'missing; {block["type"]} needs this folder of images')
                 for root in getattr(model, 'required_roots', ()) if values.get(root) is None]
    return problems


def _by_source(cls: type, block: Mapping[str, Any], path: tuple[str, ...]) -> list[Problem]:
    read = keys_read(cls)
    if read is None:
        return []
    schema = set(DatasetOptions.model_fields)
    problems = []
    if not read.is_open:
        problems += [unknown((*path, key), read.known | schema, f'unknown option; {block["type"]} does not read it')
                     for key in map(str, block) if key not in read.known | schema]
    given = set(block) | {name for name, field in DatasetOptions.model_fields.items() if field.default is not None}
    for key in sorted(read.required_for(block.get('phase', 'train')) - given):
        remedy = f'; {REMEDIES[key]}' if key in REMEDIES else ''
        problems.append(Problem((*path, key), f'missing; {block["type"]} requires it{remedy}'))
    return problems
