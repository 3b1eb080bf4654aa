"""Writes docs/options.md (below its hand-written part) and options/options.schema.json from the code.

    python -m effsr.options.describe

Importing effsr, which this command line does first, registers the classes that are described.
"""
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from basicsr.models import lr_scheduler
from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY
from pydantic import BaseModel

from effsr.options.json_schema import NOT_IN_A_FILE, build_schema, effsr_datasets, entries, properties_of
from effsr.options.model_names import ALIASES
from effsr.options.schema import Component, DatasetOptions, Options

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / 'docs' / 'options.md'
SCHEMA = ROOT / 'options' / 'options.schema.json'
COMMAND = 'python -m effsr.options.describe'
MARK = f'<!-- From here on written by {COMMAND}: change the descriptions in the code. -->\n'

DEGRADATION = """\
Second-order degradation, which makes lq from gt while training: blur, resizing, noise and JPEG, twice over. Keys that
end in 2 belong to the second time. Every choice is drawn for each image by itself (`mode: batch` shares those that
Real-ESRGAN shares), evenly within a range `[low, high]`.
(Real-ESRGAN, [arXiv 2107.10833](https://arxiv.org/abs/2107.10833), section 3.)
"""
# Where a block or section is described.
LINKS = {'DatasetOptions': 'datasets', 'Component': 'blocks-with-a-type', 'MetricOptions': 'metrics'}
KINDS = {'integer': 'whole number', 'number': 'number', 'boolean': '`true` or `false`', 'string': 'text',
         'object': 'mapping'}
INTRODUCTIONS = {'degradation': DEGRADATION}
# Arguments that a class gets from the step or the loader, not from the option file.
PASSED = {'self', 'opt', 'img', 'img2', 'better', 'kwargs', 'optimizer', 'last_epoch'}
TORCH = 'https://pytorch.org/docs/stable/optim.html'
OPTIMIZERS = f"""\
### Optimizers and schedules

`train: optim_g` and `train: optim_d` name a class of [torch.optim]({TORCH}): `Adam`, `AdamW`, `SGD` ..., of those that
take one gradient a step; or, with `pip install schedulefree`, `AdamWScheduleFree`, `RAdamScheduleFree` or
`SGDScheduleFree` ([arXiv 2405.15682](https://arxiv.org/abs/2405.15682)), which need no schedule: what is validated and
saved are then their averaged weights.

`train: scheduler` names one of the two schedules below, which are BasicSR's, or any that counts steps of
[torch.optim.lr_scheduler]({TORCH}#how-to-adjust-learning-rate). A step is an iteration. `MultiStepLR` stands for
`MultiStepRestartLR`.
"""


def reference() -> str:
    """The part of docs/options.md that is made from the code."""
    parts = ['## Top level\n', _table(Options), '## datasets\n', _datasets()]
    for key, model in sections().items():
        text = INTRODUCTIONS.get(key) or _sentence(Options.model_fields[key].description) + '\n'
        parts += [f'## {key}\n', text, _table(model)]
        for inner, section in sections_in(model).items():
            parts += [f'### {key}: {inner}\n', _sentence(model.model_fields[inner].description) + '\n', _table(section)]
    parts += ['## Blocks with a type\n', _blocks()]
    return '\n'.join(parts)


def sections() -> dict[str, type[BaseModel]]:
    """The sections that have a fixed list of keys, by key."""
    models = {key: _model_in(field.annotation) for key, field in Options.model_fields.items()}
    return {key: model for key, model in models.items()
            if model not in (None, Component, DatasetOptions) and key not in NOT_IN_A_FILE}


