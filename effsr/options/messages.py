"""What is said about mistakes in the options: where each stands, what is wrong, what was probably meant."""
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from effsr.options.homes import closest, guess, holds_sections, model_in
from effsr.options.schema import Component, DatasetOptions

# Where each key path stands: file:line, or the command line.
Places = dict[tuple[str, ...], str]
COMMAND_LINE = '--force_yml'
# In YAML's words.
MESSAGES = {'tuple_type': 'Input should be a list', 'list_type': 'Input should be a list',
            'dict_type': 'Input should be a mapping', 'model_type': 'Input should be a mapping',
            'model_attributes_type': 'Input should be a mapping', 'string_type': 'Input should be text'}


# What pydantic says of a value of another shape than a range or list of weights has.
NO_SUCH_LIST = ('tuple_type', 'too_long', 'too_short', 'missing')
NO_MAPPING = ('model_type', 'model_attributes_type', 'dict_type')


class Problem(NamedTuple):
    """One mistake.

    Attributes:
        location: The key path it belongs to.
        message: What is wrong, with the remedy.
        meant: For an unknown key, the key path that it probably should have.
    """

    location: tuple[Any, ...]
    message: str
    meant: tuple[str, ...] | None = None


def nearest(name: Any, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the one that was probably meant, or all there are."""
    known = sorted(known)
    close = closest(name, known)
    return f'did you mean {close}?' if close else f'known: {", ".join(known) or "none"}'


def unknown(location: tuple[Any, ...], known: Iterable[str], what: str = 'unknown option') -> Problem:
    """The message for a key that its section does not know.

    Args:
        location: The key path.
        known: Names that the section knows.
        what: How the message begins.
    """
    found = guess(location, known)
    here = ' here' if found.hint.startswith('it belongs') else ''
    return Problem(location, f'{what}{here}; {found.hint}', found.meant)


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
    moved = getattr(cause, 'location', None)  # of a schema.Conflict, or of a class that does not know it
    inner = (*error['loc'], *moved) if moved else error['loc']
    location = (*prefix, *inner)
    if error['type'] == 'extra_forbidden':
        return unknown(location, _names_at(model, inner[:-1]))
    section, field, depth = _at(model, inner)
    accepted = (field.json_schema_extra or {}).get('accepted') if field is not None else None
    if accepted and error['type'] in NO_SUCH_LIST:
        given = error.get('input')
        given = list(given) if isinstance(given, tuple) else given
        return Problem((*prefix, *inner[:depth]), f'is {given}; accepted: {accepted}')
    if error['type'] == 'missing':
        return Problem(location, 'missing; it is required')
    free_names = field is not None and depth == len(inner) and holds_sections(field.annotation)
    if error['type'] in NO_MAPPING and section is not None and not free_names:
        return Problem(location, _no_mapping(error.get('input'), section))
    message = MESSAGES.get(error['type'], error['msg'].removeprefix('Value error, '))
    given = repr(error.get('input'))
    if moved or len(given) >= 80 or given in message:
        return Problem(location, message)
    return Problem(location, f'{message} (given: {given})')


def _no_mapping(value: Any, section: type[BaseModel]) -> str:
    """The message for a block or section that is no mapping."""
    if isinstance(value, str) and ':' in value.rstrip(':') and ' ' not in value.partition(':')[0]:
        return f'is the text {value!r}; put a blank after the colon'
    if isinstance(value, str) and issubclass(section, Component | DatasetOptions):
        return f'is the text {value!r}; a block is a mapping; write {{type: {value}}}'
    if issubclass(section, Component | DatasetOptions):
        return f'Input should be a mapping, such as {{type: NAME}} (given: {value!r})'
    names = ', '.join(sorted(f.alias or name for name, f in section.model_fields.items() if name != 'runtime'))
    return f'Input should be a mapping, of {names} (given: {value!r})'


def _at(root: type[BaseModel], location: tuple) -> tuple[type[BaseModel] | None, FieldInfo | None, int]:
    """The innermost section at a key path, the field of that path, and how many keys lead to the field."""
    model: type[BaseModel] | None = root
    field, depth = None, 0
    for index, part in enumerate(location, 1):
        below = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None) if model else None
        if below is None:
            continue  # the key of a dict of sections, or an index: the section itself was found a step before
        field, depth, model = below, index, model_in(below.annotation)
    return model, field, depth


def _names_at(root: type[BaseModel], location: tuple) -> list[str]:
    """Names of the options of the section at a key path."""
    model = _at(root, location)[0]
    return sorted(f.alias or name for name, f in model.model_fields.items() if name != 'runtime') if model else []
