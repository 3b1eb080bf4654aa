"""What is said about a mistake in the options: where it stands, what is wrong, what was probably meant."""
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from effsr.options.schema import Conflict, Options
from effsr.options.yaml_reader import Line


def nearest(name: Any, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the one that was probably meant, or all there are."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f'did you mean {close[0]}?' if close else f'known: {", ".join(known)}'


def position(source: str, lines: Line, location: tuple) -> str:
    """`file:line` of a key path; of the nearest parent that has a line if it has none itself."""
    path = tuple(str(part) for part in location)
    while path and path not in lines:
        path = path[:-1]
    if not path:
        return source
    return f'{source}:{lines[path]}' if lines[path] else '--force_yml'


def explain(problem: Mapping[str, Any], source: str, lines: Line) -> str:
    """One line for one mistake that pydantic found."""
    cause = problem.get('ctx', {}).get('error')
    location = (*problem['loc'], *cause.location) if isinstance(cause, Conflict) else problem['loc']
    where = f'{position(source, lines, location)}: {".".join(str(part) for part in location) or "options"}'
    if problem['type'] == 'extra_forbidden':
        known = _names_at(location[:-1])
        return f'{where}: unknown option; {nearest(location[-1], known)}'
    if problem['type'] == 'missing':
        return f'{where}: missing; it is required'
    message = problem['msg'].removeprefix('Value error, ')
    if isinstance(cause, Conflict):
        return f'{where}: {message}'
    given = repr(problem.get('input'))
    return f'{where}: {message}' + (f' (given: {given})' if len(given) < 80 and given not in message else '')


def _names_at(location: tuple) -> list[str]:
    """Names of the options of the section at a key path."""
    model: type[BaseModel] | None = Options
    for part in location:
        if model is None:
            return []
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        if field is None:
            continue  # the key of a dict of sections: the section itself was found a step before
        model = _model_in(field.annotation)
    return sorted(f.alias or name for name, f in model.model_fields.items() if name != 'runtime') if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_model_in, get_args(annotation)) if found), None)
