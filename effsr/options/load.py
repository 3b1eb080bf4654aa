"""From an option file and command-line overrides to one frozen Options, and from there to BasicSR's plain dict."""
import logging
import random
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from effsr.options.checks import cross_check
from effsr.options.choices import choice_problems
from effsr.options.components import TRAIN_ROLES, UNCLEAR, component_problems
from effsr.options.dataset_blocks import dataset_problems, kept_keys
from effsr.options.demands import demands
from effsr.options.files import file_problems
from effsr.options.inherit import read_inherited
from effsr.options.length import LENGTHS, complete_schedule, keep_one_length
from effsr.options.literals import guessed_values
from effsr.options.messages import COMMAND_LINE, Places, Problem, dotted, explain, position, report
from effsr.options.normal_form import available_gpus, complete_datasets, complete_gan, gather_degradation
from effsr.options.overrides import override, shorten
from effsr.options.plugins import import_plugins
from effsr.options.schema import Options, Runtime
from effsr.options.upstream import rename_keys, without_effect
from effsr.options.yaml_reader import OptionError, unshared

logger = logging.getLogger('basicsr')

RUNTIME_KEYS = frozenset(Runtime.model_fields)
# With one of these wrong, comparing the other options with its default would only mislead.
ANCHORS = {('model_type',), ('scale',), ('high_order_degradation',)}
BLOCKS = {('network_g',), ('network_d',), *(('train', key) for key in TRAIN_ROLES)}


class _Examined(NamedTuple):
    """Options, if they can be made of what is right; mistakes; and what is only worth a warning."""

    options: Options | None
    problems: list[Problem]
    notes: list[Problem]


def load_options(path: str | Path, overrides: Iterable[str] = (), debug: bool = False, check_files: bool = True,
                 resuming: bool = False, is_train: bool | None = None) -> Options:
    """Read, override and check an option file; the modules of its `import:` are imported.

    Args:
        path: The YAML file.
        overrides: `a:b:c=value` entries of --force_yml; the value is read as YAML.
        debug: Short intervals and a name that starts with debug_, as BasicSR's --debug.
        check_files: Whether the files and folders it names must be there.
        resuming: Whether the run may go on from a state of its own, without the pretrained weights.
        is_train: Whether they are to train, or to test; what either cannot do without is looked for where this is said.

    Raises:
        OptionError: One line for each mistake: file:line: key: what is wrong; remedy.
    """
    raw, places = read_inherited(path)
    for entry in overrides:
        override(raw, places, entry)
    keep_one_length(raw, places)
    # A run's own options.yml holds these, and a total_iter that was perhaps given on the command line.
    written = {key for key in RUNTIME_KEYS | {'runtime'} if raw.pop(key, None) is not None}
    tried_out = bool(written) or any(places.get(('train', key)) == COMMAND_LINE for key in LENGTHS)
    if debug:
        shorten(raw)
    broken = import_plugins(raw.get('import'))
    options, problems, notes = _examine(raw, places, tried_out, all_imported=not broken)
    if options is not None:
        problems += demands(options, is_train) if is_train is not None else []
        problems += file_problems(options, resuming, testing=is_train is False) if check_files else []
    if broken or problems or options is None:
        raise OptionError(report([*broken, *problems], str(path), places))
    for note in notes:
        logger.warning('%s: %s: %s', position(str(path), places, note.location), dotted(note.location), note.message)
    return options


def validate(raw: Mapping[str, Any], source: str = 'options', places: Places | None = None) -> Options:
    """Check a plain mapping of options and freeze it; files and folders are not looked for.

    Args:
        raw: The mapping; it is not changed.
        source: What to call it in messages.
        places: Where each key path stands, for messages.

    Raises:
        OptionError: One line for each mistake.
    """
    places = dict(places or {})
    options, problems, _ = _examine(unshared(raw), places, may_fall_short=True)
    if problems or options is None:
        raise OptionError(report(problems, source, places))
    return options


