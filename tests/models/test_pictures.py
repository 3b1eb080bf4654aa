"""Pictures of a validation: names, files, and the row that TensorBoard shows."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import numpy as np
import pytest

from effsr.models.pictures import PictureFiles, side_by_side

STEMS = {0: 'x', 1: 'y', 2: 'x', 3: 'x'}
NAMES = {0: 'x', 1: 'y', 2: 'x_2', 3: 'x_3'}


def grey(value):
    return np.full((2, 2, 3), value, np.uint8)


def listing(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())


@pytest.mark.parametrize('is_train', [True, False])
def test_one_process_and_several_write_the_same(tmp_path, is_train):
    one = PictureFiles(tmp_path / 'one', '7', is_train, True)
    for number, stem in STEMS.items():
        one.write(number, one.name(number, stem), grey(number))
    written = listing(tmp_path / 'one')
    assert one.settle([one.stems]) == NAMES and listing(tmp_path / 'one') == written
    several = [PictureFiles(tmp_path / 'two', '7', is_train, False) for _ in range(2)]
    for number, stem in reversed(STEMS.items()):
        files = several[number % 2]
        files.write(number, files.name(number, stem), grey(number))
    for files in reversed(several):
        assert files.settle([files.stems for files in several]) == NAMES
    assert listing(tmp_path / 'two') == written
    assert all((tmp_path / 'two' / name).read_bytes() == (tmp_path / 'one' / name).read_bytes() for name in written)
    expected = [f'{name}/{name}_7.png' if is_train else f'{name}_7.png' for name in sorted(NAMES.values())]
    assert written == sorted(expected)
    assert not [path for path in (tmp_path / 'two').iterdir() if path.name.startswith('.')]


def test_nothing_is_written_without_a_folder(tmp_path):
    files = PictureFiles(None, '7', True, False)
    files.write(0, files.name(0, 'x'), grey(0))
    assert files.settle([files.stems]) == {0: 'x'}


def test_side_by_side():
    lq = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    picture = np.full((4, 4, 3), 9, np.uint8)
    row = side_by_side(lq, picture, None, picture)
    assert row.shape == (4, 12, 3)
    np.testing.assert_array_equal(row[:, :4], lq.repeat(2, 0).repeat(2, 1))
    assert (row[:, 4:] == 9).all()
    large = side_by_side(np.zeros((300, 500, 3), np.uint8), np.zeros((600, 1000, 3), np.uint8))
    assert large.shape == (400, 800, 3)
