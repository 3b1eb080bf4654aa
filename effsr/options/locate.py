"""Where in its option file a mistake stands that shows only when datasets are opened or networks are built."""
import re
from collections.abc import Iterable
from pathlib import Path

from effsr.options.inherit import read_inherited
from effsr.options.messages import position
from effsr.options.overrides import override
from effsr.options.schema import Options

KEYED = re.compile(r'(?P<key>[a-z_]\w*(?:\.[\w-]+)*): ')
KEYS = frozenset(field.alias or name for name, field in Options.model_fields.items())
METRIC = re.compile(r'val: metrics: (\w+): ')


def locate(message: str, path: str | Path, overrides: Iterable[str] = ()) -> str:
    """Put file and line before each line of a message that begins with a key path: `network_g: ...`.

    Args:
        message: What a later stage has said.
        path: The option file.
        overrides: Entries of --force_yml.

    Raises:
        OptionError: The file cannot be read any more.
    """
    raw, places = read_inherited(path)
    for entry in overrides:
        override(raw, places, entry)
    lines = []
    for line in message.splitlines():
        line = METRIC.sub(r'val.metrics.\1: ', line)
        match = KEYED.match(line)
        keys = tuple(match['key'].split('.')) if match else ()
        placed = line.startswith((f'{path}:', '--force_yml'))  # train.yml: would pass for a key
        known = not placed and bool(keys) and keys[0] in KEYS
        lines.append(f'{position(str(path), places, keys)}: {line}' if known else line)
    return '\n'.join(lines)
