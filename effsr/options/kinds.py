"""Which kind of value an argument takes: from its annotation, else from its default; generous where neither says."""
import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

LISTS = (list, tuple, set, frozenset, Sequence, MutableSequence, Iterable, Collection)
MAPPINGS = (dict, Mapping, MutableMapping)
SCALARS = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}
# Where a whole number is the default of what may as well be a fraction.
FRACTIONS = re.compile(r'(^|_)(weights?|lambda|alpha|beta|gamma|sigma|eps|scale|range|ratio|lr|coef|loss|temperature|'
                       r'threshold|mean|std|val|value|min|max|prob|decay|momentum|mult|factor|magnitude)(_|\d|$)')

# Arguments that BasicSR's classes require, without saying of what kind.
REQUIRED_KINDS = {'milestones': list[float], 'periods': list[float], 'layer_weights': dict, 'gan_type': str,
                  'crop_border': int, 'num_in_ch': int, 'num_out_ch': int, 'num_feat': int, 'num_block': int}


def refusal(value: Any, annotation: Any) -> str | None:
    """What is accepted instead of a value, or None where it fits or nothing is known.

    A whole number counts as a number, and a number without fraction (5e3) as a whole one.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return refusal(value, args[0])
    if origin in (Union, UnionType):
        return _refusal_of_union(value, args)
    if origin is Literal:
        fits = any(value == choice and type(value) is type(choice) for choice in args)
        return None if fits else 'one of ' + ', '.join(map(str, args))
    if annotation in (None, NoneType):
        return None if value is None else '~'
    if isinstance(annotation, type) and annotation in SCALARS:
        return None if _is_scalar(value, annotation) else SCALARS[annotation]
    if (origin or annotation) in LISTS:
        return _refusal_of_list(value, origin, args)
    if (origin or annotation) in MAPPINGS:
        return None if isinstance(value, Mapping) else 'a mapping'
    return None


def _is_scalar(value: Any, kind: type) -> bool:
    if kind is int:
        return not isinstance(value, bool) and (isinstance(value, int)
                                                or (isinstance(value, float) and value.is_integer()))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind)


def _refusal_of_union(value: Any, members: tuple) -> str | None:
    if Any in members:
        return None
    # YAML has no value of any other class: what remains is what an option file can say.
    known = [member for member in members if _is_known(member)]
    answers = [refusal(value, member) for member in known]
    if not known or None in answers:
        return None
    return ' or '.join(dict.fromkeys(answers))


def _is_known(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return kind in (None, NoneType, Union, UnionType, Literal, Annotated, *SCALARS, *LISTS, *MAPPINGS)


def _refusal_of_list(value: Any, origin: Any, args: tuple) -> str | None:
    if not isinstance(value, list | tuple):
        return 'a list'
    if not args:
        return None
    fixed = origin is tuple and Ellipsis not in args
    if fixed and len(value) != len(args):
        return f'a list of {len(args)}'
    kinds = args if fixed else [args[0]] * len(value)
    answers = [refusal(item, kind) for item, kind in zip(value, kinds, strict=True)]
    wrong = next((answer for answer in answers if answer), None)
    return f'a list, each {wrong}' if wrong else None


def kind_of_default(name: str, default: Any) -> Any:
    """The annotation that a default stands for; Any where it says nothing."""
    if isinstance(default, bool | float | str):
        return type(default)
    if isinstance(default, int):
        # loss_weight=1 and eta_min=0 take fractions, num_feat=64 does not.
        return float if abs(default) <= 1 or FRACTIONS.search(name) else int
    if isinstance(default, list | tuple):
        numbers = default and all(isinstance(item, int | float) and not isinstance(item, bool) for item in default)
        return list[float] if numbers else list
    return dict if isinstance(default, dict) else Any


def whole(value: Any, annotation: Any) -> Any:
    """A number without fraction as the int that an argument wants."""
    wanted = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if isinstance(value, float) and value.is_integer() and int in wanted and float not in wanted:
        return int(value)
    return value


def advice(value: Any, accepted: str) -> str:
    """The message for a value of the wrong kind."""
    if accepted == SCALARS[bool]:
        return f'is {value!r}; write true or false'
    is_quoted = isinstance(value, str) and 'number' in accepted and _is_number(value)
    return f'is {value!r}; accepted: {accepted}' + ('; write it without quotes' if is_quoted else '')


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
