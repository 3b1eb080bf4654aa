"""YAML 1.2 scalars, safe tags only, duplicate keys refused, and one line for every mistake."""
import math

import pytest

from effsr.options.yaml_reader import OptionError, parse_text, read_yaml, unshared


@pytest.mark.parametrize(('text', 'value'), [
    ('1e-4', 0.0001), ('2e-4', 0.0002), ('2E-4', 0.0002), ('!!float 2e-4', 0.0002), ('!!float 1', 1.0), ('1.', 1.0),
    ('.5', 0.5), ('-1.5e3', -1500.0), ('5e3', 5000.0), ('.inf', math.inf), ('-.INF', -math.inf),
    ('7', 7), ('+7', 7), ('-1', -1), ('010', 10), ('400_000', 400000),
    ('true', True), ('False', False), ('~', None), ('', None), ('null', None),
    ('on', 'on'), ('off', 'off'), ('yes', 'yes'), ('No', 'No'), ('y', 'y'), ('=', '='), ('1e', '1e'), ('1_', '1_'),
    ('2020-01-01', '2020-01-01'), ('12:30:00', '12:30:00'), ("'1e-4'", '1e-4'), ('[1, 2e-1, ~]', [1, 0.2, None]),
    ('a=b', 'a=b'),
])
def test_scalars(text, value):
    got, _ = parse_text(text, 'x')
    assert got == value
    assert type(got) is type(value)


def test_not_a_number():
    assert math.isnan(parse_text('.nan', 'x')[0])


def test_lines_of_keys():
    _, lines = parse_text('# first\na:\n  b: 1\n  c: [5,\n    6]\nd: 2\n', 'x')
    assert lines == {('a',): 2, ('a', 'b'): 3, ('a', 'c'): 4, ('a', 'c', '0'): 4, ('a', 'c', '1'): 5, ('d',): 6}


def test_an_alias_is_a_copy_of_its_own():
    value, _ = parse_text('a: &x {k: [1]}\nb: *x\nc: {<<: *x, m: 2}\n', 'x')
    value['b']['k'].append(2)
    assert value == {'a': {'k': [1]}, 'b': {'k': [1, 2]}, 'c': {'k': [1], 'm': 2}}


def test_unshared():
    inner = {'k': [1]}
    copy = unshared({'a': inner, 'b': inner})
    copy['a']['k'].append(2)
    assert copy['b'] == inner == {'k': [1]}


