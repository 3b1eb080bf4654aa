"""Lists of pictures."""
import numpy as np
import pytest
from PIL import Image

from effsr import prepare
from effsr.data.image_source import open_roots


def write(path, *shape, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).save(path, **more)


@pytest.fixture
def root(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / 'photos' / 'b.jpg', 8, 6, 3, exif=exif)
    write(tmp_path / 'photos' / 'a' / 'z.png', 9, 7)
    write(tmp_path / 'more' / 'c.png', 5, 4, 4)
    return tmp_path


def run(root, *words):
    return prepare.main(['meta', '--jobs', '1', *(str(word) for word in words)])


def lines(root):
    return (root / 'list.txt').read_text(encoding='utf-8').splitlines()


def test_names_in_the_order_of_a_dataset(root, capsys):
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt') == 0
    assert lines(root) == ['a/z.png', 'b.jpg']
    assert capsys.readouterr().out.startswith(f'2 pictures -> 2 lines in {root / "list.txt"}, ')


def test_sizes_as_basicsr_writes_them(root):
    Image.fromarray(np.zeros((4, 4), np.uint8)).convert('P').save(root / 'photos' / 'palette.png')
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(root / 'photos' / 'deep.png')
    for check in ((), ('--check', '--overwrite')):
        assert run(root, '-i', root / 'photos', root / 'more', '--root', root, '-o', root / 'list.txt', '--sizes',
                   *check) == 0
        assert lines(root) == ['more/c.png (5,4,4)', 'photos/a/z.png (9,7,1)', 'photos/b.jpg (6,8,3)',
                               'photos/deep.png (4,4,1)', 'photos/palette.png (4,4,3)']


@pytest.mark.parametrize('sizes', [(), ('--sizes',)])
def test_a_dataset_takes_the_list(root, sizes):
    assert run(root, '-i', root / 'photos', root / 'more', '--root', root, '-o', root / 'list.txt', *sizes) == 0
    storage, = open_roots(str(root), str(root / 'list.txt'))
    assert storage.names == ('more/c.png', 'photos/a/z.png', 'photos/b.jpg') and storage.size(2) == (6, 8)


def test_a_picture_that_cannot_be_read(root, capsys):
    whole = (root / 'photos' / 'a' / 'z.png').read_bytes()
    (root / 'photos' / 'cut.png').write_bytes(whole[:60])
    (root / 'photos' / 'inside.png').write_bytes(whole[:50] + b'\0\0\0' + whole[53:])
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt') == 1
    told = capsys.readouterr().err
    assert 'cut.png: the file is cut short' in told and not (root / 'list.txt').exists()
    assert told.endswith('prepare meta: 1 picture of 4 cannot be used, named above; nothing was written; mend or '
                         'remove it, or give --on_error skip\n')
    skip = ['-i', root / 'photos', '-o', root / 'list.txt', '--on_error', 'skip']
    assert run(root, *skip) == 0
    assert lines(root) == ['a/z.png', 'b.jpg', 'inside.png']
    assert run(root, *skip, '--check', '--overwrite') == 0
    assert lines(root) == ['a/z.png', 'b.jpg']


def test_another_list_is_not_replaced(root, capsys):
    (root / 'list.txt').write_text('mine.png\n')
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt') == 1
    assert 'list.txt: is there already, with other lines; give another name, or --overwrite' in capsys.readouterr().err
    assert lines(root) == ['mine.png']
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt', '--overwrite', '--dry_run') == 0
    assert lines(root) == ['mine.png'] and capsys.readouterr().out.startswith('dry run, nothing was written: 2 pict')
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt', '--overwrite') == 0
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt') == 0  # the same lines


@pytest.mark.parametrize('words, message', [
    (['-i', 'photos', 'more', '-o', 'list.txt'], '--root is missing; with several inputs, or single pictures, give'),
    (['-i', 'photos/b.jpg', '-o', 'list.txt'], '--root is missing'),
    (['-i', 'photos', '--root', 'more', '-o', 'list.txt'], 'b.jpg: lies outside of --root '),
    (['-i', 'photos', '-o', 'photos'], '-o photos: is a folder; accepted: a text file'),
    (['-i', 'photos', '-o', 'photos/b.jpg'], '-o photos/b.jpg: is called as a picture; accepted: a text file'),
    (['-i', 'none', '-o', 'list.txt'], 'none: no such folder'),
])
def test_what_cannot_be(root, monkeypatch, capsys, words, message):
    monkeypatch.chdir(root)
    assert run(root, *words) == 1
    assert message in capsys.readouterr().err and not (root / 'list.txt').exists()


def test_names_that_a_list_cannot_hold(root, capsys):
    write(root / 'photos' / 'two words.png', 4, 4)
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt') == 0
    assert lines(root) == ['a/z.png', 'b.jpg', 'two words.png']
    assert run(root, '-i', root / 'photos', '-o', root / 'list.txt', '--sizes') == 1
    assert "a list cannot hold 'two words.png'; rename it, or leave out --sizes" in capsys.readouterr().err
    write(root / 'photos' / 'line\nbreak.png', 4, 4)
    assert run(root, '-i', root / 'photos', '-o', root / 'other.txt') == 1
    assert "a list cannot hold 'line\\nbreak.png'; rename it\n" in capsys.readouterr().err
