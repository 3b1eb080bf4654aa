"""The sets of pictures that an evaluation is over: what belongs together, with sizes that match, before any work."""
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from effsr.curation.errors import refuse
from effsr.data.image_io import image_size
from effsr.evaluation.low_quality import Recipe
from effsr.evaluation.names import by_stem, matched

FORM = 'accepted: NAME=HR, NAME=HR:LR, or NAME=:LR without ground truth'
NAME = re.compile(r'[^/\\:*?"<>|\x00-\x1f.][^/\\:*?"<>|\x00-\x1f]*')
SCALES = range(1, 17)
# Of a place, by whether drives have letters.
PLACE = {False: r'[^:]*', True: r'(?:[A-Za-z]:(?=[\\/]))?[^:]*'}


@dataclass(frozen=True)
class SetFolders:
    """What one -d says: a name, and folders, of which one may be None."""

    name: str
    hr: Path | None
    lr: Path | None


@dataclass(frozen=True)
class Entry:
    """One picture of a set.

    Attributes:
        name: Its path below the folder without suffix, '/' between parts.
        gt: File of the ground truth, or None.
        lq: File of the low-resolution picture; None where it is to be made.
        size: (height, width) of the low-resolution picture.
        gt_size: (height, width) of the ground truth before it is cropped to ``scale`` times that; None without one.
    """

    name: str
    gt: Path | None
    lq: Path | None
    size: tuple[int, int]
    gt_size: tuple[int, int] | None


@dataclass(frozen=True)
class PictureSet:
    """A set, ready to be worked on."""

    folders: SetFolders
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """What the tables call it."""
        return self.folders.name


def parse_set(text: str, windows: bool = os.name == 'nt') -> SetFolders:
    r"""Read NAME=HR[:LR]; on Windows a letter and a colon before a slash are a drive: `Set5=C:\HR:D:\LR`.

    Raises:
        ValueError: Another form, or a name that no folder can have.
    """
    name, equals, places = text.partition('=')
    if not equals or not places:
        raise ValueError(f'-d {text}: {FORM}')
    if not NAME.fullmatch(name):
        raise ValueError(f'-d {text}: the name {name!r} cannot be that of a folder; accepted: letters, numbers, _ - . '
                         'and blanks')
    parts = re.fullmatch(f'({PLACE[windows]})(?::({PLACE[windows]}))?', places)
    if parts is None or not any(parts.groups()):
        raise ValueError(f'-d {text}: {FORM}')
    hr, lr = (Path(part) if part else None for part in parts.groups())
    return SetFolders(name, hr, lr)


def parse_sets(texts: Sequence[str]) -> tuple[SetFolders, ...]:
    """Read all -d.

    Raises:
        ValueError: One is wrong, or two have one name.
    """
    folders = tuple(parse_set(text) for text in texts)
    count = Counter(place.name.casefold() for place in folders)
    twice = next((place.name for place in reversed(folders) if count[place.name.casefold()] > 1), None)
    if twice:
        raise ValueError(f'-d {twice}=: two sets are called so; give each a name of its own')
    return folders


def scale_of(folders: Sequence[SetFolders]) -> int | None:
    """The factor between the first pictures of the first set that has both folders; None where there is none."""
    for place in folders:
        if place.hr is not None and place.lr is not None:
            first = [next(iter(by_stem(folder, f'-d {place.name}: ').values())) for folder in (place.hr, place.lr)]
            (hr_height, hr_width), (height, width) = map(image_size, first)
            scale = hr_height // height
            if scale in SCALES and hr_width // width == scale:
                return scale
    return None


def open_set(folders: SetFolders, recipe: Recipe) -> PictureSet:
    """List a set's pictures, match them and compare their sizes, by the headers of the files alone.

    Args:
        folders: Where they lie.
        recipe: The scale, and how missing low-resolution pictures will be made.

    Raises:
        ValueError: A folder is missing or empty, names or sizes do not match, a file cannot be read.
    """
    where = f'-d {folders.name}: '
    if folders.hr is None:
        entries = [Entry(name, None, path, image_size(path), None) for name, path in by_stem(folders.lr, where).items()]
        return PictureSet(folders, tuple(entries))
    truths = by_stem(folders.hr, where)
    lows: dict[str, Path] = {}
    if folders.lr is not None:
        found = matched(list(truths), by_stem(folders.lr, where), recipe.scale, f'-d {folders.name}: {folders.lr}')
        if found is None:
            raise ValueError(f'-d {folders.name}: not one picture of {folders.lr} has the name of one of {folders.hr}; '
                             f'accepted: the same names, or with one ending behind all, such as x{recipe.scale}')
        lows = found
    problems, entries = [], []
    for name, path in truths.items():
        entry, problem = _entry(name, path, lows.get(name), recipe)
        entries.append(entry)
        problems += [f'-d {folders.name}: {problem}'] if problem else []
    refuse(problems)
    return PictureSet(folders, tuple(entries))


def _entry(name: str, gt: Path, lq: Path | None, recipe: Recipe) -> tuple[Entry, str]:
    """A picture with ground truth, and what is wrong with its size or ''."""
    height, width = image_size(gt)
    scale = recipe.scale
    wanted = (height // scale, width // scale)
    problem = ''
    if min(height, width) < recipe.smallest:
        problem = (f'{gt} is {width}x{height}; at scale {scale} {recipe.smallest}x{recipe.smallest} is the '
                   'least; take it out')
    size = wanted if lq is None else image_size(lq)
    if size != wanted:
        problem = (f'{lq} is {size[1]}x{size[0]} and {gt} {width}x{height} (width x height); at scale {scale} it must '
                   f'be {wanted[1]}x{wanted[0]}; give the pictures of this scale, or another -s')
    return Entry(name, gt, lq, size, (height, width)), problem
