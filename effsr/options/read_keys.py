"""Which keys a dataset class reads from the one mapping it is given, found in its source without running it."""
import ast
import inspect
import textwrap
from functools import cache
from typing import NamedTuple

from effsr.options.source_reader import ALWAYS, ELSE, SOMETIMES, TRAINING, SourceReader, parameter_names

ENTRY_POINTS = ('__init__', '__getitem__', '__len__', '__iter__')
LIBRARIES = ('torch', 'builtins', 'typing', 'abc', 'collections')


class ReadKeys(NamedTuple):
    """What a class reads: all keys, those it cannot do without, and whether it may read others unseen."""

    known: frozenset[str]
    required: frozenset[str]
    required_in_training: frozenset[str]
    required_else: frozenset[str]
    is_open: bool

    def required_for(self, phase: str) -> frozenset[str]:
        """Keys without which a training set, or a set of another phase, fails."""
        return self.required | (self.required_in_training if phase == 'train' else self.required_else)


@cache
def read_keys(cls: type) -> ReadKeys | None:
    """What a class reads from its `opt`; None where its source cannot be read or it takes no such mapping."""
    owners = [owner for owner in cls.__mro__ if owner.__module__.split('.')[0] not in LIBRARIES]
    try:
        methods = {owner: _methods_of(owner) for owner in owners}
    except (OSError, TypeError, SyntaxError):
        return None
    reader = SourceReader(cls, methods)
    first = reader.find('__init__')
    if first is None or len(parameter_names(first.node)) < 2:
        return None
    reader.read_method(first, {parameter_names(first.node)[1]}, ALWAYS)
    for name in ENTRY_POINTS[1:]:
        reader.enter(name, ALWAYS)
    for owner in owners:
        for name in methods[owner]:
            reader.enter(name, SOMETIMES)
    return _result(reader)


def _methods_of(owner: type) -> dict[str, ast.FunctionDef]:
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0].body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def _result(reader: SourceReader) -> ReadKeys:
    sure = {key: when for key, when in reader.reads.items() if key not in reader.guarded}

    def needed(moment: str) -> frozenset[str]:
        return frozenset(key for key, when in sure.items() if moment in when)

    return ReadKeys(frozenset(reader.reads) | reader.guarded, needed(ALWAYS), needed(TRAINING), needed(ELSE),
                    reader.is_open)
