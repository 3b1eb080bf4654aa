"""From the folders and lists that an option file names to the storages of a dataset."""
from collections.abc import Sequence
from pathlib import Path

from effsr.data.storages.opening import AUTO, kind_of, open_storage
from effsr.data.storages.storage import Storage
from effsr.options import OptionError


def as_list(value: str | Sequence[str] | None) -> list[str]:
    """One folder, or several, or none, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def open_roots(roots: str | Sequence[str] | None, lists: str | Sequence[str] | None = None, kind: str = AUTO,
               alpha: str = 'white', key: str = 'dataroot_gt') -> list[Storage]:
    """Open the storages of a dataset.

    Args:
        roots: Folder, LMDB, packed set or shards; or several.
        lists: For each root a text file with the pictures to take, one a line; None takes all.
        kind, alpha: As in :func:`effsr.data.storages.opening.open_storage`.
        key: The option that names the roots, for messages.

    Raises:
        OptionError: No root given, not as many lists as roots, or a list that is missing or empty.
        ValueError: A root cannot be opened.
    """
    places, files = as_list(roots), as_list(lists)
    if not places:
        raise OptionError(f'{key}: missing; give the folder of images')
    if len(set(places)) < len(places):
        raise OptionError(f'{key}: names {next(root for root in places if places.count(root) > 1)} twice; to take more '
                          'from one folder, give weights')
    if files and len(files) != len(places):
        raise OptionError(f'meta_info: {len(files)} list{"s" if len(files) > 1 else ""} for {len(places)} folders of '
                          f'{key}; accepted: one for each')
    if not files:
        return [open_storage(root, kind, None, alpha) for root in places]
    return [open_listed(Path(root), read_list(file), kind, alpha) for root, file in zip(places, files, strict=True)]


def open_listed(root: Path, lines: Sequence[str], kind: str, alpha: str) -> Storage:
    """Open the pictures of one root that the lines of a list name: what stands before the first blank, unless there is
    a picture of the whole name."""
    is_folder = kind_of(root) == 'disk'
    known = () if is_folder else frozenset(open_storage(root, kind, None, alpha).names)

    def stands_whole(line: str) -> bool:
        return (root / line).is_file() if is_folder else line in known

    names = [line if ' ' not in line or stands_whole(line) else before_blank(line) for line in lines]
    return open_storage(root, kind, names, alpha)


def before_blank(line: str) -> str:
    """The name in a line of BasicSR's lists, which go on with the size behind a blank."""
    return line.split(' ')[0].rstrip(',')


def read_list(meta_info: str) -> list[str]:
    """The lines of a meta_info file, stripped, without empty ones.

    Raises:
        OptionError: It cannot be read, or has none.
    """
    try:
        text = Path(meta_info).read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'not UTF-8 text'
        raise OptionError(f'{meta_info}: meta_info cannot be read: {reason}; give a text file with one image a line, '
                          'or leave meta_info out to take the whole folder') from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise OptionError(f'{meta_info}: meta_info lists no image')
    return lines
