"""Reading YAML: safe, YAML 1.2 numbers and booleans, no duplicate keys, and the line of every key."""
import re
from pathlib import Path
from typing import Any

import yaml

Line = dict[tuple[str, ...], int]


class OptionError(ValueError):
    """Something in an option file or on the command line is wrong; the message has one line for each mistake."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads scalars as YAML 1.2 does; PyYAML follows YAML 1.1, where `1e-4` is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ('tag:yaml.org,2002:float', 'tag:yaml.org,2002:int', 'tag:yaml.org,2002:bool',
                           'tag:yaml.org,2002:timestamp')]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver('tag:yaml.org,2002:bool', re.compile(r'^(true|True|TRUE|false|False|FALSE)$'),
                              list('tTfF'))
_Loader.add_implicit_resolver('tag:yaml.org,2002:int', re.compile(r'^[-+]?(0|[1-9][0-9_]*)$'), list('-+0123456789'))
_Loader.add_implicit_resolver(
    'tag:yaml.org,2002:float',
    re.compile(r'^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$'),
    list('-+.0123456789'))


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
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: Line = {}
        if node is None:
            return None, lines
        _walk(node, (), lines, source)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise OptionError(f'{source}:{line}: {error.problem}; only plain YAML is read') from error
    except yaml.YAMLError as error:
        raise OptionError(f'{source}: not a YAML file: {str(error).splitlines()[0]}') from error
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: tuple[str, ...], lines: Line, source: str) -> None:
    """Note the line of every key below a node, and refuse a key that stands twice in one mapping."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise OptionError(f'{source}:{key.start_mark.line + 1}: {".".join(here)}: stands twice, first on line '
                                  f'{lines[here]}; keep one')
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, source)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, str(index))
            lines[here] = value.start_mark.line + 1
            _walk(value, here, lines, source)


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
        raise OptionError(f'{path}: cannot be read as an option file: {error}') from error
    value, lines = parse_text(text, str(path))
    if not isinstance(value, dict):
        raise OptionError(f'{path}: an option file is a mapping of keys to values, this is {type(value).__name__}')
    return value, lines
