"""Reading YAML: safe, YAML 1.2 numbers and booleans, no duplicate keys, and the line of every key."""
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from effsr.options.yaml_errors import syntax_problem

Line = dict[tuple[str, ...], int]

# An alias counts as often as it is used: a few lines of nested ones would otherwise fill the memory.
MAX_ENTRIES = 20_000
MAX_DEPTH = 50
# The key <<, which copies the entries of an alias.
MERGE = 'tag:yaml.org,2002:merge'


class OptionError(ValueError):
    """Something in an option file or on the command line is wrong; the message has one line for each mistake."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads scalars as YAML 1.2 does; PyYAML follows YAML 1.1, where `1e-4` is a string."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        # What PyYAML raises on a value that does not suit its explicit tag: !!float abc, !!bool maybe, !!timestamp now.
        except (ValueError, KeyError, AttributeError) as error:
            problem = f'{node.value!r} does not suit its tag; leave the tag out'
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ('tag:yaml.org,2002:float', 'tag:yaml.org,2002:int', 'tag:yaml.org,2002:bool',
                           'tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:value')]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver('tag:yaml.org,2002:bool', re.compile(r'^(true|True|TRUE|false|False|FALSE)$'),
                              list('tTfF'))
_Loader.add_implicit_resolver('tag:yaml.org,2002:int', re.compile(r'^[-+]?[0-9]+(_[0-9]+)*$'), list('-+0123456789'))
_Loader.add_implicit_resolver(
    'tag:yaml.org,2002:float',
    re.compile(r'^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$'
               r'|^\.(nan|NaN|NAN)$'),
    list('-+.0123456789'))
# PyYAML's own reads 010 as eight.
_Loader.add_constructor('tag:yaml.org,2002:int', lambda loader, node: int(loader.construct_scalar(node)))


def parse_text(text: str, source: str) -> tuple[Any, Line]:
    """Parse YAML text.

    Args:
        text: The YAML document.
        source: What to call it in messages: a file's path or a flag.

    Returns:
        The plain value, and for every key path the line (from 1) on which the key stands.

    Raises:
        OptionError: Syntax error, a duplicate key, or a tag that plain YAML does not have.
    """
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise OptionError(f'{source}: not a YAML file: {str(error).splitlines()[0]}') from error
    try:
        node = loader.get_single_node()
        lines: Line = {}
        if node is None:
            return None, lines
        where: dict[tuple[int, int], tuple[str, ...]] = {}
        _walk(node, (), lines, source, where)
        try:
            return unshared(loader.construct_document(node)), lines
        except yaml.constructor.ConstructorError as error:
            mark = error.problem_mark or error.context_mark
            key = _shown(where.get((mark.line, mark.column), ()))
            raise OptionError(f'{source}:{mark.line + 1}: {key}{error.problem}') from error
    except yaml.MarkedYAMLError as error:
        line, problem = syntax_problem(error, text)
        raise OptionError(f'{source}:{line}: {problem}') from error
    except RecursionError as error:
        raise OptionError(f'{source}: is nested too deeply; accepted: up to {MAX_DEPTH} levels') from error
    finally:
        loader.dispose()


def unshared(value: Any) -> Any:
    """A deep copy with plain dicts and lists in which nothing stands in two places, so that one can be changed alone.

    YAML's aliases, and scripts that use one dict twice, give the same object in several places.
    """
    if isinstance(value, Mapping):
        return {key: unshared(item) for key, item in value.items()}
    return [unshared(item) for item in value] if isinstance(value, list) else deepcopy(value)


def _shown(path: tuple[str, ...]) -> str:
    """A key path as the beginning of a message."""
    return f'{".".join(path)}: ' if any(path) else ''


def _walk(node: yaml.Node, path: tuple[str, ...], lines: Line, source: str, where: dict) -> None:
    """Note the line of every key below a node; refuse tags, and a key that stands twice in one mapping."""
    _refuse_tag(node, path, source)
    where.setdefault((node.start_mark.line, node.start_mark.column), path)
    if len(path) > MAX_DEPTH or len(lines) > MAX_ENTRIES:
        raise OptionError(f'{source}:{node.start_mark.line + 1}: too much: an alias that contains itself, or too many; '
                          f'accepted: up to {MAX_DEPTH} levels and {MAX_ENTRIES} entries')
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise OptionError(f'{source}:{key.start_mark.line + 1}: {_shown(path)}a key is a word, not a list or '
                                  'mapping; put text in quotes')
            here = (*path, str(key.value))
            if key.tag != MERGE:
                _refuse_tag(key, here, source)
            if here in lines:
                raise OptionError(f'{source}:{key.start_mark.line + 1}: {".".join(here)}: stands twice, first on line '
                                  f'{lines[here]}; keep one')
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, source, where)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, str(index))
            lines[here] = value.start_mark.line + 1
            _walk(value, here, lines, source, where)


def _refuse_tag(node: yaml.Node, path: tuple[str, ...], source: str) -> None:
    if node.tag not in _Loader.yaml_constructors:
        tag = node.tag.replace('tag:yaml.org,2002:', '!!')
        raise OptionError(f'{source}:{node.start_mark.line + 1}: {_shown(path)}the tag {tag} is refused: only plain '
                          'YAML is read, an option file cannot run code; write a plain value')


def read_yaml(path: str | Path) -> tuple[dict, Line]:
    """Read an option file.

    Returns:
        Its mapping, and the line of every key path.

    Raises:
        OptionError: The file is missing, unreadable, not YAML, or not a mapping.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except FileNotFoundError as error:
        raise OptionError(f'{path}: no such option file; the shipped ones are in options/') from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'not UTF-8 text'
        raise OptionError(f'{path}: cannot be read as an option file: {reason}; give a YAML file') from error
    value, lines = parse_text(text, str(path))
    if value is None:
        raise OptionError(f'{path}: is empty; an option file is a mapping of keys to values, see options/')
    if not isinstance(value, dict):
        raise OptionError(f'{path}: an option file is a mapping of keys to values, this is {type(value).__name__}')
    return value, lines