def _examine(plain: dict, places: Places, may_fall_short: bool, all_imported: bool = True) -> _Examined:
    """Bring options into their normal form and find everything that is wrong with them."""
    keeps = kept_keys(plain)
    problems, notes = rename_keys(plain, places, keeps)
    problems += gather_degradation(plain, places, keeps.get('train', frozenset()))
    plain['num_gpu'] = available_gpus(plain.get('num_gpu', 'auto'))
    if plain.get('manual_seed') is None:
        plain['manual_seed'] = random.SystemRandom().randint(1, 10000)
    complete_datasets(plain)
    notes += [*without_effect(plain, keeps), *complete_gan(plain)]
    unfit = guessed_values(plain, Options)
    problems += unfit + complete_schedule(plain) + component_problems(plain, all_imported) + choice_problems(plain)
    options, found = _parse(plain)
    problems += found + dataset_problems(plain, all_imported)
    if unfit or found or any(problem.meant for problem in problems):
        problems = _without_echoes(problems)
        options = _of_what_is_right(plain, problems, [*unfit, *found])
    if options is not None:
        checked = cross_check(options, may_fall_short)
        problems += checked.problems
        notes += checked.notes
    return _Examined(options, problems, notes)


def _parse(plain: dict) -> tuple[Options | None, list[Problem]]:
    try:
        return Options.model_validate(plain), []
    except ValidationError as error:
        return None, [explain(found, Options) for found in error.errors()]


def _without_echoes(problems: list[Problem]) -> list[Problem]:
    """The problems but for options that are missing only because their names are misspelt."""
    meant = {problem.meant for problem in problems}
    return [problem for problem in problems
            if problem.location not in meant or not problem.message.startswith('missing')]


def _of_what_is_right(plain: dict, problems: list[Problem], wrong: list[Problem]) -> Options | None:
    """Options of the entries that are right, so that they can be compared with each other.

    Args:
        plain: The options as they are.
        problems: All that is wrong; misspelt keys get the name that was meant.
        wrong: Entries to leave out.
    """
    if ANCHORS & {problem.location for problem in wrong}:
        return None
    rest = deepcopy(plain)
    moved = [(problem, _take_out(rest, problem.location)) for problem in problems if problem.meant]
    for location in (problem.location for problem in wrong if not problem.meant):
        value = _take_out(rest, location)
        if location in BLOCKS:  # it is there, whatever it is: nothing should call it missing
            _put(rest, location, {'type': value if isinstance(value, str) else UNCLEAR})
        elif location[:-1] in BLOCKS and location[-1] == 'type':
            _put(rest, location, UNCLEAR)
    guessed = deepcopy(rest)
    for problem, value in moved:
        _put(guessed, problem.meant, value)
    complete_datasets(guessed)
    return _parse(guessed)[0] or _parse(rest)[0]


def _take_out(plain: dict, location: tuple) -> Any:
    """Remove an entry, or where it is none of a mapping's, all that is wrong around it."""
    node: Any = plain
    key = location[-1] if location else None
    for part in location[:-1]:
        below = node.get(part) if isinstance(node, dict) else None
        if not isinstance(below, dict):
            key = part
            break
        node = below
    return node.pop(key, None) if isinstance(node, dict) else None


def _put(plain: dict, path: tuple[str, ...], value: Any) -> None:
    """Put an entry where there is none yet."""
    for part in path[:-1]:
        plain = plain.setdefault(part, {})
        if not isinstance(plain, dict):
            return
    plain.setdefault(path[-1], value)


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
    del plain['base']
    for key in ('network_d', 'train', 'val'):
        if plain[key] is None:
            del plain[key]
    for name, field in type(options.path).model_fields.items():
        if plain['path'][name] is None and 'pretrain' not in name and field.default is None:
            del plain['path'][name]
    return plain


def _as_lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_lists(item) for key, item in value.items()}  # BasicSR prints keys as text
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
