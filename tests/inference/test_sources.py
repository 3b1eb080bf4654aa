"""What inputs on a command line name."""
from pathlib import Path

import pytest

from effsr.inference.sources import Source, list_sources, output_stems


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('b.png', 'a.gif', 'clip.mp4', 'notes.txt', '.hidden.png', 'sub/c.jpg', 'empty/x.txt'):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    return tmp_path


def names(*inputs, recursive=False):
    return [source.path.as_posix() for source in list_sources(inputs, recursive) if not source.error]


def test_folders_files_and_patterns(folder):
    assert names('.') == ['a.gif', 'b.png']
    assert [source.below for source in list_sources([folder], True)] == [Path(), Path(), Path('sub')]
    assert names('b.png', 'clip.mp4', '.') == ['b.png', 'clip.mp4', 'a.gif']
    assert names('*') == ['a.gif', 'b.png', 'clip.mp4']
    assert names('**/*.jpg') == ['sub/c.jpg'] and list_sources(['**/*.jpg'])[0].below == Path('sub')
    assert names('notes.txt') == ['notes.txt']  # named outright: whoever reads it says what it is


def test_what_names_nothing_is_told(folder):
    errors = [source.error for source in list_sources(['no.png', 'empty', '*.bmp', '/dev/null'])]
    for error, words in zip(errors, ('no such file', 'no image', 'fits this pattern', 'no regular file'), strict=True):
        assert words in error


def test_a_name_with_marks_is_that_file(folder):
    Path('a[1].png').touch()
    assert names('a[1].png') == ['a[1].png']


def test_one_name_each():
    sources = [Source(Path(name)) for name in ('a.png', 'b.png', 'A.jpg')]
    assert output_stems(sources) == ['a_png', 'b', 'A_jpg']
    assert output_stems([Source(Path('a.png')), Source(Path('x/a.jpg'), Path('x'))]) == ['a', 'a']
