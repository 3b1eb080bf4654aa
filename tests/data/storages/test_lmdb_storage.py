"""LMDBs in BasicSR's form: read as files are, shared by processes, damage named."""
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor

import lmdb
import numpy as np
import pytest
from basicsr.utils.lmdb_util import make_lmdb_from_imgs
from picture_zoo import fill_zoo

from effsr.data.image_io import ImageError, read_rgb
from effsr.data.storages.lmdb_storage import LmdbStorage, database, key_of, read_meta
from effsr.data.storages.opening import open_storage


def write_lmdb(root, values, lines):
    with lmdb.open(str(root), map_size=2**24, lock=False) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)
    if lines is not None:
        (root / 'meta_info.txt').write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    return root


@pytest.fixture
def zoo(tmp_path):
    """An LMDB of a folder's files, and both."""
    names = fill_zoo(tmp_path / 'zoo')
    values = {key_of(name).decode(): (tmp_path / 'zoo' / name).read_bytes() for name in names}
    return write_lmdb(tmp_path / 'zoo.lmdb', values, [f'{name} (1,1,3) 1' for name in names]), tmp_path / 'zoo', names


def test_keys():
    assert [key_of(name) for name in ('a.png', 'sub/a.b.jpg', 'ä')] == [b'a', b'sub/a.b', 'ä'.encode()]


def test_meta_lines(tmp_path):
    lines = ['0001.png (480,480,3) 1', 'a (1,2,3).png (4, 5, 1) 0', 'b c.png', 'd.png (4,5)', '', 'e.webp (1,2,3)\r']
    write_lmdb(tmp_path / 'x.lmdb', {}, lines)
    assert read_meta(tmp_path / 'x.lmdb') == ['0001.png', 'a (1,2,3).png', 'b c.png', 'd.png', 'e.webp']


def test_every_kind_of_picture_reads_as_its_file_does(zoo):
    root, folder, names = zoo
    storage = LmdbStorage(root)
    assert list(storage.names) == names and len(storage) == len(names) and storage.kind == 'lmdb'
    for index, name in enumerate(names):
        rgb = read_rgb(folder / name)
        np.testing.assert_array_equal(storage.read(index), rgb)
        np.testing.assert_array_equal(storage.window(index, 3, 2, 7, 9), rgb[3:10, 2:11])
        assert storage.size(index) == rgb.shape[:2]
        assert storage.bytes_of(index) == (folder / name).stat().st_size
        assert storage.where(index) == str(root / name)


def test_alpha_rule(zoo):
    root, folder, names = zoo
    index = names.index('deep_alpha.png')
    np.testing.assert_array_equal(LmdbStorage(root, None, 'drop').read(index), read_rgb(folder / names[index], 'drop'))


def test_a_list_gives_order_and_choice(zoo):
    root, _, names = zoo
    assert LmdbStorage(root, [names[5], names[1]]).names == (names[5], names[1])
    with pytest.raises(ImageError, match=r'zoo.lmdb: holds no png.jpg, which the list asks for \(2 such names in all\)'
                                         '; it holds png.png'):
        LmdbStorage(root, ['png.jpg', names[0], 'nothing.png'])


@pytest.mark.filterwarnings('ignore')  # BasicSR's and tqdm's own
def test_what_basicsr_made_is_read(tmp_path, write):
    pixels = [write(tmp_path / 'hr' / f'{name}.png', 20 + name, 30) for name in (2, 1)]
    make_lmdb_from_imgs(str(tmp_path / 'hr'), str(tmp_path / 'hr.lmdb'), ['2.png', '1.png'], ['2', '1'],
                       map_size=2**20)
    storage = open_storage(tmp_path / 'hr.lmdb')
    assert storage.names == ('1.png', '2.png') and storage.kind == 'lmdb'
    for index in range(2):
        np.testing.assert_array_equal(storage.read(index), pixels[1 - index])
    assert [storage.size(index) for index in range(2)] == [(21, 30), (22, 30)]


