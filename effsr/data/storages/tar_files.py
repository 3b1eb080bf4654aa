"""Tar files as they are read here: which ones, and where in them the pictures lie."""
import itertools
import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from effsr.data.image_io import IMAGE_SUFFIXES
from effsr.data.storages.container import INDEX, read_index

FORMAT = 'effsr shards'
VERSION = 1
REMEDY = f'make it again: python effsr/prepare.py shards, or remove {INDEX}, and the tar files are looked through'
BRACES = re.compile(r'\{([^{}]*)\}')
RANGE = re.compile(r'(\d+)\.\.(\d+)')
MOST_FILES = 100_000


class Shard(NamedTuple):
    """A tar file.

    Attributes:
        path: The file.
        images: Of each picture in it its name, the position of its first byte, and the number of bytes.
        size: Bytes of the whole file as its index says; None without one.
    """

    path: Path
    images: Sequence[tuple[str, int, int]]
    size: int | None = None


def expand_braces(pattern: str) -> list[str]:
    """x-{08..10}.tar -> x-08.tar, x-09.tar, x-10.tar; {a,b} takes each in turn; several braces take all combinations.

    Raises:
        ValueError: Something in braces is neither, or there would be more than MOST_FILES.
    """
    parts, count = BRACES.split(pattern), 1
    choices: list[Sequence[str]] = []
    for number, part in enumerate(parts):
        span = RANGE.fullmatch(part)
        if number % 2 == 0:
            choices.append([part])
        elif span and int(span[1]) <= int(span[2]) < int(span[1]) + MOST_FILES:
            width = len(span[1])
            choices.append([f'{value:0{width}d}' for value in range(int(span[1]), int(span[2]) + 1)])
        elif ',' in part:
            choices.append(part.split(','))
        else:
            raise ValueError(f'{pattern}: {{{part}}} is no range; accepted: {{000000..000012}}, the smaller number '
                             f'first, or {{a,b}}, of at most {MOST_FILES:,} files')
        count *= len(choices[-1])
    if count > MOST_FILES:
        raise ValueError(f'{pattern}: would be {count:,} files; accepted: at most {MOST_FILES:,}')
    return [''.join(chosen) for chosen in itertools.product(*choices)]


def find_shards(root: Path) -> list[Shard]:
    """The tar files that a folder, a file or a pattern stands for, and what they hold.

    What index.json beside a file lists is taken from there; other files are looked through, headers only.

    Raises:
        ValueError: There is none, one that no index lists is missing, damaged or cut short, or an index is damaged.
    """
    listings: dict[Path, dict[str, Shard]] = {}
    if root.is_dir():
        listed = read_shard_index(root)
        listings[root] = listed or {}
        there = sorted(path.name for path in root.glob('*.tar') if not path.name.startswith('.'))
        unknown = [name for name in there if listed is not None and name not in listed]
        if unknown:
            raise ValueError(f'{root}: {INDEX} does not list {unknown[0]}; take it out, or {REMEDY}')
        paths = [root / name for name in (there if listed is None else listed)]
        if not paths:
            raise ValueError(f'{root}: holds no tar file; accepted: a folder with *.tar, one of them, or a pattern '
                             'such as train-{000000..000012}.tar')
    elif root.exists() or '{' not in str(root):
        paths = [root]
    else:
        paths = [Path(text) for text in expand_braces(str(root))]
    for folder in {path.parent for path in paths} - set(listings):
        listings[folder] = read_shard_index(folder) or {}
    return [listings[path.parent].get(path.name) or Shard(path, scan_tar(path)) for path in paths]


def read_shard_index(folder: Path) -> dict[str, Shard] | None:
    """The shards that a folder's index.json lists, by file name; None where there is none, or none of ours.

    Raises:
        ValueError: It is damaged.
    """
    path = folder / INDEX
    try:
        # Other tools call files so, too.
        if json.loads(path.read_text(encoding='utf-8')).get('format') != FORMAT:
            return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError):
        pass
    index = read_index(path, FORMAT, VERSION, REMEDY)
    try:
        shards = {shard['file']: Shard(folder / shard['file'], [(str(name), int(offset), int(size))
                                                                for name, offset, size in shard['images']],
                                       int(shard['bytes'])) for shard in index['shards']}
        if any(offset < 0 or size < 0 for shard in shards.values() for _, offset, size in shard.images):
            raise ValueError
        return shards
    except (KeyError, TypeError, ValueError):
        raise ValueError(f'{path}: damaged, its entries do not fit together; {REMEDY}') from None


def scan_tar(path: Path) -> list[tuple[str, int, int]]:
    """Go through a tar file's headers.

    Returns:
        Of each picture, told by its suffix, its name, the position of its first byte, and the number of bytes. Hidden
        ones are left out.

    Raises:
        ValueError: It is missing, no tar file, compressed, damaged or cut short; says how many pictures are whole.
    """
    images: list[tuple[str, int, int]] = []
    try:
        with open(path, 'rb') as file:
            length = file.seek(0, 2)
            file.seek(0)
            with tarfile.open(fileobj=file, mode='r:') as tar:
                for member in _members(tar):
                    name = PurePosixPath(member.name.lstrip('/')).as_posix()
                    if member.offset_data + member.size > length:
                        break
                    if member.isreg() and _is_picture(name):
                        images.append((name, member.offset_data, member.size))
                end = tar.offset
            file.seek(end)
            block = file.read(tarfile.BLOCKSIZE)
    except OSError as error:
        raise ValueError(f'{path}: {error.strerror or error}; accepted: a tar file') from error
    except tarfile.TarError:
        raise ValueError(f'{path}: is no tar file, or a compressed one; accepted: tar files that are not compressed '
                         f'(gunzip {path.name})') from None
    if len(block) < tarfile.BLOCKSIZE or any(block):
        what = f'damaged at byte {end:,}' if len(block) == tarfile.BLOCKSIZE else f'cut short at {length:,} bytes'
        raise ValueError(f'{path}: {what}; {len(images):,} pictures before that are whole, what follows is unknown; '
                         'copy the file again, or take it out')
    return images


def _members(tar: tarfile.TarFile):
    """The members up to the end, or to where it is no tar file any more: the caller sees where that was."""
    while True:
        try:
            member = tar.next()
        except tarfile.TarError:
            if tar.offset == 0:
                raise
            return
        if member is None:
            return
        yield member


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not any(part.startswith('.') for part in path.parts)