def sections_in(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The sections inside a section, by key."""
    models = {key: _model_in(field.annotation) for key, field in model.model_fields.items()}
    return {key: inner for key, inner in models.items() if inner is not None and not issubclass(inner, Component)}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_model_in, get_args(annotation)) if found), None)


def _table(model: type[BaseModel], without: Iterable[str] = ()) -> str:
    """A table of a model's keys, in the order of its fields."""
    properties, required, _ = properties_of(model)
    rows = []
    for key, schema in properties.items():
        if key not in without:
            default = '**required**' if key in required else _default(schema)
            rows.append((f'`{key}`', _kind(schema), default, _range(schema), _sentence(schema.get('description', ''))))
    return _rows(('key', 'type', 'default', 'accepted', 'meaning'), rows)


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ('---',) * len(head), *rows]
    return ''.join('| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |\n' for line in lines)


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    if '$ref' in schema:
        name = schema['$ref'].rsplit('/', 1)[1]
        own = {model.__name__: key for key, model in sections().items()}
        own |= {inner.__name__: f'{key}-{name}' for key, model in sections().items()
                for name, inner in sections_in(model).items()}
        return f'[section](#{own[name]})' if name in own else f'[block](#{LINKS[name]})'
    if 'anyOf' in schema:
        return ' or '.join('`~`' if part == {'type': 'null'} else _kind(part) for part in schema['anyOf'])
    if 'enum' in schema:
        return ', '.join(f'`{value}`' for value in schema['enum'])
    if schema.get('type') == 'array':
        count = schema.get('maxItems', '')
        inner = 'name' if 'enum' in schema['items'] else _kind(schema['items'])
        return ' '.join(f'list of {count} {inner}s'.split())
    if isinstance(schema.get('additionalProperties'), dict):
        return f'mapping of names to {_kind(schema["additionalProperties"])}s'
    return ' or '.join([KINDS[schema['type']], *(f'`{value}`' for value in schema.get('also', ()))])


def _range(schema: Mapping[str, Any]) -> str:
    if 'x-accepted' in schema:
        return schema['x-accepted']
    for part in schema.get('anyOf', ()):
        if found := _range(part):
            return found
    low, high = schema.get('minimum'), schema.get('maximum', schema.get('exclusiveMaximum'))
    below = 'below ' if 'exclusiveMaximum' in schema else ''
    if 'exclusiveMinimum' in schema:
        return f'above {schema["exclusiveMinimum"]:g}' + ('' if high is None else f', {below}{high:g}')
    if low is None:
        return ''
    return f'{low:g} or more' if high is None or high >= 2**63 else f'{low:g} to {below}{high:g}'


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get('default')
    if '$ref' in schema or (value is None and 'anyOf' not in schema):
        return ''
    return f'`{_yaml(value)}`'


def _yaml(value: Any) -> str:
    """A value as an option file says it, on one line."""
    if value is None or isinstance(value, bool):
        return {None: '~', True: 'true', False: 'false'}[value]
    if isinstance(value, Mapping):
        return '{' + ', '.join(f'{key}: {_yaml(item)}' for key, item in value.items()) + '}'
    if isinstance(value, list | tuple):
        return '[' + ', '.join(map(_yaml, value)) + ']'
    return f'{value:g}' if isinstance(value, float) else str(value) or "''"


def _sentence(text: str) -> str:
    text = ' '.join(text.split())
    first = text.split(' ')[0]
    start = first if '_' in first else first[:1].upper() + first[1:]
    return start + text[len(first):] + ('.' if text and not text.endswith('.') else '')


def _datasets() -> str:
    """The keys that all datasets have, then effsr's own classes, then the names of BasicSR's."""
    by_model: dict[type[BaseModel], list[str]] = {}
    for name, model in effsr_datasets().items():
        by_model.setdefault(model, []).append(name)
    shared = set.intersection(*(set(model.model_fields) for model in by_model))
    base = next(iter(by_model)).__mro__[1]
    parts = ['One entry for each set: `train`, `val`, `val_2`, `test_1` ... Keys of every dataset:\n',
             _table(DatasetOptions), "Keys that effsr's own datasets share:\n",
             _table(base, without=DatasetOptions.model_fields)]
    for model, names in by_model.items():
        classes = [DATASET_REGISTRY.get(name) for name in names]
        own = set(model.model_fields) - shared
        parts += [f'### {", ".join(names)}\n', _summary(classes[0]) + '\n',
                  _table(model, without=shared) if own else 'No further keys.\n']
    return '\n'.join([*parts, "### BasicSR's datasets\n",
                      'Their keys are those that BasicSR gives them.\n', _others(DATASET_REGISTRY)])


