"""What a run does otherwise than by default."""
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from effsr.options.components import blocks
from effsr.options.dataset_blocks import dataset_class, options_class
from effsr.options.schema import Component, DatasetOptions, Options
from effsr.options.signature import EMPTY, taken_by

SET_BY_THE_RUN = ('runtime', 'base')
# TensorBoard's table shows the first five.
FIRST_SETTINGS = ('network_g.type', 'train.optim_g.lr', 'train.total_iter', 'datasets.train.batch_size_per_gpu',
                  'gt_size')
NO_SETTINGS = ('name', 'next', 'import', 'sample_data', 'path', 'logger', 'extra', 'dist_params')
FOLDERS = ('experiments_root', 'results_root', 'models', 'training_states', 'log', 'visualization')


def differences(options: Options) -> list[str]:
    """One line for each option that is not at its default: `key.path = value (default ...)`.

    What has no default (total_iter, the type of a block) is told without one.
    """
    roles = {path: role for path, _, role in blocks(options.model_dump())}
    return [f'{".".join(path)} = {_shown(value)}' + ('' if default is EMPTY else f' (default {_shown(default)})')
            for path, value, default in _walk(options, (), roles)]


def settings(options: Options) -> dict[str, Any]:
    """What tells one run from another in a table: what is not at its default, and a few things that always matter.

    Returns:
        Value by key path: numbers, truth values and words as they are, anything else as its text.
    """
    roles = {path: role for path, _, role in blocks(options.model_dump())}
    found = {'.'.join(path): value for path, value, _ in _walk(options, (), roles) if path[0] not in NO_SETTINGS}
    train = options.datasets.get('train')
    always = {'scale': options.scale, 'manual_seed': options.manual_seed, 'processes': options.runtime.world_size,
              'num_gpu': options.num_gpu}
    if options.train is not None:
        always['train.ema_decay'] = options.train.ema_decay
        for key in ('optim_g', 'optim_d'):
            optimizer = getattr(options.train, key)
            if optimizer is not None and 'lr' in optimizer.arguments:
                always[f'train.{key}.lr'] = optimizer.arguments['lr']
    if train is not None:
        always['datasets.train.batch_size_per_gpu'] = train.batch_size_per_gpu
    together = {key: value if isinstance(value, bool | int | float | str) else _shown(value)
                for key, value in sorted({**found, **always}.items()) if not key.endswith('.name')}
    first = {key: together[key] for key in FIRST_SETTINGS if key in together}
    return first | together


def _walk(section: BaseModel, path: tuple[str, ...], roles: Mapping) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for name, field in type(section).model_fields.items():
        here, value = (*path, field.alias or name), getattr(section, name)
        if name in SET_BY_THE_RUN or (path == ('path',) and name in FOLDERS):
            continue
        default = EMPTY if field.default is PydanticUndefined else field.default
        if isinstance(value, Component):
            yield from _component(value, here, roles)
        elif isinstance(value, BaseModel):
            yield from _walk(value, here, roles)
        elif isinstance(value, dict) and any(isinstance(entry, BaseModel) for entry in value.values()):
            for label, entry in value.items():
                below = (*here, str(label))
                yield from _dataset(entry, below) if isinstance(entry, DatasetOptions) else \
                    _component(entry, below, roles)
        elif default is EMPTY or value != default:
            yield here, value, default


def _component(block: Component, path: tuple[str, ...], roles: Mapping) -> Iterator[tuple]:
    yield (*path, 'type'), block.type, EMPTY
    for name, field in type(block).model_fields.items():
        if name != 'type' and getattr(block, name) != field.default:
            yield (*path, name), getattr(block, name), field.default
    target = roles[path].known().get(block.type) if path in roles else None
    taken = taken_by(target) if target is not None else None
    for key, value in block.arguments.items():
        default = taken.parameters[key].default if taken and key in taken.parameters else EMPTY
        if default is EMPTY or _plain(value) != _plain(default):
            yield (*path, key), value, default


def _dataset(block: DatasetOptions, path: tuple[str, ...]) -> Iterator[tuple]:
    fields = (options_class(dataset_class({'type': block.type})) or DatasetOptions).model_fields
    own = {'phase': block.phase, 'scale': block.scale, 'name': block.name}
    for key, value in block.model_dump().items():
        default = fields[key].default if key in fields else EMPTY
        default = EMPTY if default is PydanticUndefined else default
        if key not in own and (default is EMPTY or _plain(value) != _plain(default)):
            yield (*path, key), value, default
    if block.name != path[-1]:
        yield (*path, 'name'), block.name, path[-1]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return str(_plain(value))
