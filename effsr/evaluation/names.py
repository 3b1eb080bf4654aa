"""Which file of a folder belongs to which picture of a set, by their names."""
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from effsr.curation.errors import refuse
from effsr.data.image_io import list_images

TAIL = re.compile(r'|[_\-. ].*|[xX]\d+', re.DOTALL)


def by_stem(folder: Path, where: str = '') -> dict[str, Path]:
    """The pictures of a folder and those below it: path without suffix, '/' between parts -> file; ordered by path.

    Args:
        folder: The folder.
        where: What messages begin with.

    Raises:
        ValueError: No such folder, no picture in it, or two that differ in their suffix alone.
    """
    found: dict[str, Path] = {}
    twice = []
    try:
        images = list_images(folder)
    except ValueError as error:
        raise ValueError(f'{where}{error}') from error
    for path in images:
        stem = path.relative_to(folder).with_suffix('').as_posix()
        if stem in found:
            twice.append(f'{where}{path}: {found[stem].name} has the same name without extension; keep one of them')
        found[stem] = path
    refuse(twice)
    return found


def matched(names: Sequence[str], found: Mapping[str, Path], scale: int, where: str) -> dict[str, Path] | None:
    """The file of each picture: of its own name, or with one tail behind all names, as x4, _x4, _out, _MyNet_x4.

    Args:
        names: The pictures, without suffix.
        found: What :func:`by_stem` found in the other folder.
        scale: Where several tails fit, that of this scale is meant.
        where: What to call the other folder in messages.

    Returns:
        Name -> file; None where not one of the names is met.

    Raises:
        ValueError: Some pictures have no partner: each named; or several tails fit.
    """
    tails: dict[str, int] = {}
    for tail in _tails(names, found):
        tails[tail] = sum(name + tail in found for name in names)
    if not tails:
        return None
    whole = [tail for tail, count in tails.items() if count == len(names)]
    if not whole:
        best = max(tails, key=lambda tail: (tails[tail], tail == ''))
        refuse([f'{where}: no {name}{best}, which the set needs; add it, or take {name} out of the set'
                for name in names if name + best not in found])
    if len(whole) > 1:
        wanted = [tail for tail in ('', f'x{scale}', f'_x{scale}', f'X{scale}', f'-x{scale}') if tail in whole]
        if not wanted:
            told = ', '.join(names[0] + tail for tail in whole)
            raise ValueError(f'{where}: several files fit {names[0]}: {told}; keep those of one kind in the folder')
        whole = wanted
    return {name: found[name + whole[0]] for name in names}


def _tails(names: Sequence[str], found: Mapping[str, Path]) -> list[str]:
    """What stands behind a name in the other folder, for each name that is met there."""
    known = set(names)
    tails = dict.fromkeys(['']) if any(name in found for name in names) else {}
    for stem in found:
        for end in range(len(stem) - 1, 0, -1):
            if stem[:end] in known and TAIL.fullmatch(stem[end:]):
                tails[stem[end:]] = None
    return list(tails)
