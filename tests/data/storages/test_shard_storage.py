"""Tar shards: read by position, ours and others', whole or cut."""
import gzip
import io
import json
import logging
import os
import pickle
import tarfile

import numpy as np
import pytest
from picture_zoo import fill_zoo

from effsr.data.image_io import ImageError, read_rgb
from effsr.data.storages.opening import open_storage
from effsr.data.storages.shard_storage import ShardStorage
from effsr.data.storages.tar_files import expand_braces, scan_tar


def write_tar(path, files, form=tarfile.PAX_FORMAT):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w', format=form) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_index(folder, paths):
    shards = [{'file': path.name, 'bytes': path.stat().st_size, 'images': scan_tar(path)} for path in paths]
    (folder / 'index.json').write_text(json.dumps({'format': 'effsr shards', 'version': 1, 'shards': shards}))


@pytest.fixture
def zoo(tmp_path):
    """Three tar files without an index, the folder of their pictures, and the names."""
    names = fill_zoo(tmp_path / 'zoo')
    for number in range(3):
        files = {name: (tmp_path / 'zoo' / name).read_bytes() for name in names[number::3]}
        write_tar(tmp_path / 'tars' / f't-{number:03d}.tar', files)
    return tmp_path / 'tars', tmp_path / 'zoo', names


@pytest.mark.parametrize('indexed', [False, True])
def test_every_kind_of_picture_reads_as_its_file_does(zoo, indexed):
    root, folder, names = zoo
    if indexed:
        write_index(root, sorted(root.glob('*.tar')))
    storage = pickle.loads(pickle.dumps(open_storage(root)))
    assert list(storage.names) == names and storage.kind == 'shards'
    for index, name in enumerate(names):
        rgb = read_rgb(folder / name)
        np.testing.assert_array_equal(storage.read(index), rgb)
        np.testing.assert_array_equal(storage.window(index, 3, 2, 7, 9), rgb[3:10, 2:11])
        assert storage.size(index) == rgb.shape[:2]
        assert storage.bytes_of(index) == (folder / name).stat().st_size
        assert storage.where(index) == str(root / f't-{index % 3:03d}.tar' / name)
    assert len(pickle.loads(pickle.dumps(storage))) == len(names)


@pytest.mark.parametrize('indexed', [False, True])
def test_one_file_and_a_pattern(zoo, indexed):
    root, _, names = zoo
    if indexed:
        write_index(root, sorted(root.glob('*.tar')))
    assert list(open_storage(root / 't-001.tar').names) == names[1::3]
    some = open_storage(str(root / 't-{000..001}.tar'), 'shards')
    assert list(some.names) == [name for index, name in enumerate(names) if index % 3 < 2]
    assert ShardStorage(root, [names[4], names[0]], 'drop').names == (names[4], names[0])
    with pytest.raises(ImageError, match='holds no x.png, which the list asks for'):
        ShardStorage(root, ['x.png'])


def test_braces():
    assert expand_braces('a-{08..10}.tar') == ['a-08.tar', 'a-09.tar', 'a-10.tar']
    assert expand_braces('{a,b}-{1..2}') == ['a-1', 'a-2', 'b-1', 'b-2']
    for wrong in ('x-{3..1}.tar', 'x-{}.tar', 'x-{0..a}.tar', 'x-{0..99999999}.tar', '{0..999}{0..999}.tar'):
        with pytest.raises(ValueError, match='accepted:'):
            expand_braces(wrong)


