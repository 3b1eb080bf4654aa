"""Packed pixels: whole pictures and windows without decoding, and whatever does not fit is refused."""
import json
import pickle
import zlib

import numpy as np
import pytest

from effsr.data.image_io import ImageError
from effsr.data.storages.opening import open_storage
from effsr.data.storages.packed_storage import PackedStorage


@pytest.fixture
def packed(tmp_path):
    """Three pictures, not in the order of their names; the folder and their pixels by name."""
    drawn = np.random.default_rng(1)
    pixels = {name: drawn.integers(0, 256, (*size, 3), np.uint8)
              for name, size in (('b.png', (4, 5)), ('sub/c.jpg', (7, 3)), ('a.png', (2, 9)))}
    images, offset = [], 0
    for name, picture in pixels.items():
        images.append([name, offset, *picture.shape[:2], zlib.crc32(picture)])
        offset += picture.nbytes
    (tmp_path / 'pixels.bin').write_bytes(b''.join(picture.tobytes() for picture in pixels.values()))
    write_index(tmp_path, format='effsr packed', version=1, alpha='white', alpha_seen=False, bytes=offset,
                images=images)
    return tmp_path, pixels


def write_index(root, **changes):
    path = root / 'index.json'
    index = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**index, **changes}))


def test_pictures_and_windows(packed):
    root, pixels = packed
    storage = open_storage(root)
    assert storage.names == ('a.png', 'b.png', 'sub/c.jpg') and storage.kind == 'packed' and storage.windowed
    for index, name in enumerate(storage.names):
        picture = storage.read(index)
        assert picture.dtype == np.uint8 and type(picture) is np.ndarray and not picture.flags.writeable
        np.testing.assert_array_equal(picture, pixels[name])
        np.testing.assert_array_equal(storage.window(index, 1, 1, 1, 2), pixels[name][1:2, 1:3])
        assert storage.size(index) == pixels[name].shape[:2]
        assert storage.bytes_of(index) == 0
        assert storage.where(index) == str(root / name)
        storage.verify(index)


def test_a_pickle_holds_no_pixels(packed):
    storage = PackedStorage(packed[0])
    storage.read(0)
    data = pickle.dumps(storage)
    assert packed[1]['a.png'].tobytes() not in data
    np.testing.assert_array_equal(pickle.loads(data).read(0), packed[1]['a.png'])


def test_a_list_gives_order_and_choice(packed):
    root, pixels = packed
    storage = PackedStorage(root, ['sub/c.jpg', 'a.png'])
    np.testing.assert_array_equal(storage.read(0), pixels['sub/c.jpg'])
    with pytest.raises(ImageError, match='holds no x.png, which the list asks for$'):
        PackedStorage(root, ['a.png', 'x.png'])


def test_the_rule_for_transparency_must_be_the_one_packed_with(packed):
    root = packed[0]
    PackedStorage(root, None, 'black')
    write_index(root, alpha_seen=True)
    PackedStorage(root, None, 'white')
    with pytest.raises(ValueError, match='packed with alpha white.*alpha black is asked for; set alpha: white, or pack '
                                         'again with --alpha black'):
        PackedStorage(root, None, 'black')


def test_a_changed_byte_is_found(packed):
    root = packed[0]
    data = bytearray((root / 'pixels.bin').read_bytes())
    data[-1] ^= 1
    (root / 'pixels.bin').write_bytes(data)
    storage = PackedStorage(root)
    storage.verify(1)
    with pytest.raises(ImageError, match=r'a.png: its pixels in pixels.bin are not those that were packed \(crc32\)'):
        storage.verify(0)


@pytest.mark.parametrize(('change', 'says'), [
    ({'format': 'other'}, 'is not the index of effsr packed'),
    ({'version': 2}, 'is of version 2, accepted: up to 1'),
    ({'version': None}, 'is of version None'),
    ({'bytes': 9}, 'damaged, its entries do not fit together'),
    ({'bytes': 178}, 'cut short, it has 177 bytes and index.json says 178'),
    ({'bytes': 'many'}, 'damaged'),
    ({'images': [['a.png', 0, 2]]}, 'damaged'),
    ({'images': [['a.png', -3, 2, 9, 0]]}, 'damaged'),
    ({'images': [['a.png', 0, 0, 9, 0]]}, 'damaged'),
    ({'images': [['a.png', 0, 2, 9, 0], ['a.png', 0, 2, 9, 0]]}, 'damaged'),
    ({'images': [['a.png', 0, 2, 9, 2**70]]}, 'damaged'),
    ({'images': 'none'}, 'damaged'),
    ({'images': []}, 'holds no picture'),
])
def test_an_index_that_does_not_fit_is_refused(packed, change, says):
    write_index(packed[0], **change)
    with pytest.raises(ValueError, match=says) as caught:
        open_storage(packed[0])
    assert '\n' not in str(caught.value) and str(packed[0]) in str(caught.value)


def test_opening_names_what_is_missing_or_cut(packed):
    root = packed[0]
    with open(root / 'pixels.bin', 'ab') as file:
        file.write(b'x')
    with pytest.raises(ValueError, match='pixels.bin: not the file that was packed, it has 178 bytes'):
        open_storage(root)
    text = (root / 'index.json').read_text()
    (root / 'index.json').write_text(text[:50])
    with pytest.raises(ValueError, match='index.json: damaged or cut short.*again: python effsr/prepare.py pack'):
        open_storage(root)
    (root / 'index.json').unlink()
    with pytest.raises(ValueError, match='has no index.json, which lists its pictures; make it again'):
        open_storage(root)
    (root / 'pixels.bin').unlink()
    with pytest.raises(ValueError, match='holds no pixels.bin'):
        PackedStorage(root)
    with pytest.raises(ValueError, match='nowhere: no such folder'):
        open_storage(root / 'nowhere', 'packed')


def test_pixels_that_are_missing_are_told_as_such(tmp_path):
    (tmp_path / 'index.json').write_text('{"format":"effsr packed","version":1}')
    with pytest.raises(ValueError, match=r'holds no pixels\.bin; accepted: a folder that python effsr/prepare.py pack'):
        open_storage(tmp_path)
