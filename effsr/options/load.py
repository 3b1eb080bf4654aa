"""From an option file and command-line overrides to one frozen Options, and from there to BasicSR's plain dict."""
import difflib
import logging
import os
import random
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import BaseModel, ValidationError

from effsr.degradations.settings import DegradationSettings
from effsr.options.schema import Options, Runtime
from effsr.options.yaml_reader import Line, OptionError, parse_text, read_yaml

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
        lines.update(_override(raw, entry))
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
    lines = lines or {}
    plain = _gather_degradation(deepcopy(dict(raw)), source, lines)
    plain['num_gpu'] = _available_gpus(plain.get('num_gpu', 'auto'))
    if plain.get('manual_seed') is None:
        plain['manual_seed'] = random.SystemRandom().randint(1, 10000)
    for section in ('path', 'logger'):
        if plain.get(section) is None:
            plain.pop(section, None)
    _complete_datasets(plain)
    try:
        return Options.model_validate(plain)
    except ValidationError as error:
        raise OptionError('\n'.join(_explain(problem, source, lines) for problem in error.errors())) from None


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
    if 'type' in plain:
        plain.setdefault('model_type', plain.pop('type'))
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
    path = options.path.model_copy(update={key: str(folder) for key, folder in folders.items()})
    return options.model_copy(update={'path': path})


def _override(raw: dict, entry: str) -> Line:
    """Apply one `a:b:c=value`; returns the key paths that have no line in the file any more."""
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
        node = node[key]
        if not isinstance(node, dict):
            raise OptionError(f'{source}: {":".join(path[:depth])} holds a value, it has no keys below it')
    node[path[-1]] = value
    return {path: 0}


def _shorten(raw: dict) -> None:
    if not str(raw.get('name', '')).startswith('debug'):
        raw['name'] = f'debug_{raw.get("name", "effsr")}'
    if isinstance(raw.get('val'), dict):
        raw['val']['val_freq'] = 8
    raw['logger'] = {**(raw.get('logger') or {}), 'print_freq': 1, 'save_checkpoint_freq': 8, 'use_tb_logger': False}


def _gather_degradation(plain: dict, source: str, lines: Line) -> dict:
    """Move flat degradation keys into the degradation section, and the model's switches to the top level."""
    degradation = dict(plain.get('degradation') or {})
    datasets = plain.get('datasets') if isinstance(plain.get('datasets'), dict) else {}
    places = [(('datasets', 'train'), datasets.get('train'), DEGRADATION_KEYS),
              (('train',), plain.get('train'), DEGRADATION_KEYS | TOP_LEVEL_KEYS), ((), plain, DEGRADATION_KEYS)]
    for where, section, keys in places:
        if not isinstance(section, dict):
            continue
        for key in keys & section.keys():
            home = degradation if key in DEGRADATION_KEYS else plain
            if key in home:
                raise OptionError(f'{_position(source, lines, (*where, key))}: {".".join((*where, key))}: stands in '
                                  f'two places with another value possible; keep it in the degradation section')
            home[key] = section.pop(key)
    if degradation:
        plain['degradation'] = degradation
    return plain


def _complete_datasets(plain: dict) -> None:
    """Give every dataset its phase (from its key), its name, the scale, and expanded folders."""
    datasets = plain.get('datasets')
    if not isinstance(datasets, dict):
        return
    for key, dataset in datasets.items():
        if not isinstance(dataset, dict):
            continue
        dataset['phase'] = key.split('_')[0]
        dataset['scale'] = plain.get('scale', 4)
        if not dataset.get('name'):
            dataset['name'] = key
        for root in ('dataroot_gt', 'dataroot_lq'):
            if isinstance(dataset.get(root), str):
                dataset[root] = os.path.expanduser(dataset[root])


def _available_gpus(wanted: Any) -> Any:
    """num_gpu as a number of GPUs that this machine has."""
    have = torch.cuda.device_count()
    if wanted == 'auto':
        return have
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > have:
        logger.warning('num_gpu is %d, this machine has %d: using %s', wanted, have, have or 'the CPU')
        return have
    return wanted


def _position(source: str, lines: Line, location: tuple) -> str:
    """`file:line` of a key path; of the nearest parent that has a line if it has none itself."""
    path = tuple(str(part) for part in location)
    by_name = {keys[-1]: line for keys, line in lines.items()}
    if path not in lines and path and path[-1] in by_name and path[-1] in DEGRADATION_KEYS:
        return f'{source}:{by_name[path[-1]]}' if by_name[path[-1]] else '--force_yml'
    while path and path not in lines:
        path = path[:-1]
    if not path:
        return source
    return f'{source}:{lines[path]}' if lines[path] else '--force_yml'


def _explain(problem: Mapping[str, Any], source: str, lines: Line) -> str:
    """One line for one mistake that pydantic found."""
    location = problem['loc']
    where = f'{_position(source, lines, location)}: {".".join(str(part) for part in location) or "options"}'
    if problem['type'] == 'extra_forbidden':
        known = _names_at(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        return f'{where}: unknown option; ' + (f'did you mean {close[0]}?' if close else f'known: {", ".join(known)}')
    if problem['type'] == 'missing':
        return f'{where}: missing; it is required'
    message = problem['msg'].removeprefix('Value error, ')
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