@pytest.mark.parametrize('method', [pytest.param('spawn', marks=pytest.mark.slow), pytest.param('fork', marks=[
    pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here'),
    # What Python says of forks beside threads; the pool of an earlier test may still be there.
    pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')])])
def test_processes_open_it_for_themselves(zoo, method):
    """lmdb refuses to open one folder twice in a process, and a child must not use what its parent opened."""
    root, folder, names = zoo
    storage, other = LmdbStorage(root), LmdbStorage(root)
    before = storage.read(0), other.read(0)
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        np.testing.assert_array_equal(pool.submit(other.read, 3).result(), read_rgb(folder / names[3]))
    np.testing.assert_array_equal(storage.read(0), before[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(other)).read(0), before[1])


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
@pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')
def test_a_forked_process_opens_it_anew(zoo):
    opened = database(zoo[0])
    child = os.fork()
    if not child:
        os._exit(0 if database(zoo[0]).process == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert database(zoo[0]) is opened


def test_an_lmdb_that_other_code_has_open(zoo):
    """Not every version of lmdb refuses to open it twice."""
    with lmdb.open(str(zoo[0]), readonly=True, lock=False):
        try:
            assert len(LmdbStorage(zoo[0])) == len(zoo[2])
        except ImageError as error:
            assert str(error).endswith('close it where other code opened it')


def test_nothing_stays_open_when_nobody_reads(zoo):
    root = zoo[0]
    storage = LmdbStorage(root)
    storage.read(0)
    del storage
    lmdb.open(str(root), readonly=True, lock=False).close()


def test_opening_names_what_is_wrong(tmp_path):
    png = b'x'
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file.lmdb').touch()
    cases = {
        'no.lmdb': 'no such folder; accepted: the folder of an LMDB',
        'folder': 'holds no data.mdb',
        'file.lmdb': 'is a file',
        'bare.lmdb': 'has no meta_info.txt, without which nobody knows what it holds; make it again: python '
                     'effsr/prepare.py lmdb',
        'twice.lmdb': 'meta_info.txt: a.png and a.jpg have one key',
        'empty.lmdb': 'holds no picture',
        'bytes.lmdb': 'meta_info.txt: is no UTF-8 text',
        'junk.lmdb': 'cannot be opened as an LMDB .*INVALID',
    }
    write_lmdb(tmp_path / 'bare.lmdb', {'a': png}, None)
    write_lmdb(tmp_path / 'twice.lmdb', {'a': png}, ['a.png (1,1,3) 1', 'a.jpg (1,1,3) 1'])
    write_lmdb(tmp_path / 'empty.lmdb', {}, [])
    write_lmdb(tmp_path / 'bytes.lmdb', {'a': png}, None)
    (tmp_path / 'bytes.lmdb' / 'meta_info.txt').write_bytes(b'\xff\xfe\x00')
    write_lmdb(tmp_path / 'junk.lmdb', {'a': png}, ['a.png (1,1,3) 1'])
    (tmp_path / 'junk.lmdb' / 'data.mdb').write_bytes(b'x' * 9000)
    for name, says in cases.items():
        with pytest.raises(ValueError, match=f'{name}.*{says}') as caught:
            LmdbStorage(tmp_path / name) if name == 'folder' else open_storage(tmp_path / name)
        assert '\n' not in str(caught.value)


@pytest.mark.parametrize('share', [0.0, 0.1, 0.9])
def test_a_database_cut_short_is_named(zoo, share):
    """Reading behind the end of a mapped file would kill the process."""
    data = zoo[0] / 'data.mdb'
    os.truncate(data, int(share * data.stat().st_size))
    with pytest.raises(ImageError, match='zoo.lmdb'):
        LmdbStorage(zoo[0])


def test_pictures_that_are_missing_or_damaged_are_named(zoo, tmp_path):
    root = write_lmdb(tmp_path / 'x.lmdb', {'cut': (zoo[1] / 'png.png').read_bytes()[:-30], 'none': b''},
                      ['cut.png (23,29,3) 1', 'gone.png (1,1,3) 1', 'none.png (1,1,3) 1', f'{"k" * 600}.png (1,1,3) 1'])
    storage = LmdbStorage(root)
    wrong = {'cut.png': 'cut short|damaged', 'gone.png': 'is in meta_info.txt and not in data.mdb',
             'none.png': 'the file is empty', storage.names[2]: 'is in meta_info.txt and not in data.mdb'}
    for index, name in enumerate(storage.names):
        for act in (storage.size, storage.read):
            with pytest.raises(ImageError, match=f'x.lmdb.{name}: .*({wrong[name]})'):
                act(index)
    assert storage.bytes_of(storage.names.index('gone.png')) == 0
