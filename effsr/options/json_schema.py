"""The JSON schema of option files, made from the pydantic models: what editors check and complete while one types.

Draft 7, which yaml-language-server knows. It is a little wider than the checks of a run: it does not know arguments of
blocks with a `type`, nor what two keys mean for one another.
"""
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY
from pydantic import BaseModel

from effsr.degradations.settings import OWN_KEYS, DegradationSettings
from effsr.options.schema import DatasetOptions, Options

Schema = dict[str, Any]

REF = '#/definitions/'
NULL = {'type': 'null'}
LENGTHS = ('total_iter', 'epochs')  # of section train, which needs one of them
# Set by the machine.
NOT_IN_A_FILE = ('runtime',)


def effsr_datasets() -> dict[str, type[BaseModel]]:
    """effsr's own dataset classes by name, each with the model of its block (the attribute options_class)."""
    found = {name: getattr(cls, 'options_class', None) for name, cls in entries(DATASET_REGISTRY, 'effsr').items()}
    return {name: model for name, model in found.items() if model is not None}


def entries(registry: Iterable[tuple[str, Any]], *packages: str) -> dict[str, Any]:
    """What the packages named brought into a registry, by name; a user's own classes are left out."""
    return {name: entry for name, entry in sorted(registry) if entry.__module__.split('.')[0] in packages}


def properties_of(model: type[BaseModel]) -> tuple[dict[str, Schema], set[str], dict[str, Schema]]:
    """Properties of a model in the order of its fields, names of the required ones, and the definitions they use."""
    raw = model.model_json_schema()
    definitions = {name: _tidy(schema) for name, schema in raw.get('$defs', {}).items()}
    properties = {key: _tidy(value) for key, value in raw['properties'].items() if key not in NOT_IN_A_FILE}
    return properties, set(raw.get('required', ())), definitions


def build_schema() -> Schema:
    """The whole schema."""
    properties, required, definitions = properties_of(Options)
    definitions = {name: schema for name, schema in definitions.items() if name not in ('Runtime', 'DatasetOptions')}
    properties['datasets'] = _datasets(definitions, properties['datasets'])
    properties['model_type']['examples'] = _names(MODEL_REGISTRY)
    _offer_names(properties, definitions)
    whole = {'type': 'object', 'properties': properties, 'required': sorted(required), 'additionalProperties': False}
    demands = _demands(whole, definitions)
    demands['properties']['train']['anyOf'] = [{'required': [key]} for key in LENGTHS]
    for schema in (whole, *definitions.values()):
        _loosen(schema)
    for schema in definitions.values():
        schema['type'] = ['object', 'null']
    return {
        '$schema': 'http://json-schema.org/draft-07/schema#',
        'title': 'effsr option file',
        'description': 'Made by python -m effsr.options.describe; do not edit.',
        **whole,
        'patternProperties': _flat_degradation(),
        # What is required may stand in the base file.
        'if': {'not': {'required': ['base']}}, 'then': demands,
        'definitions': dict(sorted(definitions.items())),
    }


def _names(registry: Any) -> list[str]:
    return list(entries(registry, 'effsr', 'basicsr'))


def _offer_names(properties: dict[str, Schema], definitions: dict[str, Schema]) -> None:
    """Blocks with a `type` get definitions of their own, with the names an editor may offer; others are accepted."""
    component = definitions.pop('Component')
    kinds = {'Network': _names(ARCH_REGISTRY), 'Loss': _names(LOSS_REGISTRY), 'Optimizer': ['Adam', 'AdamW', 'SGD'],
             'Schedule': ['MultiStepLR', 'CosineAnnealingRestartLR']}
    for kind, names in kinds.items():
        definitions[kind] = deepcopy(component)
        definitions[kind]['properties']['type']['examples'] = names
    definitions['MetricOptions']['properties']['type']['examples'] = _names(METRIC_REGISTRY)
    for section in (properties, *(definitions[name]['properties'] for name in ('TrainOptions', 'DistillOptions'))):
        for key, schema in section.items():
            kind = {'network': 'Network', 'optim': 'Optimizer', 'scheduler': 'Schedule'}.get(key.split('_')[0], 'Loss')
            for part in (schema, *schema.get('anyOf', ())):
                if part.get('$ref') == f'{REF}Component':
                    part['$ref'] = REF + kind


