"""Files within files: header and end are read, nothing else."""
import gc
import io
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from picture_zoo import fill_zoo
from PIL import Image

from effsr.data.image_io import ImageError, read_rgb
from effsr.data.storages import stored_bytes
from effsr.data.storages.stored_bytes import OpenFiles, stored_size


def size_in(data, name='a.png', read=None):
    def read_at(start, count):
        (read if read is not None else []).append(count)
        return data[start:start + count]
    return stored_size(read_at, len(data), Path(name))


def test_sizes_are_those_of_the_decoded_pictures(tmp_path):
    for name in fill_zoo(tmp_path / 'zoo'):
        path = tmp_path / 'zoo' / name
        assert size_in(path.read_bytes(), name) == read_rgb(path).shape[:2], name


def test_a_large_picture_is_not_read_whole():
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)).save(file, 'PNG')
    read = []
    assert size_in(file.getvalue(), read=read) == (600, 900)
    assert sum(read) < 150_000 < len(file.getvalue())


@pytest.mark.parametrize(('cut', 'says'), [(slice(0), 'empty'), (slice(-20), 'cut short'), (slice(9), 'not an image')])
def test_what_is_wrong_is_named(cut, says):
    file = io.BytesIO()
    Image.new('RGB', (9, 9)).save(file, 'PNG')
    with pytest.raises(ImageError, match=f'^x.tar/a.png: .*{says}'):
        size_in(file.getvalue()[cut], 'x.tar/a.png')


def read_many(files, paths):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda number: files.read(paths[number % len(paths)], number, 3), range(200)))


@pytest.mark.parametrize('positioned', [True, False])
def test_threads_share_a_few_open_files(tmp_path, monkeypatch, positioned):
    """Without os.pread, as on Windows, too."""
    if not positioned:
        monkeypatch.delattr(stored_bytes.os, 'pread', raising=False)
    contents = [bytes(np.random.default_rng(seed).integers(0, 256, 300, np.uint8)) for seed in range(9)]
    paths = [tmp_path / f'{number}.tar' for number in range(9)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    files, opened = OpenFiles(limit=2), weakref.WeakSet()
    make = stored_bytes._Descriptor

    def counted(path):
        one = make(path)
        opened.add(one)
        return one

    monkeypatch.setattr(stored_bytes, '_Descriptor', counted)
    found = read_many(files, paths)
    gc.collect()
    assert len(opened) == 2
    assert found == [contents[number % 9][number:number + 3] for number in range(200)]


def test_the_end_of_a_file_and_no_file(tmp_path):
    (tmp_path / 'a').write_bytes(b'12345')
    files = OpenFiles()
    assert files.read(tmp_path / 'a', 3, 9) == b'45' and files.read(tmp_path / 'a', 9, 2) == b''
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / 'b', 0, 1)
