"""From an option file and command-line overrides to one frozen Options, and from there to BasicSR's plain dict."""
import logging
import os
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from effsr.degradations.settings import DegradationSettings
from effsr.options.messages import explain, position
from effsr.options.schema import Options, Runtime
from effsr.options.yaml_reader import Line, OptionError, parse_text, read_yaml, unshared

logger = logging.getLogger('basicsr')

# Real-ESRGAN's option files spread the degradation over the top level and datasets: train; a plain dict may hold it
# in the train section.
DEGRADATION_KEYS = frozenset(DegradationSettings.model_fields)
TOP_LEVEL_KEYS = frozenset({'high_order_degradation', 'queue_size', 'gt_size', 'gt_usm', 'l1_gt_usm', 'percep_gt_usm',
                            'gan_gt_usm'})
RUNTIME_KEYS = frozenset(Runtime.model_fields)


def load_options(path: str | Path, overrides: Iterable[str] = (), debug: bool = False) -> Options:
    """Read, override and validate an option file.

    Args:
        path: The YAML file.
        overrides: `a:b:c=value` entries of --force_yml; the value is read as YAML.
        debug: Short intervals and a name that starts with debug_, as BasicSR's --debug.

    Raises:
        OptionError: One line for each mistake: file:line: key: what is wrong.
    """
    raw, lines = read_yaml(path)
    for entry in overrides:
        _override(raw, lines, entry)
    for key in RUNTIME_KEYS | {'runtime'}:
        raw.pop(key, None)  # as written to a run's own options.yml
    if debug:
        _shorten(raw)
    return validate(raw, str(path), lines)


def validate(raw: Mapping[str, Any], source: str = 'options', lines: Line | None = None) -> Options:
    """Check a plain mapping of options and freeze it.

    Args:
        raw: The mapping; it is not changed.
        source: What to call it in messages.
        lines: The line of each key path, for messages.

    Raises:
        OptionError: One line for each mistake.
    """
    lines = dict(lines or {})
    plain = unshared(raw)
    _gather_degradation(plain, source, lines)
    plain['num_gpu'] = _available_gpus(plain.get('num_gpu', 'auto'))
    if plain.get('manual_seed') is None:
        plain['manual_seed'] = random.SystemRandom().randint(1, 10000)
    _complete_datasets(plain)
    try:
        return Options.model_validate(plain)
    except ValidationError as error:
        raise OptionError('\n'.join(explain(problem, source, lines) for problem in error.errors())) from None


def as_options(opt: Options | Mapping[str, Any]) -> Options:
    """Options from what a model is given: Options, or a plain dict such as BasicSR's pipeline or a script passes.

    The dict may hold BasicSR's additions at the top level (is_train, dist, rank ...), `type` instead of `model_type`,
    and the degradation keys at the top, in train or in a degradation section.

    Raises:
        OptionError: One line for each mistake.
    """
    if isinstance(opt, Options):
        return opt
    plain = dict(opt)
    kind = plain.pop('type', None)
    if kind is not None:
        plain.setdefault('model_type', kind)
    runtime = {key: plain.pop(key) for key in RUNTIME_KEYS if key in plain}
    plain.setdefault('runtime', runtime)
    return validate(plain)


def to_plain(options: Options) -> dict[str, Any]:
    """The dict that BasicSR gets, a copy of its own which effsr never reads.

    BasicSR writes into it and pops from it; its runtime values stand at the top level, where BasicSR looks for them.
    """
    plain = _as_lists(options.model_dump(by_alias=True))
    plain.update(plain.pop('runtime'))
    for key in ('network_d', 'train', 'val'):
        if plain[key] is None:
            del plain[key]
    for name, field in type(options.path).model_fields.items():
        if plain['path'][name] is None and 'pretrain' not in name and field.default is None:
            del plain['path'][name]
    return plain


