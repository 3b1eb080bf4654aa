"""The document under --json."""
import effsr  # installs the bridge

# isort: split
import json
import re
import sys
from pathlib import Path

import pytest

from effsr.runtime.measured import Measured, check_distinct, check_target, command_line, write_measured
from effsr.runtime.tables import Table

MEASURED = Measured('benchmark models', 'python effsr/benchmark.py models', {'size': [64], 'json': Path('a/b.json')},
                    {'seconds': [0.5, float('inf')]}, ['a machine'],
                    [Table('Cost', ('model', 'ms'), (('small', '500'),))], ['a note'])


def test_what_is_written(tmp_path):
    write_measured(tmp_path / 'm.json', MEASURED)
    found = json.loads((tmp_path / 'm.json').read_text(encoding='utf-8'))
    assert list(found) == ['format', 'what', 'command', 'date', 'versions', 'machine', 'settings', 'head', 'tables',
                           'notes', 'values']
    assert found['format'] == 'effsr.measured/1' and found['versions']['effsr'] == effsr.__version__
    assert found['versions']['basicsr'] == '1.4.2' and found['machine']['device'] == 'cpu'
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', found['date'])
    assert found['settings'] == {'size': [64], 'json': 'a/b.json'} and found['values'] == {'seconds': [0.5, None]}
    assert found['tables'] == [{'title': 'Cost', 'head': ['model', 'ms'], 'rows': [['small', '500']]}]
    assert [path.name for path in tmp_path.iterdir()] == ['m.json']


def test_the_command_can_be_typed_again(monkeypatch):
    assert command_line('effsr/benchmark.py', ['models', '--models', 'SRResNet(num_feat=8)']) == (
        "python effsr/benchmark.py models --models 'SRResNet(num_feat=8)'")
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'data'])
    assert command_line('effsr/benchmark.py') == 'python effsr/benchmark.py data'


def test_targets_that_are_refused(tmp_path):
    check_target(None, '--json')
    check_target(tmp_path / 'new.json', '--json')
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r'--json .*no/x.json: there is no folder .*no; make it first'):
        check_target(tmp_path / 'no/x.json', '--json')
    with pytest.raises(ValueError, match='is a folder; give a file'):
        check_target(tmp_path, '--csv')
    with pytest.raises(ValueError, match='--json and --csv both name x'):
        check_distinct(json=Path('x'), markdown=None, csv=Path('x'))


@pytest.mark.skipif(not Path('/proc').is_dir(), reason='/proc is where nobody may write')
def test_a_folder_that_cannot_be_written_to():
    with pytest.raises(ValueError, match=r'--json /proc/x.json: /proc cannot be written to \(.+\); make it writable'):
        check_target('/proc/x.json', '--json')


@pytest.mark.parametrize(('name', 'content', 'flag'), [
    ('net.pth', b'PK\x03\x04\xff', '--json'), ('net.json', b'{"arch": {"type": "SRVGGNetCompact"}}', '--json'),
    ('a.json', b'[1]', '--json'), ('a.json', b'{', '--json'),
    ('net.json', b'{"format": "effsr.measured/1"}', '--markdown'),
    ('baby.png', b'\x89PNG\r\n\x1a\n', '--markdown')])
def test_what_is_no_output_of_its_own_stays(tmp_path, name, content, flag):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f'^{flag} .*{name}: exists and is not what this command writes; give another'):
        check_target(tmp_path / name, flag)
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize(('name', 'content', 'flag'), [
    ('a.json', b'', '--json'), ('a.json', b'{"format": "effsr.measured/1"}', '--json'),
    ('a.md', b'# Costs', '--markdown')])
def test_an_earlier_output_may_be_replaced(tmp_path, name, content, flag):
    (tmp_path / name).write_bytes(content)
    check_target(tmp_path / name, flag)
