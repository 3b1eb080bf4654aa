"""Pictures of several storages under one numbering; what is kept in memory; what is refused."""
import pickle

import numpy as np
import pytest

from effsr.data.image_io import ImageError, read_rgb
from effsr.data.image_set import ImageSet
from effsr.data.shares import Share
from effsr.data.storages.folder import FolderStorage


@pytest.fixture
def images(tmp_path, write):
    """Two folders, of 2 and 1 pictures."""
    for name, height, width in (('a/0.png', 20, 30), ('a/sub/1.png', 40, 16), ('b/0.png', 24, 24)):
        write(tmp_path / name, height, width)
    return ImageSet([FolderStorage(tmp_path / 'a'), FolderStorage(tmp_path / 'b')], cache_mb=1)


def test_numbers_and_windows(images, tmp_path):
    images.check(16, 'x')
    assert len(images) == 3
    assert [images.where(index) for index in range(3)] == [str(tmp_path / name) for name in
                                                           ('a/0.png', 'a/sub/1.png', 'b/0.png')]
    assert images.name(1) == 'sub/1.png'
    assert [images.size(index) for index in range(3)] == [(20, 30), (40, 16), (24, 24)]
    assert (images.window(1, 3, 2, 5, 7) == read_rgb(tmp_path / 'a/sub/1.png')[3:8, 2:9]).all()
    assert images.shares([3, 1]) == [Share(2, 3), Share(1, 1)]
    assert images.shares(None) is None


def test_what_is_kept(tmp_path, write, monkeypatch):
    for number in range(3):
        write(tmp_path / f'{number}.png', 200, 200)
    reads = []
    read = FolderStorage.read
    monkeypatch.setattr(FolderStorage, 'read', lambda self, index: reads.append(index) or read(self, index))
    images = ImageSet([FolderStorage(tmp_path)])
    images._free = 2 * 200 * 200 * 3
    for index in [0, 1, 2] * 2:
        images.read(index)
    assert reads == [0, 1, 2, 2]
    copy = pickle.loads(pickle.dumps(images))
    assert len(pickle.dumps(images)) < 10_000
    copy.read(0), copy.read(1), copy.read(0)
    assert reads[4:] == [0, 1]


def test_what_is_refused(images, tmp_path):
    assert images.inspect(16, 'x') == [(20, 30), (40, 16), (24, 24)]
    images.check(18, 'x', 'skip')
    assert images.size(1) == (0, 0)
    with pytest.raises(ImageError, match=r'sub/1\.png: 16x40 is smaller than the 18x18 that x needs; take it out or'):
        images.read(1)
    with pytest.raises(ImageError, match=r'(?s)0\.png: 30x20 is smaller.*1\.png'):
        images.check(50, 'x', 'skip')  # nothing is left


def test_a_picture_that_has_changed_since(images, tmp_path, write):
    images.check(16, 'x')
    write(tmp_path / 'b/0.png', 20, 24)
    with pytest.raises(ImageError, match=r'b/0\.png: is 24x20 now and was 24x24 when the dataset was opened'):
        images.read(2)
    assert np.array_equal(images.read(0), read_rgb(tmp_path / 'a/0.png'))


def test_checked_by_several_threads(images, monkeypatch):
    monkeypatch.setattr('effsr.data.image_set.AT_A_TIME', 2)
    images.check(17, 'x', 'skip')
    assert images.sizes.tolist() == [[20, 30], [0, 0], [24, 24]]
    assert list(images.refused) == [1] and 'sub/1.png: 16x40 is smaller' in images.refused[1]
