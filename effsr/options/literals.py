"""Values that pydantic would take with a guess: quoted numbers, yes and no, true for a number."""
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from effsr.options.homes import holds_sections, model_in
from effsr.options.kinds import SCALARS, advice, refusal
from effsr.options.messages import Problem


def guessed_values(values: Any, model: type[BaseModel], prefix: tuple = ()) -> list[Problem]:
    """Values below a section that are no boolean or number though one is meant.

    Args:
        values: The section as the file has it.
        model: The section's class.
        prefix: Key path of the section.
    """
    problems: list[Problem] = []
    if not isinstance(values, Mapping):
        return problems
    for name, field in model.model_fields.items():
        key = field.alias or name
        if values.get(key) is None or name == 'runtime':
            continue
        here, value = (*prefix, key), values[key]
        section = model_in(field.annotation)
        if section is None:
            problems += _guessed(value, field.annotation, here)
        elif holds_sections(field.annotation):
            for label, entry in value.items() if isinstance(value, Mapping) else ():
                problems += guessed_values(entry, section, (*here, label))
        else:
            problems += guessed_values(value, section, here)
    return problems


def _guessed(value: Any, annotation: Any, here: tuple) -> list[Problem]:
    kinds = [kind for kind in _members(annotation) if kind is not NoneType]
    if len(kinds) != 1:
        return []
    kind = kinds[0]
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        args = get_args(kind)
        item = args[0] if Ellipsis in args or len(set(args)) == 1 else None
        return [found for index, entry in enumerate(value) for found in _guessed(entry, item, (*here, index))]
    is_guess = kind is bool or (kind in (int, float) and isinstance(value, bool | str))
    if not is_guess or refusal(value, kind) is None:
        return []
    return [Problem(here, advice(value, SCALARS[kind]))]


def _members(annotation: Any) -> tuple:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
