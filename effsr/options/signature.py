"""What a class or function takes, read from its signature, and what of a block in the option file does not suit it."""
import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from effsr.options.kinds import REQUIRED_KINDS, SCALARS, advice, kind_of_default, refusal, whole
from effsr.options.messages import Problem, unknown

EMPTY = inspect.Parameter.empty
BY_NAME = {kind.__name__: kind for kind in (*SCALARS, list, tuple, dict)} | {'None': None}


class Taken(NamedTuple):
    """Arguments by name, and whether others are taken too."""

    parameters: dict[str, inspect.Parameter]
    is_open: bool


class Unknown:
    """Stands for an annotation that cannot be read."""


def taken_by(target: Callable[..., Any]) -> Taken | None:
    """What a class or function takes; None where that cannot be read."""
    try:
        signature = _signature(target)
    except (ValueError, TypeError):
        return None
    named = {name: parameter for name, parameter in signature.parameters.items()
             if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)}
    rest = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)
    if rest is None:
        return Taken(named, False)
    mro = list(target.__mro__) if isinstance(target, type) else []
    owner = next((cls for cls in mro if '__init__' in vars(cls)), None)
    code = vars(owner)['__init__'] if owner else target
    use = _use_of(rest, code)
    if use == 'nowhere':  # **kwargs that nothing reads would swallow a misspelt name
        return Taken(named, False)
    if use == 'super' and owner:
        above = _taken_by_init(mro[mro.index(owner) + 1:])
        if above is not None:
            return Taken({**above.parameters, **named}, above.is_open)
    return Taken(named, True)


def _taken_by_init(mro: list[type]) -> Taken | None:
    owner = next((cls for cls in mro if '__init__' in vars(cls)), None)
    if owner is None or owner is object:
        return None
    found = taken_by(owner)
    return found and Taken({name: p for name, p in found.parameters.items() if name != 'self'}, found.is_open)


def _signature(target: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(target, eval_str=True)
    # An annotation may name what is imported for type checkers alone.
    except (NameError, AttributeError, TypeError, SyntaxError):
        return inspect.signature(target)


def _use_of(rest: str, code: Callable[..., Any]) -> str:
    """What becomes of **kwargs in a function: 'nowhere', 'super' (all goes to super().__init__), or 'somewhere'."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(code))))
    except (OSError, TypeError, SyntaxError):
        return 'somewhere'
    used = sum(isinstance(node, ast.Name) and node.id == rest for node in ast.walk(tree))
    passed = sum(isinstance(keyword.value, ast.Name) and keyword.value.id == rest and keyword.arg is None
                 for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_super_init(node.func)
                 for keyword in node.keywords)
    if not used:
        return 'nowhere'
    return 'super' if used == passed else 'somewhere'


def _is_super_init(function: ast.expr) -> bool:
    return (isinstance(function, ast.Attribute) and function.attr == '__init__' and isinstance(function.value, ast.Call)
            and isinstance(function.value.func, ast.Name) and function.value.func.id == 'super')


def kind_of(parameter: inspect.Parameter) -> Any:
    """The annotation of an argument, else the kind of its default, else Any."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        annotation = _read_annotation(annotation)
    if annotation is not EMPTY and annotation is not Unknown:
        return annotation
    if parameter.default is EMPTY:
        return REQUIRED_KINDS.get(parameter.name, Any)
    return kind_of_default(parameter.name, parameter.default)


def _read_annotation(text: str) -> Any:
    """int, float | None, list[int] ...: names alone; anything else is unknown."""
    result: Any = Unknown
    for part in text.strip('\'"').split('|'):
        kind = BY_NAME.get(part.strip().split('[')[0], Unknown)
        result = kind if result is Unknown else result | kind
    return result


def argument_problems(target: Callable[..., Any], name: str, arguments: Mapping[str, Any],
                      supplied: Iterable[str] = (), path: tuple[str, ...] = ()) -> list[Problem]:
    """What does not suit a class or function.

    Args:
        target: The class or function.
        name: What the option file calls it.
        arguments: The arguments of its block.
        supplied: Arguments that the training itself gives.
        path: Key path of the block.
    """
    taken = taken_by(target)
    if taken is None:
        return []
    own = {key: parameter for key, parameter in taken.parameters.items() if key not in supplied}
    problems = []
    for key, value in arguments.items():
        if key in supplied:
            problems.append(Problem((*path, key), f'is given to {name} by the program; leave it out'))
        elif key in own:
            wrong = _wrong_kind(own[key], value)
            problems += [Problem((*path, key), wrong)] if wrong else []
        elif not taken.is_open:
            problems.append(unknown((*path, key), own, f'unknown argument of {name}'))
    problems += [Problem((*path, key), f'missing; {name} requires it') for key, parameter in own.items()
                 if parameter.default is EMPTY and key not in arguments]
    return problems


def _wrong_kind(parameter: inspect.Parameter, value: Any) -> str | None:
    if value is None and (parameter.default is None or kind_of(parameter) is Any):
        return None
    accepted = refusal(value, kind_of(parameter))
    return advice(value, accepted) if accepted else None


def with_whole_numbers(target: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, those without fraction (5e3) as int where a whole number is meant."""
    taken = taken_by(target)
    parameters = taken.parameters if taken else {}
    return {key: whole(value, kind_of(parameters[key])) if key in parameters else value
            for key, value in arguments.items()}
