"""Image files in tar files, as webdataset has them; each is read by its position, nothing is unpacked.

Beside the tar files that `prepare.py shards` makes lies index.json, so that opening a set reads one file:
`{"format": "effsr shards", "version": 1, "shards": [{"file": "000000.tar", "bytes": 123,
"images": [["NAME.png", offset, size], ...]}, ...]}`. Those made elsewhere have none; their headers are read then.
"""
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from effsr.data.image_check import shortened
from effsr.data.image_io import ImageError, refuse_unfinished, rgb_from_bytes
from effsr.data.storages.container import INDEX, chosen
from effsr.data.storages.per_process import PerProcess
from effsr.data.storages.storage import Storage
from effsr.data.storages.stored_bytes import OpenFiles, stored_size
from effsr.data.storages.tar_files import Shard, find_shards

logger = logging.getLogger('basicsr')

MISSING = -1


class ShardStorage(Storage):
    """The image files of tar files.

    A shard that is missing, or cut short since its index was written, is told in the log; what of it is whole can be
    read, and :meth:`size` and :meth:`read` of the rest say what is wrong.

    Args:
        root: A folder with *.tar, one of them, or a pattern such as `train-{000000..000012}.tar`.
        names: The pictures to take; None takes all.
        alpha: What to do with transparency; see :func:`effsr.data.image_io.read_rgb`.

    Raises:
        ValueError: There is no tar file, one without an index is damaged or cut short, an index is damaged, two
            pictures have one name, or one of `names` is missing.
    """

    kind = 'shards'

    def __init__(self, root: Path, names: Sequence[str] | None = None, alpha: str = 'white'):
        shards = find_shards(root)
        for folder in {shard.path.parent for shard in shards}:
            refuse_unfinished(folder)
        held = [name for shard in shards for name, _, _ in shard.images]
        _refuse_equal_names(shards)
        numbers = chosen(root, held, names)
        super().__init__(root, [held[number] for number in numbers])
        self.alpha = alpha
        self._paths = [shard.path for shard in shards]
        self._there = [_length(shard.path) for shard in shards]
        self._promised = [length if shard.size is None else shard.size
                          for shard, length in zip(shards, self._there, strict=True)]
        places = [(shard, offset, size) for shard, (_, images, _) in enumerate(shards) for _, offset, size in images]
        self._places = np.array(places, np.int64).reshape(-1, 3)[numbers]
        self._files = PerProcess(OpenFiles)
        self._tell(shards)

    def where(self, index: int) -> str:
        return str(self._paths[self._places[index, 0]] / self.names[index])

    def read(self, index: int) -> np.ndarray:
        return rgb_from_bytes(self.data(index), self.where(index), self.alpha)

    def data(self, index: int) -> bytes:
        offset, size = self._usable(index)
        return self._bytes(index, offset, size)

    def size(self, index: int) -> tuple[int, int]:
        offset, size = self._usable(index)
        return stored_size(lambda start, count: self._bytes(index, offset + start, count), size,
                           Path(self.where(index)))

    def bytes_of(self, index: int) -> int:
        return 0 if self._problem(index) else int(self._places[index, 2])

    def _usable(self, index: int) -> tuple[int, int]:
        problem = self._problem(index)
        if problem:
            raise ImageError(f'{self.where(index)}: {problem}')
        _, offset, size = self._places[index].tolist()
        return offset, size

    def _problem(self, index: int) -> str | None:
        shard, offset, size = self._places[index].tolist()
        there, promised = self._there[shard], self._promised[shard]
        name = self._paths[shard].name
        if there == MISSING:
            return f'the shard {name} is missing; copy it again'
        if there > promised:
            return f'the shard {name} is another one, {there:,} bytes where {INDEX} says {promised:,}; copy it again'
        if offset + size > there:
            return f'behind the end of the shard {name}, cut short to {there:,} of {promised:,} bytes; copy it again'
        return None

    def _bytes(self, index: int, position: int, count: int) -> bytes:
        path = self._paths[self._places[index, 0]]
        try:
            data = self._files.get().read(path, position, count)
        except OSError as error:
            raise ImageError(f'{self.where(index)}: the shard cannot be read ({error.strerror or error}); check the '
                             'file and its permissions') from error
        if len(data) < count:
            raise ImageError(f'{self.where(index)}: the shard {path.name} has become shorter; copy it again')
        return data

    def _tell(self, shards: Sequence[Shard]) -> None:
        lines = []
        for shard, there, promised in zip(shards, self._there, self._promised, strict=True):
            if there == MISSING:
                lines.append(f'{shard.path}: missing, {len(shard.images):,} pictures with it; copy it again')
            elif there != promised:
                whole = sum(there < promised and offset + size <= there for _, offset, size in shard.images)
                lines.append(f'{shard.path}: {there:,} bytes, {INDEX} says {promised:,}; {whole:,} of '
                             f'{len(shard.images):,} pictures are whole; copy it again')
        if lines:
            logger.warning('%d of %d shards are not whole:\n%s', len(lines), len(shards),
                           '\n'.join(f'  {line}' for line in shortened(lines)))


def _refuse_equal_names(shards: Sequence[Shard]) -> None:
    first: dict[str, Path] = {}
    for shard in shards:
        for name, _, _ in shard.images:
            if name in first:
                raise ValueError(f'{first[name]} and {shard.path} both hold {name}; take one of the files out, or give '
                                 'the pictures names of their own')
            first[name] = shard.path


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return MISSING