def _tidy(schema: Schema) -> Schema:
    """pydantic's schema in draft 7, the same from every version of pydantic."""
    out = {key: int(value) if isinstance(value, float) and value.is_integer() else value
           for key, value in sorted(schema.items()) if key not in ('title', 'unit', 'accepted')}
    if isinstance(out.get('$ref'), str):
        out['$ref'] = REF + out['$ref'].rsplit('/', 1)[1]
    for key in ('anyOf', 'allOf'):
        if key in out:
            out[key] = [_tidy(part) for part in out[key]]
    if len(out.get('allOf', ())) == 1:
        out.update(out.pop('allOf')[0])
    for key in ('items', 'additionalProperties'):
        if isinstance(out.get(key), dict):
            out[key] = _tidy(out[key])
    if 'prefixItems' in out:
        first = _tidy(out.pop('prefixItems')[0])  # ranges and weights: all of one kind
        out.setdefault('items', first)
    if out.get('additionalProperties') is True:
        del out['additionalProperties']
    if 'properties' in out:
        out['properties'] = {key: _tidy(value) for key, value in out['properties'].items()}
    if 'accepted' in schema:
        unit = '' if schema['unit'] in ('names', 'weights') else f' ({schema["unit"]})'
        out['x-accepted'] = schema['accepted'] + unit
    return out


def _loosen(schema: Schema) -> None:
    """Take out what is required, and let every value be null: it takes a key out of what a base file says."""
    schema.pop('required', None)
    for key, value in schema.get('properties', {}).items():
        schema['properties'][key] = _nullable(value)


def _nullable(schema: Schema) -> Schema:
    accepted = schema.pop('x-accepted', None)
    outer = {key: schema.pop(key) for key in ('description', 'default') if key in schema}
    if accepted:
        outer['description'] += f'; accepted: {accepted}'
    if isinstance(outer.get('default'), dict) and '$ref' in schema:
        del outer['default']  # a section
    also = schema.pop('also', [])
    kinds = [kind for kind in schema.pop('anyOf', None) or [schema] if kind != NULL]
    for kind in kinds:
        if isinstance(kind.get('additionalProperties'), dict):
            kind['additionalProperties'] = _nullable(kind['additionalProperties'])
    only = kinds[0]
    if '$ref' in only:  # every definition takes null by itself
        return {**outer, 'allOf': [only]}
    if len(kinds) == 1 and not also and isinstance(only.get('type'), str):
        values = {'enum': [*only['enum'], None]} if 'enum' in only else {}
        return {**outer, **only, **values, 'type': [only['type'], 'null']}
    return {**outer, 'anyOf': [*kinds, *({'const': value} for value in also), NULL]}


def _demands(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The skeleton of a schema that holds nothing but `required`, at every depth."""
    if '$ref' in schema:
        return _demands(definitions[schema['$ref'].removeprefix(REF)], definitions)
    for kind in schema.get('anyOf', ()):
        if kind != NULL and (found := _demands(kind, definitions)):
            return found  # required says nothing about null
    out: Schema = {'required': sorted(schema['required'])} if schema.get('required') else {}
    inner = {key: _demands(value, definitions) for key, value in schema.get('properties', {}).items()}
    if inner := {key: value for key, value in inner.items() if value}:
        out['properties'] = inner
    rest = schema.get('additionalProperties')
    if isinstance(rest, dict) and (found := _demands(rest, definitions)):
        out['additionalProperties'] = found
    for pattern, value in schema.get('patternProperties', {}).items():
        if found := _demands(value, definitions):
            out.setdefault('patternProperties', {})[pattern] = found
    return out


def _datasets(definitions: dict[str, Schema], entry: Schema) -> Schema:
    """The section datasets: one training set, any number of others."""
    for name, flat in (('TrainingSet', True), ('ValidationSet', False)):
        definitions[name] = _dataset(definitions, flat)
    return {'type': 'object', 'description': entry['description'], 'additionalProperties': False,
            'properties': {'train': {'$ref': f'{REF}TrainingSet'}},
            'patternProperties': {'^(val|test)(_.*)?$': {'$ref': f'{REF}ValidationSet'}}}


def _dataset(definitions: dict[str, Schema], flat: bool) -> Schema:
    """A dataset's block: open, but for effsr's own classes, whose keys are known.

    Args:
        definitions: Where to put the definitions that its keys use.
        flat: Whether Real-ESRGAN's flat degradation keys may stand in it.
    """
    common, required, _ = properties_of(DatasetOptions)
    patterns = _flat_degradation() if flat else {}
    branches = []
    for name, model in effsr_datasets().items():
        properties, _, used = properties_of(model)
        definitions.update({key: value for key, value in used.items() if key not in definitions})
        known = {key: True if key in common else _nullable(value) for key, value in properties.items()}
        branches.append({'if': {'properties': {'type': {'const': name}}, 'required': ['type']},
                         'then': {'properties': known, 'additionalProperties': False,
                                  **({'patternProperties': patterns} if patterns else {})}})
    common['type']['examples'] = _names(DATASET_REGISTRY)
    return {'type': 'object', 'properties': common, 'required': sorted(required), 'allOf': branches}


def _flat_degradation() -> dict[str, Schema]:
    """Real-ESRGAN's flat keys: checked where they stand, but not offered for completion."""
    place = f'{REF}DegradationSettings/properties/'
    return {f'^{key}$': {'$ref': place + key} for key in DegradationSettings.model_fields
            if key not in OWN_KEYS}