def _as_lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_lists(item) for key, item in value.items()}
    return [_as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def place(options: Options, root: Path, is_train: bool) -> Options:
    """Fill in the folders of a run below `root`: experiments/NAME for training, results/NAME for testing."""
    if is_train:
        top = root / 'experiments' / options.name
        folders = {'experiments_root': top, 'models': top / 'models', 'training_states': top / 'training_states',
                   'log': top, 'visualization': top / 'visualization'}
    else:
        top = root / 'results' / options.name
        folders = {'results_root': top, 'log': top, 'visualization': top / 'visualization'}
    # A file that a run wrote names the folders of that run.
    none = dict.fromkeys(('experiments_root', 'results_root', 'models', 'training_states', 'log', 'visualization'))
    filled = {key: str(folder) for key, folder in folders.items()}
    return options.model_copy(update={'path': options.path.model_copy(update={**none, **filled})})


def _override(raw: dict, lines: Line, entry: str) -> None:
    """Apply one `a:b:c=value`; its key paths get line 0, which stands for the command line."""
    keys, separator, text = entry.partition('=')
    source = f'--force_yml {entry}'
    path = tuple(key.strip() for key in keys.split(':'))
    if not separator or not all(path):
        raise OptionError(f'{source}: write key:subkey=value, for example train:total_iter=1000')
    value, _ = parse_text(text, source)
    node = raw
    for depth, key in enumerate(path[:-1], 1):
        if node.get(key) is None:
            node[key] = {}
            lines[path[:depth]] = 0
        node = node[key]
        if not isinstance(node, dict):
            raise OptionError(f'{source}: {":".join(path[:depth])} holds a value, it has no keys below it')
    node[path[-1]] = value
    for stale in [known for known in lines if known[:len(path)] == path]:
        del lines[stale]
    lines[path] = 0


def _shorten(raw: dict) -> None:
    if not str(raw.get('name', '')).startswith('debug'):
        raw['name'] = f'debug_{raw.get("name", "effsr")}'
    if isinstance(raw.get('val'), dict):
        raw['val']['val_freq'] = 8
    given = raw.get('logger') or {}
    if isinstance(given, dict):
        raw['logger'] = {**given, 'print_freq': 1, 'save_checkpoint_freq': 8, 'use_tb_logger': False}


def _gather_degradation(plain: dict, source: str, lines: Line) -> None:
    """Move flat degradation keys into the degradation section, and the model's switches to the top level.

    Their lines move with them.
    """
    if not isinstance(plain.get('degradation', {}), dict | None):
        return  # refused by the schema
    degradation = dict(plain.get('degradation') or {})
    datasets = plain.get('datasets') if isinstance(plain.get('datasets'), dict) else {}
    places = [(('datasets', 'train'), datasets.get('train'), DEGRADATION_KEYS),
              (('train',), plain.get('train'), DEGRADATION_KEYS | TOP_LEVEL_KEYS), ((), plain, DEGRADATION_KEYS)]
    for where, section, keys in places:
        for key in sorted(keys & section.keys()) if isinstance(section, dict) else ():
            home, home_path = (degradation, ('degradation', key)) if key in DEGRADATION_KEYS else (plain, (key,))
            if key in home:
                here, there = position(source, lines, (*where, key)), position(source, lines, home_path)
                raise OptionError(f'{here}: {".".join((*where, key))}: given a second time, the first is {there}; '
                                  'keep one')
            home[key] = section.pop(key)
            _move_lines(lines, (*where, key), home_path)
    if degradation:
        plain['degradation'] = degradation


def _move_lines(lines: Line, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    for path in [path for path in lines if path[:len(old)] == old]:
        lines[new + path[len(old):]] = lines.pop(path)


def _complete_datasets(plain: dict) -> None:
    """Give every dataset its phase (from its key), its name, the scale, and expanded folders."""
    datasets = plain.get('datasets')
    if not isinstance(datasets, dict):
        return
    for key, dataset in datasets.items():
        if not isinstance(dataset, dict):
            continue
        phase = str(key).split('_')[0]
        # Any other key is refused as a second training set.
        dataset['phase'] = phase if phase in ('val', 'test') else 'train'
        if isinstance(plain.get('scale'), int):
            dataset.setdefault('scale', plain['scale'])
        if not dataset.get('name'):
            dataset['name'] = str(key)
        for file in ('dataroot_gt', 'dataroot_lq', 'meta_info'):
            if isinstance(dataset.get(file), str):
                dataset[file] = os.path.expanduser(dataset[file])


def _available_gpus(wanted: Any) -> Any:
    """num_gpu as a number of GPUs that this machine has."""
    have = torch.cuda.device_count()
    if wanted == 'auto':
        return have
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > have:
        logger.warning('num_gpu is %d, this machine has %d: using %s', wanted, have, have or 'the CPU')
        return have
    return wanted
