"""docs/options.md and the JSON schema for editors: up to date, complete, and of one mind with the loader."""
import effsr  # noqa: F401  registers

# isort: split
import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest

from effsr.options import DatasetOptions, Options, load_options, validate
from effsr.options.describe import COMMAND, DOCUMENT, SCHEMA, contents, reference, sections
from effsr.options.json_schema import effsr_datasets, properties_of
from effsr.options.schema import Component, MetricOptions
from effsr.options.yaml_reader import parse_text, read_yaml

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / 'options').glob('*.yml'))
FLAT = [Path(__file__).parent / 'flat' / name for name in ('pairs_stage.yml', 'pixel_stage.yml')]
MODELS = {'options': Options, 'datasets': DatasetOptions, 'blocks': Component, 'metrics': MetricOptions, **sections(),
          **effsr_datasets()}
CHECK = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding='utf-8')))


def example():
    """The first YAML example of docs/options.md."""
    return re.search(r'```yaml\n(.*?)```', DOCUMENT.read_text(encoding='utf-8'), re.DOTALL).group(1)


def mistakes(raw):
    return ['.'.join(map(str, error.absolute_path)) for error in CHECK.iter_errors(raw)]


@pytest.mark.parametrize('path', [DOCUMENT, SCHEMA], ids=lambda path: path.name)
def test_up_to_date(path):
    # Not a comparison that pytest would print line by line.
    stale = path.read_text(encoding='utf-8') != contents()[path]
    assert not stale, f'{path.name} is stale; renew it: {COMMAND}'


@pytest.mark.parametrize('name', MODELS)
def test_every_key_has_a_meaning(name):
    properties, _, _ = properties_of(MODELS[name])
    for key, schema in properties.items():
        assert len(schema.get('description', '')) > 5, f'{name}: {key} needs a description'


def test_every_key_is_in_the_document():
    rows = set(re.findall(r'^\| `(\w+)` \|', reference(), re.MULTILINE))
    for name, model in MODELS.items():
        if name not in ('blocks', 'metrics'):  # in words
            assert set(properties_of(model)[0]) <= rows, name


def test_tables_are_well_formed():
    width = None
    for line in reference().splitlines():
        if not line.startswith('|'):
            width = None
            continue
        cells = len(re.findall(r'(?<!\\)\|', line))
        assert line.endswith(' |') and cells == (width or cells), line
        width = cells


def test_links_lead_somewhere():
    text = DOCUMENT.read_text(encoding='utf-8')
    headings = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
    anchors = {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}
    assert set(re.findall(r'\]\(#([\w-]+)\)', text)) <= anchors


@pytest.mark.parametrize('row', [
    '| `scale` | whole number | `4` | 1 to 16 | Upscaling factor. |',
    '| `total_iter` | whole number or `~` | `~` | 1 or more | Iterations (optimizer steps) in all; this, or epochs, is '
    'required. |',
    '| `num_feat` | `32` | Channels inside. |',
    '| `jpeg_range` | list of 2 numbers | `[30, 95]` | [low, high] with 1 <= low <= high <= 100 (libjpeg quality) | '
    'Quality of JPEG compression. |',
])
def test_rows(row):
    assert row in reference().splitlines()


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_name_the_schema(path):
    line = path.read_text(encoding='utf-8').splitlines()[0]
    assert line == '# yaml-language-server: $schema=options.schema.json'
    assert path.parent / 'options.schema.json' == SCHEMA


@pytest.mark.parametrize('path', SHIPPED + FLAT, ids=lambda path: path.stem)
def test_files_that_load_fit_the_schema(path):
    assert mistakes(read_yaml(path)[0]) == []


def test_a_length_in_epochs_fits():
    raw = parse_text(example(), 'example')[0]
    raw['train']['epochs'] = 3
    del raw['train']['total_iter']
    assert mistakes(raw) == []


def test_the_example_loads_and_fits(tmp_path):
    (tmp_path / 'my_first_run.yml').write_text(example(), encoding='utf-8')
    options = load_options(tmp_path / 'my_first_run.yml', check_files=False)
    assert options.degradation.jpeg_range == (40, 95)
    assert mistakes(parse_text(example(), 'example')[0]) == []


@pytest.mark.parametrize(('change', 'where'), [
    ({'scael': 4}, ''),
    ({'scale': 'four'}, 'scale'),
    ({'num_gpu': 'all'}, 'num_gpu'),
    ({'train': {'total_iter': 0, 'optim_g': {'type': 'Adam'}}}, 'train.total_iter'),
    ({'train': {'optim_g': {'type': 'Adam'}}}, 'train'),
    ({'train': {'total_iter': 9, 'optim_g': {'lr': 1e-4}}}, 'train.optim_g'),
    ({'train': {'total_iter': 9, 'optim_g': {'type': 'Adam'}, 'ema_decy': 0.9}}, 'train'),
    ({'degradation': {'sinc_prob': 2}}, 'degradation.sinc_prob'),
    ({'degradation': {'noise_range': [1]}}, 'degradation.noise_range'),
    ({'degradation': {'kernel_list': ['round']}}, 'degradation.kernel_list.0'),
    ({'jpeg_range2': [30, 950]}, 'jpeg_range2.1'),
    ({'datasets': {'traim': {'type': 'RealESRGANDataset'}}}, 'datasets'),
    ({'datasets': {'train': {'type': 'RealESRGANDataset', 'crop_pad': 400}}}, 'datasets.train'),
    ({'datasets': {'val': {'dataroot_gt': 'here'}}}, 'datasets.val'),
    ({'val': {'metrics': {'psnr': {'crop_border': 4}}}}, 'val.metrics.psnr'),
    ({'network_g': None}, None),
])
def test_mistakes_that_an_editor_underlines(change, where):
    raw = parse_text(example(), 'example')[0]
    raw.update(copy.deepcopy(change))
    if where is None:
        del raw['network_g']
    found = mistakes(raw)
    assert found
    assert any(place.startswith(where or '') for place in found), found


@pytest.mark.parametrize('change', [
    {'num_gpu': 'auto', 'extra': {'anything': [1, {'goes': 'here'}]}},
    {'datasets': {'train': {'type': 'RealESRGANDataset', 'blur_sigma': [0.2, 3]},
                  'test_1': {'type': 'MyDataset', 'my_key': 1}}},
    {'network_g': {'type': 'MyNet', 'anything': 1}},
    {'resize_prob2': [0.3, 0.4, 0.3]},
    {'path': None, 'train': None},
])
def test_what_an_editor_lets_pass(change):
    assert mistakes(parse_text(example(), 'example')[0] | change) == []


def test_a_file_with_a_base_may_hold_parts():
    part = {'name': 'more', 'network_g': {'num_feat': 48}, 'train': {'ema_decay': None, 'optim_g': {'lr': 1e-3}}}
    assert mistakes(part) != []
    assert mistakes({'base': 'other.yml', **part}) == []


def test_defaults_are_those_of_the_loader():
    options = validate({'network_g': {'type': 'EfficientSRNet'}, 'num_gpu': 0, 'manual_seed': 0})
    properties = json.loads(SCHEMA.read_text(encoding='utf-8'))['properties']
    for key in ('name', 'model_type', 'scale', 'queue_size', 'gt_size', 'gan_gt_usm'):
        assert properties[key]['default'] == getattr(options, key), key
