"""What the command line changes in an option file: --force_yml and --debug."""
from effsr.options.messages import COMMAND_LINE, Places
from effsr.options.yaml_reader import OptionError, parse_text


def override(raw: dict, places: Places, entry: str) -> None:
    """Apply one `a:b:c=value`; the value is read as YAML, sections that are not there are made.

    Raises:
        OptionError: No such form, or a key path that leads through a value.
    """
    keys, separator, text = entry.partition('=')
    source = f'{COMMAND_LINE} {entry}'
    path = tuple(key.strip() for key in keys.split(':'))
    if not separator or not all(path):
        raise OptionError(f'{source}: write key:subkey=value, for example train:total_iter=1000')
    if path == ('base',):
        raise OptionError(f'{source}: base belongs into the option file; overrides come after it')
    value, _ = parse_text(text, source)
    node = raw
    for depth, key in enumerate(path[:-1], 1):
        if node.get(key) is None:
            node[key] = {}
            places[path[:depth]] = COMMAND_LINE
        node = node[key]
        if not isinstance(node, dict):
            raise OptionError(f'{source}: {":".join(path[:depth])} holds a value, it has no keys below it')
    node[path[-1]] = value
    for stale in [known for known in places if known[:len(path)] == path]:
        del places[stale]
    places[path] = COMMAND_LINE


def shorten(raw: dict) -> None:
    """Short intervals and a name that starts with debug_, as BasicSR's --debug."""
    if not str(raw.get('name', '')).startswith('debug'):
        raw['name'] = f'debug_{raw.get("name", "effsr")}'
    if isinstance(raw.get('val'), dict):
        raw['val']['val_freq'] = 8
    given = raw.get('logger') or {}
    if isinstance(given, dict):
        raw['logger'] = {**given, 'print_freq': 1, 'save_checkpoint_freq': 8, 'use_tb_logger': False}
