"""Flags that the subcommands share, and the pictures that they name."""
import argparse
from pathlib import Path

import pytest

from effsr.curation.arguments import (
    add_common,
    cores,
    number,
    plural,
    refuse_shared_targets,
    sources,
    summary,
)


def parse(*argv):
    parser = argparse.ArgumentParser(prog='x')
    add_common(parser)
    return parser.parse_args([str(word) for word in argv])


@pytest.fixture
def folder(tmp_path):
    for name in ('one/b.png', 'one/a/z.jpg', 'one/.hidden.png', 'one/note.txt', 'two/c.webp'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_defaults():
    args = parse('-i', 'IN', '-o', 'OUT')
    assert vars(args) == {'input': [Path('IN')], 'output': Path('OUT'), 'meta_info': None, 'jobs': cores(),
                          'dry_run': False, 'on_error': 'fail'}
    assert cores() >= 1


@pytest.mark.parametrize('words, message', [
    (['--jobs', '0'], 'argument --jobs: 0; accepted: a whole number from 1'),
    (['--jobs', 'many'], 'argument --jobs: many; accepted: a whole number from 1'),
    (['--jobs', '1.5'], 'argument --jobs: 1.5; accepted: a whole number from 1'),
    (['--on_error', 'hope'], "argument --on_error: invalid choice: 'hope' (choose from 'fail', 'skip')"),
])
def test_flags_out_of_range(capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        parse('-i', 'IN', '-o', 'OUT', *words)
    assert caught.value.code == 2 and message.partition(' (choose')[0] in capsys.readouterr().err


def test_numbers():
    scale = number(float, above=0, most=1)
    assert scale('1/3') == 1 / 3 and scale('0.75') == 0.75 and scale('1') == 1
    for text in ('0', '1.01', 'nan', 'inf', '1/0', '-1/3', '', 'a/b', '1/2/3'):
        with pytest.raises(argparse.ArgumentTypeError, match='; accepted: a number above 0 up to 1$'):
            scale(text)
    with pytest.raises(argparse.ArgumentTypeError, match='^4/2; accepted: a whole number$'):
        number(int)('4/2')


def test_sources_of_folders_and_pictures_in_the_order_of_a_folder(folder):
    (folder / 'three').mkdir()
    (folder / 'three' / 'b.png').write_bytes((folder / 'one' / 'b.png').read_bytes())
    with pytest.raises(ValueError, match=r'both are b\.png below their inputs; rename one'):
        sources(parse('-i', folder / 'two', folder / 'one', folder / 'three', '-o', folder / 'OUT'))
    with pytest.raises(ValueError, match=r'^-i: gives .*b\.png twice; give it once$'):
        sources(parse('-i', folder / 'one', folder / 'one' / 'b.png', '-o', folder / 'OUT'))
    args = parse('-i', folder / 'two', folder / 'one', '-o', folder / 'OUT')
    assert sources(args) == [('a/z.jpg', folder / 'one' / 'a' / 'z.jpg'), ('b.png', folder / 'one' / 'b.png'),
                             ('c.webp', folder / 'two' / 'c.webp')]
    assert sources(parse('-i', folder / 'two' / 'c.webp', '-o', folder / 'two')) == [
        ('c.webp', folder / 'two' / 'c.webp')]


@pytest.mark.parametrize('words, message', [
    (['-i', 'one/note.txt', '-o', 'OUT'], r'-i .*note\.txt: not a picture by its name; accepted: a folder, or'),
    (['-i', 'missing', '-o', 'OUT'], 'missing: no such folder; accepted: a folder holding'),
    (['-i', 'one', '-o', 'one'], '-o .*one: lies in -i .*one; accepted: a folder outside of what is read'),
    (['-i', 'two', 'one', '-o', 'one/a/OUT'], '-o .*OUT: lies in -i .*one; accepted'),
])
def test_inputs_that_cannot_be(folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=message):
        sources(parse(*words))


def test_a_link_to_the_input_is_the_input(folder):
    (folder / 'link').symlink_to(folder / 'one', target_is_directory=True)
    with pytest.raises(ValueError, match='link: lies in -i'):
        sources(parse('-i', folder / 'one', '-o', folder / 'link'))


def test_two_sources_of_one_file_are_named_and_counted():
    refuse_shared_targets({'a.jpg': ['a_1.png', 'a_2.png'], 'b.jpg': ['b_1.png']})
    targets = {f'{stem}.{suffix}': [f'{stem}.png'] for stem in 'abcdefg' for suffix in ('jpg', 'tif')}
    with pytest.raises(ValueError) as caught:
        refuse_shared_targets(targets)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith('a.jpg and a.tif: both would be written to a.png; rename one') and len(lines) == 6
    assert lines[-1] == '... and 2 more like these, 7 in all'


def test_names_that_differ_in_case_only(monkeypatch):
    targets = {'A.jpg': ['A.png'], 'a.jpg': ['a.png']}
    monkeypatch.setattr('sys.platform', 'linux')
    refuse_shared_targets(targets)
    monkeypatch.setattr('sys.platform', 'darwin')
    with pytest.raises(ValueError, match=r'A\.jpg and a\.jpg'):
        refuse_shared_targets(targets)


def test_words():
    assert [plural(1, 'copy'), plural(2000, 'copy'), plural(0, 'tile')] == ['1 copy', '2,000 copies', '0 tiles']
    line = summary(606, 2424, 'tile', Path('OUT'), {'{} skipped: flat': 12, '{} cannot be used': 0}, 41.2)
    assert line == '606 pictures -> 2,424 tiles in OUT (12 skipped: flat), 41 s'
