"""What is said about mistakes in the options: where each stands, what is wrong, what was probably meant."""
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from effsr.options.schema import Conflict

# Where each key path stands: file:line, or the command line.
Places = dict[tuple[str, ...], str]
COMMAND_LINE = '--force_yml'
# In YAML's words.
MESSAGES = {'tuple_type': 'Input should be a list', 'list_type': 'Input should be a list',
            'dict_type': 'Input should be a mapping', 'model_type': 'Input should be a mapping',
            'model_attributes_type': 'Input should be a mapping', 'string_type': 'Input should be text'}


class Problem(NamedTuple):
    """One mistake: the key path it belongs to, and what is wrong with the remedy."""

    location: tuple[Any, ...]
    message: str


def nearest(name: Any, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the one that was probably meant, or all there are."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f'did you mean {close[0]}?' if close else f'known: {", ".join(known) or "none"}'


def position(source: str, places: Places, location: tuple) -> str:
    """`file:line` of a key path; of the nearest parent that has a line if it has none itself."""
    path = tuple(str(part) for part in location)
    while path and path not in places:
        path = path[:-1]
    return places[path] if path else source


def dotted(location: tuple) -> str:
    """A key path as messages show it."""
    return '.'.join(str(part) for part in location) or 'options'


def report(problems: Iterable[Problem], source: str, places: Places) -> str:
    """All mistakes, one a line, in the order in which they stand in the files; each key path once."""
    first: dict[tuple[str, ...], Problem] = {}
    for problem in problems:
        first.setdefault(tuple(map(str, problem.location)), problem)
    lines = [(position(source, places, problem.location), problem) for problem in first.values()]
    lines.sort(key=lambda entry: _order(entry[0]))
    return '\n'.join(f'{place}: {dotted(problem.location)}: {problem.message}' for place, problem in lines)


def _order(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(':')
    return (file, int(line)) if line.isdigit() else (place, 0)


def explain(error: Mapping[str, Any], model: type[BaseModel], prefix: tuple = ()) -> Problem:
    """One mistake that pydantic found in a section.

    Args:
        error: An entry of ValidationError.errors().
        model: The class that was validated.
        prefix: Key path of the section.
    """
    cause = error.get('ctx', {}).get('error')
    inner = (*error['loc'], *cause.location) if isinstance(cause, Conflict) else error['loc']
    location = (*prefix, *inner)
    if error['type'] == 'extra_forbidden':
        return Problem(location, f'unknown option; {nearest(inner[-1], _names_at(model, inner[:-1]))}')
    if error['type'] == 'missing':
        return Problem(location, 'missing; it is required')
    message = MESSAGES.get(error['type'], error['msg'].removeprefix('Value error, '))
    given = repr(error.get('input'))
    if isinstance(cause, Conflict) or len(given) >= 80 or given in message:
        return Problem(location, message)
    return Problem(location, f'{message} (given: {given})')


def _names_at(root: type[BaseModel], location: tuple) -> list[str]:
    """Names of the options of the section at a key path."""
    model: type[BaseModel] | None = root
    for part in location:
        if model is None:
            return []
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        if field is None:
            continue  # the key of a dict of sections: the section itself was found a step before
        model = model_in(field.annotation)
    return sorted(f.alias or name for name, f in model.model_fields.items() if name != 'runtime') if model else []


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds: itself, in a union, or as the values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(model_in, get_args(annotation)) if found), None)