def _blocks() -> str:
    """What the registries hold."""
    networks = _classes(entries(ARCH_REGISTRY, 'effsr'), '####')
    losses = _classes(entries(LOSS_REGISTRY, 'effsr', 'basicsr'), '####')
    metrics = [(f'`{name}`', _written(cls), _summary(cls)) for name, cls in
               entries(METRIC_REGISTRY, 'effsr', 'basicsr').items()]
    schedules = [(f'`{name}`', _written(cls)) for name, cls in vars(lr_scheduler).items() if name.endswith('RestartLR')]
    models = [(f'`{name}`', f'`{ALIASES[name].model}`, {ALIASES[name].meaning}.' if name in ALIASES else _summary(cls))
              for name, cls in entries(MODEL_REGISTRY, 'effsr').items()]
    return '\n'.join([
        'A block names a class by `type`; its other keys are the arguments of that class.\n',
        '### Networks\n', 'For `network_g` and `network_d`.\n', *networks, _others(ARCH_REGISTRY),
        '### Losses\n', 'For `train: pixel_opt`, `perceptual_opt`, `ldl_opt`, `color_opt` and `gan_opt`.\n', *losses,
        '### Metrics\n', 'For `val: metrics`. Besides its arguments a block may say which scores are the better ones: '
        '`better: higher`, the default, or `better: lower`.\n',
        _rows(('type', 'arguments, with their defaults', 'what it is'), metrics),
        OPTIMIZERS, _rows(('type', 'arguments, with their defaults'), schedules),
        '### Models\n', 'For `model_type`.\n', _rows(('name', 'what it is'), models), _others(MODEL_REGISTRY)])


def _classes(found: Mapping[str, Any], level: str) -> list[str]:
    """A heading and a table of arguments for each class."""
    parts = []
    for name, cls in found.items():
        texts = _argument_texts(cls)
        rows = [(f'`{key}`', '**required**' if value is inspect.Parameter.empty else f'`{_yaml(value)}`',
                 _sentence(texts.get(key, ''))) for key, value in _arguments(cls).items()]
        parts += [f'{level} {name}\n', _summary(cls) + '\n', _rows(('argument', 'default', 'meaning'), rows)]
    return parts


def _others(registry: Any) -> str:
    return f"BasicSR's: {', '.join(f'`{name}`' for name in entries(registry, 'basicsr'))}.\n"


def _arguments(obj: Any) -> dict[str, Any]:
    """Arguments that an option file may give, with their defaults."""
    return {key: parameter.default for key, parameter in inspect.signature(obj).parameters.items()
            if key not in PASSED}


def _written(obj: Any) -> str:
    return ', '.join(f'`{key}` (required)' if value is inspect.Parameter.empty else f'`{key}: {_yaml(value)}`'
                     for key, value in _arguments(obj).items())


def _summary(obj: Any) -> str:
    """The first sentence of a docstring."""
    text = ' '.join((inspect.getdoc(obj) or '').split('\n\n')[0].split())
    text = re.sub(r':\w+:`~?([^`]+)`', r'`\1`', text).replace('``', '`')
    return _sentence(re.split(r'(?<=\.)\s', text)[0].rstrip(':'))


def _argument_texts(obj: type) -> dict[str, str]:
    """What the Args sections of a class and of what it inherits from say, by argument."""
    texts: dict[str, str] = {}
    for cls in reversed(obj.__mro__):
        _, _, rest = inspect.cleandoc(cls.__doc__ or '').partition('Args:\n')
        found = re.findall(r'^ {4}(\w+)(?: \(.*?\))?: (.*(?:\n {8}.*)*)', rest.split('\n\n')[0], re.MULTILINE)
        # The default has a column of its own.
        texts.update((key, re.sub(r'\s*Default: \S+', '', text)) for key, text in found)
    return texts


def contents() -> dict[Path, str]:
    """Each file to write, with its text."""
    by_hand = DOCUMENT.read_text(encoding='utf-8').partition(MARK)[0]
    return {DOCUMENT: f'{by_hand}{MARK}\n{reference()}',
            SCHEMA: json.dumps(build_schema(), indent=2, ensure_ascii=False) + '\n'}


def main() -> None:
    """Write both files."""
    for path, text in contents().items():
        path.write_text(text, encoding='utf-8', newline='\n')
        print(f'wrote {path.relative_to(ROOT)}')


if __name__ == '__main__':
    main()