@pytest.mark.parametrize(('text', 'message'), [
    ('a:\n  k: 1\n  m: 2\n  k: 3\n', 'f.yml:4: a.k: stands twice, first on line 2; keep one'),
    ('a: 1\nb: 2\na: 3\n', 'f.yml:3: a: stands twice, first on line 1; keep one'),
    ('l: [{k: 1, k: 2}]', 'f.yml:1: l.0.k: stands twice'),
    ('a:\n\t- 1\n', "f.yml:2: found character '\\t' that cannot start any token; use spaces, YAML "
     'allows no tab here'),
    ('a: [1\nb: 2\n', "f.yml:1: while parsing a flow sequence, expected ',' or ']', but got ':' (noticed on line 2); "
     'put a comma, or close the bracket that opens here with ]'),
    ('a: 1\nb: {c: [1],\nd: 2\n', "f.yml:2: while parsing a flow mapping, expected ',' or '}', but got '<stream end>' "
     '(noticed on line 4); put a comma, or close'),
    ('a: "x\nb: 1\n', 'f.yml:1: while scanning a quoted scalar, found unexpected end of stream (noticed on line 3); '
     'close the quote'),
    ('t:\n  a: 1\n  b:2\n  c: 3\n', "f.yml:3: while scanning a simple key, could not find expected ':'; put a blank "
     'after the colon'),
    ('t:\n  b:2\n  c: 3\n', 'f.yml:2: mapping values are not allowed here; put a blank after the colon'),
    ('t:\n  b:2\n\n  # more\n  c: 3\n', "f.yml:2: while parsing a block mapping, expected <block end>, but found "
     "'<block mapping start>'; put a blank after the colon"),
    ('t:\n  a: 1\n  word\n  c: 3\n', "f.yml:3: while scanning a simple key, could not find expected ':' (noticed on "
     'line 4); a line in a section is key: value'),
    ('t:\n  a: [1]\n   b: 2\n', "f.yml:3: while parsing a block mapping, expected <block end>, but found '<block "
     "mapping start>'; uneven indent: give all keys"),
    ('t:\n    a: 1\n   b: 2\n', 'f.yml:3: while parsing a block mapping'),
    ('t:\n  a: x\n    b: 2\n', 'f.yml:3: mapping values are not allowed here; give all keys of a section the same '
     'indent'),
    ('a: http://x\n b: 2\n', 'f.yml:2: mapping values are not allowed here; give all keys'),
    ('a: @x\n', "f.yml:1: found character '@' that cannot start any token; put the text in quotes"),
    ('a: ]\n', 'f.yml:1: while parsing a block node, '),
    ('a: {x: !include b}\n', 'f.yml:1: a.x: the tag !include is refused: only plain YAML is read'),
    ('a: 1\n? !!python/name:os.system\n: 2\n', 'f.yml:2: the tag !!python/name:os.system is refused'),
    ('a: 1\n!!python/name:os.b x: 2\n', 'f.yml:2: x: the tag !!python/name:os.b is refused'),
    ('a:\n  ? [1, 2]\n  : 3\n', 'f.yml:2: a: a key is a word'),
    ('a: {<<: 3}\n', 'f.yml:1: a.<<: expected a mapping'),
    ('a: 1\n---\nb: 2\n', 'f.yml:2: expected a single document'),
    ('a: *nothing\n', 'f.yml:1: found undefined alias'),
    ('a: 1\nb: !!float x\n', "f.yml:2: b: 'x' does not suit its tag"),
    ('a: !!int 1.5\n', "f.yml:1: a: '1.5' does not suit its tag"),
    ('a: !!bool maybe\n', "f.yml:1: a: 'maybe' does not suit its tag"),
    ('a: !!timestamp now\n', "f.yml:1: a: 'now' does not suit its tag"),
    ('a: \0', 'f.yml: not a YAML file'),
    ('a: &a [*a]\n', 'f.yml:1: too much'),
    ('[' * 3000, 'f.yml: is nested too deeply'),
    ('a: &a [1,1,1,1,1,1,1,1,1,1]\n' + ''.join(f'{n}: &{n} [{", ".join([f"*{p}"] * 10)}]\n'
                                                for p, n in zip('abcd', 'bcde', strict=True)), 'f.yml:'),
])
def test_mistakes_are_one_line_with_their_place(text, message):
    with pytest.raises(OptionError) as caught:
        parse_text(text, 'f.yml')
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize('call', ['object/apply:os.mkdir', 'object/new:os.mkdir'])
def test_nothing_is_executed(tmp_path, call):
    trap, file = tmp_path / 'trap', tmp_path / 'f.yml'
    file.write_text(f'name: x\nscale: !!python/{call} ["{trap.as_posix()}"]\n')
    with pytest.raises(OptionError, match=rf'f\.yml:2: scale: the tag !!python/{call} is refused: .* cannot run code; '
                       'write a plain value'):
        read_yaml(file)
    assert not trap.exists()


def test_files_that_are_none(tmp_path):
    with pytest.raises(OptionError, match=r'missing\.yml: no such option file'):
        read_yaml(tmp_path / 'missing.yml')
    with pytest.raises(OptionError, match='cannot be read as an option file'):
        read_yaml(tmp_path)
    for content, message in ((b'', 'is empty'), (b'# only\n', 'is empty'), (b'- a\n', 'this is list'),
                             (b'just text', 'this is str'), (b'\xff\xfea', 'not UTF-8 text')):
        (tmp_path / 'f.yml').write_bytes(content)
        with pytest.raises(OptionError, match=message) as caught:
            read_yaml(tmp_path / 'f.yml')
        assert str(caught.value).startswith(str(tmp_path / 'f.yml'))


def test_a_file(tmp_path):
    (tmp_path / 'f.yml').write_bytes('\ufeffname: é\n'.encode())  # with the mark that Notepad writes
    assert read_yaml(tmp_path / 'f.yml') == ({'name': 'é'}, {('name',): 1})
