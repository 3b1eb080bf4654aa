"""Opening a storage by what lies there."""
from collections.abc import Sequence
from pathlib import Path

from effsr.data.image_io import ALPHA_RULES, IMAGE_SUFFIXES, refuse_unfinished
from effsr.data.storages.container import INDEX
from effsr.data.storages.folder import FolderStorage
from effsr.data.storages.lmdb_storage import LmdbStorage
from effsr.data.storages.packed_storage import PIXELS, PackedStorage, is_packed_index
from effsr.data.storages.shard_storage import ShardStorage
from effsr.data.storages.storage import Storage

KINDS = {'disk': FolderStorage, 'lmdb': LmdbStorage, 'packed': PackedStorage, 'shards': ShardStorage}
MEANING = {'disk': 'a folder of pictures', 'lmdb': 'an LMDB', 'packed': 'a packed set', 'shards': 'a set of tar shards'}
AUTO = 'auto'


def kind_of(root: Path) -> str:
    """Which kind of storage a path is, by its name and content: one of KINDS; 'disk' where nothing says otherwise."""
    if (root / 'data.mdb').is_file() or root.suffix == '.lmdb':
        return 'lmdb'
    if (root / PIXELS).is_file() or is_packed_index(root / INDEX):
        return 'packed'
    if root.suffix == '.tar' or (root.is_dir() and next(root.glob('*.tar'), None) is not None):
        return 'shards'
    return 'disk'


def open_storage(root: str | Path, kind: str = AUTO, names: Sequence[str] | None = None,
                 alpha: str = 'white') -> Storage:
    """Open pictures for reading, wherever they lie.

    Args:
        root: A folder of pictures, an LMDB, a packed set, or tar shards (a folder of them, one, or a pattern such as
            `train-{000000..000012}.tar`).
        kind: One of KINDS; auto finds out.
        names: The pictures to take, as they lie below the root, in this order; None takes all, in the order of names.
        alpha: What to do with transparency; see :func:`effsr.data.image_io.read_rgb`.

    Raises:
        ValueError: One line: there is no such storage, it is of another kind, damaged, not finished or empty, or holds
            no picture of a name that is asked for.
    """
    root = Path(root)
    if alpha not in ALPHA_RULES:
        raise ValueError(f'alpha: {alpha!r} is no rule; accepted: {", ".join(ALPHA_RULES)}')
    if kind != AUTO and kind not in KINDS:
        raise ValueError(f'{root}: {kind!r} is no kind of storage; accepted: {AUTO}, {", ".join(KINDS)}')
    if root.exists():
        refuse_unfinished(root)
        found = kind_of(root)
        # A folder of pictures may hold tar files that are none of its business.
        is_mixed = found == 'shards' and root.is_dir() and _holds_pictures(root)
        if is_mixed and kind == AUTO:
            raise ValueError(f'{root}: holds pictures and tar files; move the ones or the others away, or set '
                             'io_backend: {type: disk} or {type: shards}')
        if kind not in (AUTO, found) and not (is_mixed and kind == 'disk'):
            raise ValueError(f'{root}: is {MEANING[found]}, not {MEANING[kind]}; set io_backend: {{type: {found}}}, or '
                             'leave io_backend out')
    storage = KINDS[kind_of(root) if kind == AUTO else kind](root, names, alpha)
    if not len(storage):
        raise ValueError(f'{root}: holds no picture; make it again from a folder that does')
    return storage


def _holds_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith('.') for path in folder.rglob('*'))
