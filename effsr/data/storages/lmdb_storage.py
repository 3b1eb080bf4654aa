"""An LMDB of image files, in BasicSR's form: BasicSR reads what is made here, and what it made is read here.

The folder holds data.mdb and meta_info.txt. Key: a picture's name without its suffix, in UTF-8. Value: an image file.
meta_info.txt has a line for each, `NAME.png (height,width,channels) 1`.
"""
import os
import re
import threading
import weakref
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import lmdb
import numpy as np

from effsr.data.image_io import ImageError, rgb_from_bytes
from effsr.data.storages.container import chosen, without_suffix
from effsr.data.storages.per_process import PerProcess
from effsr.data.storages.storage import Storage
from effsr.data.storages.stored_bytes import stored_size

DATA = 'data.mdb'
META = 'meta_info.txt'
LINE = re.compile(r'(?P<name>.+?)(?: \(\d+,\s*\d+(?:,\s*\d+)?\)(?: \d+)?)?\s*')
REMEDY = 'make it again: python effsr/prepare.py lmdb'


def key_of(name: str) -> bytes:
    """The key of a picture: sub/a.png -> b'sub/a'."""
    return without_suffix(name).encode()


def read_meta(root: Path) -> list[str]:
    """Names in an LMDB's meta_info.txt, as they stand.

    Raises:
        ValueError: It is missing, no text, or two of its names have one key.
    """
    path = root / META
    try:
        lines = path.read_text(encoding='utf-8').split('\n')
    except FileNotFoundError:
        raise ValueError(f'{root}: has no {META}, without which nobody knows what it holds; {REMEDY}, or write a line '
                         '"NAME.png (height,width,3) 1" for each of its keys') from None
    except UnicodeDecodeError:
        raise ValueError(f'{path}: is no UTF-8 text; {REMEDY}') from None
    except OSError as error:
        raise ValueError(f'{path}: cannot be read ({error.strerror or error}); check its permissions') from error
    names = [LINE.fullmatch(line)['name'] for line in lines if line.strip()]
    first: dict[bytes, str] = {}
    for name in names:
        other = first.setdefault(key_of(name), name)
        if other is not name:
            raise ValueError(f'{path}: {other} and {name} have one key; take one of the two lines out')
    return names


class Database:
    """An LMDB open for reading.

    Attributes:
        environment: Of lmdb.
        process: Which one opened it.
    """

    def __init__(self, root: Path):
        self.process = os.getpid()
        try:
            self.environment = lmdb.open(os.fspath(root), readonly=True, lock=False, readahead=False, create=False)
        except lmdb.Error as error:
            remedy = 'close it where other code opened it' if 'already open' in str(error) else REMEDY
            raise ImageError(f'{root}: cannot be opened as an LMDB ({_reason(error)}); {remedy}') from error
        weakref.finalize(self, self.environment.close)
        pages, there = self.environment.info()['last_pgno'] + 1, (root / DATA).stat().st_size
        needed = pages * self.environment.stat()['psize']
        # Reading behind the end of a file that is mapped to memory kills the process.
        if there < needed:
            self.environment.close()
            raise ImageError(f'{root / DATA}: cut short, {there:,} of {needed:,} bytes; copy it again, or {REMEDY}')


_databases: weakref.WeakValueDictionary[str, Database] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def database(root: Path) -> Database:
    """The LMDB of a folder; lmdb lets a process open each only once, so that those who read it share it.

    Raises:
        ImageError: It cannot be opened.
    """
    path = os.path.realpath(root)
    with _lock:
        found = _databases.get(path)
        if found is not None and found.process == os.getpid():
            return found
        if found is not None:
            # Opened by the process that this one was forked from, where it stays open.
            found.environment.close()
        _databases[path] = opened = Database(root)
        return opened


class LmdbStorage(Storage):
    """The image files of an LMDB.

    Args:
        root: Its folder.
        names: The pictures to take, as meta_info.txt calls them; None takes all.
        alpha: What to do with transparency; see :func:`effsr.data.image_io.read_rgb`.

    Raises:
        ValueError: Not an LMDB, cut short, without meta_info.txt, or without a picture of `names`.
    """

    kind = 'lmdb'

    def __init__(self, root: Path, names: Sequence[str] | None = None, alpha: str = 'white'):
        if not (root / DATA).is_file():
            what = 'no such folder' if not root.exists() else f'holds no {DATA}' if root.is_dir() else 'is a file'
            raise ValueError(f'{root}: {what}; accepted: the folder of an LMDB, with {DATA} and {META}')
        held = read_meta(root)
        super().__init__(root, [held[number] for number in chosen(root, held, names)])
        self.alpha = alpha
        self._database = PerProcess(partial(database, root))
        database(root)

    def read(self, index: int) -> np.ndarray:
        return rgb_from_bytes(self.data(index), self.where(index), self.alpha)

    def data(self, index: int) -> bytes:
        try:
            with self._database.get().environment.begin() as transaction:
                data = transaction.get(key_of(self.names[index]))
        except lmdb.Error as error:
            raise self._unreadable(index, error) from error
        if data is None:
            raise self._missing(index)
        return data

    def size(self, index: int) -> tuple[int, int]:
        try:
            with self._database.get().environment.begin(buffers=True) as transaction:
                data = transaction.get(key_of(self.names[index]))
                if data is None:
                    raise self._missing(index)
                return stored_size(lambda start, count: bytes(data[start:start + count]), len(data),
                                   Path(self.where(index)))
        except lmdb.Error as error:
            raise self._unreadable(index, error) from error

    def bytes_of(self, index: int) -> int:
        try:
            with self._database.get().environment.begin(buffers=True) as transaction:
                return len(transaction.get(key_of(self.names[index]), b''))
        except lmdb.Error:
            return 0

    def _missing(self, index: int) -> ImageError:
        return ImageError(f'{self.where(index)}: is in {META} and not in {DATA}; {REMEDY}')

    def _unreadable(self, index: int, error: lmdb.Error) -> ImageError:
        return ImageError(f'{self.where(index)}: the LMDB cannot be read ({_reason(error)}); {REMEDY}')


def _reason(error: lmdb.Error) -> str:
    return ' '.join(str(error).split())
