"""Blocks with a `type` that name a class or function: networks, losses, optimizers, schedules, metrics, the model."""
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from basicsr.models import lr_scheduler as basicsr_schedulers
from basicsr.utils.registry import ARCH_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY

from effsr.options.messages import Problem, nearest
from effsr.options.signature import argument_problems, with_whole_numbers

SCHEDULE = torch.optim.lr_scheduler.LRScheduler
COSINE = 'CosineAnnealingRestartLR'  # BasicSR's
# BasicSR's MultiStepLR knows restarts.
ALIASES = {'MultiStepLR': 'MultiStepRestartLR'}
BY_FUNCTION = 'takes a function, which an option file cannot hold; use MultiStepLR, LinearLR or another'
OF_SCHEDULES = 'is made of other schedules; use CosineAnnealingRestartLR, or warmup_iter with a schedule of its own'
NO_CLOSURE = 'computes the losses several times in a step, which a training step does not; use Adam, AdamW or SGD'
# What stands in torch but cannot be used: it needs more than an option file can say, or another kind of step.
UNUSABLE = {
    'ReduceLROnPlateau': 'follows a metric, which a step does not have; use a schedule by iteration, for example '
                         'MultiStepLR',
    'LambdaLR': BY_FUNCTION, 'MultiplicativeLR': BY_FUNCTION, 'ChainedScheduler': OF_SCHEDULES,
    'SequentialLR': OF_SCHEDULES, 'LBFGS': NO_CLOSURE,
    'SparseAdam': 'takes sparse gradients, which image networks do not have; use Adam',
    'Muon': 'takes matrices alone, not the kernels of convolutions; use Adam, AdamW or SGD'}
# Optimizers of the package schedulefree (Defazio et al., The Road Less Scheduled, arXiv 2405.15682).
SCHEDULE_FREE = ('AdamWScheduleFree', 'RAdamScheduleFree', 'SGDScheduleFree')
NOT_INSTALLED = 'is of the package schedulefree, which is not installed; pip install schedulefree'
# Type of a block whose own is wrong, while the other options are compared with each other.
UNCLEAR = '?'
OWN_KEYS = ('type', 'better')


class Role(NamedTuple):
    """One kind of block.

    Attributes:
        what: What it is called.
        known: What it may name.
        supplied: Arguments that the program itself passes.
        own: What a message says to those who have written one of their own.
    """

    what: str
    known: Callable[[], Mapping[str, Any]]
    supplied: tuple[str, ...] = ()
    own: str = ' (one of your own: name its module under import:)'


def registered(registry: Any) -> dict[str, Any]:
    """Entries of a registry; those that BasicSR registered with its suffix under their plain name too."""
    entries = {name: value for name, value in registry}  # noqa: C416  a registry has keys() but no []
    plain = {name.removesuffix('_basicsr'): value for name, value in entries.items()}
    return {**plain, **entries}


def _classes(base: type, *homes: Any) -> dict[str, type]:
    found = {name: value for home in homes for name, value in vars(home).items()
             if isinstance(value, type) and issubclass(value, base) and value is not base and name[0] != '_'
             and name not in UNUSABLE}
    return found


def _schedules() -> dict[str, type]:
    found = _classes(SCHEDULE, torch.optim.lr_scheduler, basicsr_schedulers)
    return {**found, **{name: found[other] for name, other in ALIASES.items()}}


@cache
def _schedule_free() -> dict[str, type]:
    if find_spec('schedulefree') is None:
        return {}
    return {name: getattr(import_module('schedulefree'), name) for name in SCHEDULE_FREE}


def _optimizers() -> dict[str, type]:
    return {**_schedule_free(), **_classes(torch.optim.Optimizer, torch.optim)}


def unusable(name: str, role: 'Role') -> str | None:
    """Why an optimizer or schedule that exists cannot be used, or None."""
    if role not in (OPTIMIZER, SCHEDULER):
        return None
    if name in SCHEDULE_FREE and name not in role.known():
        return f'{name} {NOT_INSTALLED}' if role is OPTIMIZER else None
    return f'{name} {UNUSABLE[name]}' if name in UNUSABLE else None


NETWORK = Role('network', lambda: registered(ARCH_REGISTRY))
LOSS = Role('loss', lambda: registered(LOSS_REGISTRY))
OPTIMIZER = Role('optimizer', _optimizers, ('params',), '')
SCHEDULER = Role('schedule', _schedules, ('optimizer',), '')
METRIC = Role('metric', lambda: registered(METRIC_REGISTRY), ('img', 'img2'))
MODEL = Role('model', lambda: registered(MODEL_REGISTRY))
TRAIN_ROLES = {'pixel_opt': LOSS, 'perceptual_opt': LOSS, 'gan_opt': LOSS, 'ldl_opt': LOSS, 'color_opt': LOSS,
               'optim_g': OPTIMIZER, 'optim_d': OPTIMIZER, 'scheduler': SCHEDULER}


def blocks(plain: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], dict, Role]]:
    """Every block of the options with its key path and role; what is no mapping with a `type` is left to the schema."""
    places: list[tuple[tuple[str, ...], Any, Role]] = [((key,), plain.get(key), NETWORK)
                                                       for key in ('network_g', 'network_d')]
    train, val = plain.get('train'), plain.get('val')
    if isinstance(train, Mapping):
        places += [(('train', key), train.get(key), role) for key, role in TRAIN_ROLES.items()]
        teacher = train.get('distill_opt')
        if isinstance(teacher, Mapping):
            places.append((('train', 'distill_opt', 'network'), teacher.get('network'), NETWORK))
    metrics = val.get('metrics') if isinstance(val, Mapping) else None
    if isinstance(metrics, Mapping):
        places += [(('val', 'metrics', str(key)), block, METRIC) for key, block in metrics.items()]
    for path, block, role in places:
        if isinstance(block, dict) and isinstance(block.get('type'), str):
            yield path, block, role


def arguments_of(block: Mapping[str, Any], role: Role) -> dict[str, Any]:
    """The arguments of a block, without what is addressed to the program."""
    own = OWN_KEYS if role is METRIC else OWN_KEYS[:1]
    return {str(key): value for key, value in block.items() if key not in own}


def component_problems(plain: dict, all_imported: bool) -> list[Problem]:
    """What of the blocks does not suit the classes they name; 5e3 becomes 5000 where a whole number is meant.

    Args:
        plain: The options; whole numbers are changed in place.
        all_imported: Whether all plugins are there; without them, unknown names are not told.
    """
    problems = []
    for path, block, role in blocks(plain):
        name, known = block['type'], role.known()
        why_not = unusable(name, role)
        if why_not is not None:
            problems.append(Problem((*path, 'type'), why_not))
        elif name not in known:
            problems += [unknown_type((*path, 'type'), name, role)] if all_imported else []
        else:
            arguments = arguments_of(block, role)
            problems += argument_problems(known[name], name, arguments, role.supplied, path)
            block.update(with_whole_numbers(known[name], arguments))
    name = plain.get('model_type')
    if isinstance(name, str) and name not in MODEL.known() and all_imported:
        problems.append(unknown_type(('model_type',), name, MODEL))
    return problems


def unknown_type(path: tuple[str, ...], name: str, role: Role) -> Problem:
    """The message for a `type` that is not registered."""
    return Problem(path, f'no {role.what} is called {name}; {nearest(name, role.known())}{role.own}')
