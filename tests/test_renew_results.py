"""docs/renew_results.py: blocks of a file, renewed by the commands that they name."""
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location('renew_results', ROOT / 'docs' / 'renew_results.py')
renew_results = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(renew_results)

STAND_IN = """
import sys
from pathlib import Path
word, flag, file = sys.argv[1:]
assert flag == '--markdown'
if word == 'fails':
    Path(file).write_text('half of it')
    raise SystemExit(3)
if word != 'silent':
    told = f' Command: stand_in.py --markdown {file}' if word == 'tells' else ''
    Path(file).write_text(f'| {word} |{told}')
"""


@pytest.fixture
def file(tmp_path):
    """A file of two blocks, `good` and `bad`, with prose around them."""
    (tmp_path / 'stand_in.py').write_text(STAND_IN)
    command = f'python {(tmp_path / "stand_in.py").as_posix()}'
    path = tmp_path / 'results.md'
    path.write_text(f'# Results\n\n<!-- measured good: {command} hello -->\nold\n<!-- end good -->\n\nprose\n\n'
                    f'<!-- measured bad: {command} fails -->\nkept\n<!-- end bad -->\nend\n', encoding='utf-8')
    return path


def test_what_works_is_renewed_and_what_fails_is_left(file, capfd):
    before = file.read_text()
    assert renew_results.main(['--file', str(file)]) == 1
    after = file.read_text()
    blocks = renew_results.find_blocks(after)
    assert re.fullmatch(r'\n    python \S+stand_in.py hello\n\n\d{4}-\d\d-\d\d\n\n\| hello \|\n\n', blocks['good'].body)
    assert blocks['bad'].body == 'kept\n' and '\n\nprose\n\n' in after and after.endswith('-->\nend\n')
    assert 'renew_results: [bad] left as it was: python ' in (told := capfd.readouterr().err)
    assert 'exit status 3' in told
    assert renew_results.put(after, 'good', 'old\n') == before
    assert sorted(path.name for path in file.parent.iterdir()) == ['results.md', 'stand_in.py']


def test_one_block_by_name(file, capfd):
    assert renew_results.main(['good', '--file', str(file)]) == 0
    assert '[bad]' not in capfd.readouterr().err
    assert renew_results.main(['god', '--file', str(file)]) == 1
    assert 'god: no such block' in (told := capfd.readouterr().err) and 'nearest: good' in told
    assert renew_results.main(['--list', '--file', str(file)]) == 0
    assert re.match(r'good: python \S+ hello\nbad: ', capfd.readouterr().out)


def test_where_a_command_was_asked_to_write_is_not_told(file, capfd):
    file.write_text(file.read_text().replace('hello', 'tells'))
    assert renew_results.main(['good', '--file', str(file)]) == 0
    assert renew_results.find_blocks(file.read_text())['good'].body.endswith('| tells | Command: stand_in.py\n\n')


def test_a_command_that_writes_nothing(file, capfd):
    file.write_text(file.read_text().replace('hello', 'silent'))
    assert renew_results.main(['good', '--file', str(file)]) == 1
    assert 'wrote nothing to --markdown' in capfd.readouterr().err and '\nold\n' in file.read_text()


def test_variables_of_the_environment(monkeypatch):
    monkeypatch.setenv('EFFSR_TILES', 'a folder')
    assert renew_results.words_of('python x.py --images $EFFSR_TILES')[1:] == ['x.py', '--images', 'a folder']
    monkeypatch.delenv('EFFSR_TILES')
    with pytest.raises(ValueError, match='EFFSR_TILES is not set'):
        renew_results.words_of('python x.py --images $EFFSR_TILES')
    with pytest.raises(ValueError, match='accepted: python FILE'):
        renew_results.words_of('rm x')


@pytest.mark.parametrize(('text', 'says'), [
    ('<!-- measured a: python x -->\nbody\n', '1 marks make 0 blocks'),
    ('<!-- measured a: python x -->\n<!-- end b -->\n', 'ended by "end b"'),
    ('<!-- measured a: python x -->\n<!-- end a -->\n' * 2, 'there are two')])
def test_marks_that_do_not_fit(text, says):
    with pytest.raises(ValueError, match=says):
        renew_results.find_blocks(text)


def test_the_results_name_commands_that_exist():
    blocks = renew_results.find_blocks((ROOT / 'docs' / 'results.md').read_text(encoding='utf-8'))
    assert {'degradation', 'train', 'data', 'models'} <= set(blocks)
    for block in blocks.values():
        assert (ROOT / block.command.split()[1]).is_file(), block.command
        assert block.body.startswith(f'\n    {block.command}\n\n'), block.name