@pytest.mark.parametrize('form', [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_every_tar_format(tmp_path, form):
    long = f'{"f" * 90}/{"n" * 90}.png'
    names = ['./a.png', long, '.hidden/b.png', 'text.txt', 'c.cls', '/abs/d.jpg', '._a.png']
    write_tar(tmp_path / 'x.tar', {name: name.encode() for name in names}, form)
    found = scan_tar(tmp_path / 'x.tar')
    assert [name for name, _, _ in found] == ['a.png', long, 'abs/d.jpg']
    data = (tmp_path / 'x.tar').read_bytes()
    assert [data[start:start + size].decode() for _, start, size in found] == ['./a.png', long, '/abs/d.jpg']


def test_every_cut_of_a_tar_is_noticed_and_what_is_whole_counted(tmp_path):
    path = write_tar(tmp_path / 'x.tar', {f'{name}.png': name.encode() * 700 for name in 'abc'})
    data = path.read_bytes()
    ends = [start + size for _, start, size in scan_tar(path)]
    zeros = 3 * (512 + 1024)
    for cut in range(0, zeros + 512, 128):
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError) as caught:
            scan_tar(path)
        whole = sum(end <= cut for end in ends)
        assert cut < 512 or f'cut short at {cut:,} bytes; {whole} pictures before that are whole' in str(caught.value)
    path.write_bytes(data[:zeros + 512])
    assert len(scan_tar(path)) == 3
    path.write_bytes(data[:1536] + b'x' * 600 + data[1536 + 600:])
    with pytest.raises(ValueError, match='damaged at byte 1,536; 1 pictures before that are whole'):
        scan_tar(path)


def test_opening_names_what_is_wrong(zoo, tmp_path):
    root, folder, _ = zoo
    png = (folder / 'png.png').read_bytes()
    (tmp_path / 'none').mkdir()
    (tmp_path / 'z').mkdir()
    (tmp_path / 'z' / 'z.tar').write_bytes(gzip.compress(b'x' * 5000))
    write_tar(tmp_path / 'twice' / '0.tar', {'a.png': png})
    write_tar(tmp_path / 'twice' / '1.tar', {'b.png': png, './a.png': png})
    cases = {
        'none': 'holds no tar file; accepted: a folder with [*].tar',
        'gone.tar': 'gone.tar: No such file',
        'z': 'z.tar: is no tar file, or a compressed one',
        'twice': '0.tar and .*1.tar both hold a.png',
        'tars/t-{000..003}.tar': 't-003.tar: No such file',
    }
    for name, says in cases.items():
        with pytest.raises(ValueError, match=says) as caught:
            open_storage(tmp_path / name, 'shards') if name != 'none' else ShardStorage(tmp_path / name)
        assert '\n' not in str(caught.value)
    (root / '.unfinished').write_text('prepare shards\n')
    for place in (root, root / 't-000.tar', root / 't-{000..001}.tar'):
        with pytest.raises(ValueError, match='prepare shards has not finished there'):
            open_storage(place, 'shards')


def test_an_index_that_does_not_fit_is_refused(zoo):
    root = zoo[0]
    paths = sorted(root.glob('*.tar'))
    write_index(root, paths[:2])
    with pytest.raises(ValueError, match='index.json does not list t-002.tar; take it out, or make it again'):
        open_storage(root)
    text = (root / 'index.json').read_text()
    for wrong, says in ((text[:80], 'damaged or cut short'),
                        (text.replace('"version": 1', '"version": 2'), 'version 2'),
                        (text.replace('"bytes"', '"bites"'), 'do not fit together'),
                        (text.replace('512', '-12'), 'do not fit together')):
        (root / 'index.json').write_text(wrong)
        with pytest.raises(ValueError, match=f'index.json: .*{says}'):
            open_storage(root)
    (root / 'index.json').write_text('{"wids_version": 1, "shardlist": []}')
    assert len(open_storage(root)) == len(zoo[2])


def test_a_cut_and_a_missing_shard_are_told_and_the_rest_is_read(zoo, caplog):
    root, folder, names = zoo
    paths = sorted(root.glob('*.tar'))
    write_index(root, paths)
    images = scan_tar(paths[1])
    cut, whole_size = images[2][1] + 5, paths[1].stat().st_size
    os.truncate(paths[1], cut)
    paths[2].unlink()
    with caplog.at_level(logging.WARNING, 'basicsr'):
        storage = open_storage(root)
    assert '2 of 3 shards are not whole' in caplog.text
    assert f't-001.tar: {cut:,} bytes, index.json says {whole_size:,}; 2 of {len(images)} pictures are' in caplog.text
    assert f't-002.tar: missing, {len(names[2::3])} pictures with it' in caplog.text
    whole = {*names[::3], *(name for name, _, _ in images[:2])}
    for index, name in enumerate(names):
        if name in whole:
            np.testing.assert_array_equal(storage.read(index), read_rgb(folder / name))
            continue
        says = 'the shard t-002.tar is missing' if name in names[2::3] else 'behind the end of the shard t-001.tar, cut'
        for act in (storage.size, storage.read):
            with pytest.raises(ImageError, match=says) as caught:
                act(index)
            assert name in str(caught.value)
        assert storage.bytes_of(index) == 0


def test_a_shard_that_is_another_one(zoo):
    root = zoo[0]
    paths = sorted(root.glob('*.tar'))
    write_index(root, paths)
    with open(paths[0], 'ab') as file:
        file.write(b'more')
    storage = ShardStorage(root)
    with pytest.raises(ImageError, match='the shard t-000.tar is another one'):
        storage.read(0)


def test_a_shard_that_shrinks_or_goes_while_it_is_read(zoo):
    root = zoo[0]
    storage = ShardStorage(root)
    os.truncate(root / 't-000.tar', 600)
    (root / 't-001.tar').unlink()
    with pytest.raises(ImageError, match='t-000.tar has become shorter'):
        storage.read(0)
    with pytest.raises(ImageError, match='the shard cannot be read .No such file'):
        storage.read(1)


def test_a_folder_with_pictures_and_tar_files(tmp_path):
    fill_zoo(tmp_path / 'photos')
    whole = open_storage(tmp_path / 'photos').names
    write_tar(tmp_path / 'photos' / 'old.tar', {'b.png': (tmp_path / 'photos' / whole[0]).read_bytes()})
    with pytest.raises(ValueError, match=r'photos: holds pictures and tar files; .* or set io_backend: \{type: disk\}'):
        open_storage(tmp_path / 'photos')
    assert open_storage(tmp_path / 'photos', 'disk').names == whole
    assert open_storage(tmp_path / 'photos', 'shards').names == ('b.png',)
