"""The flags that the subcommands of prepare.py share, where their pictures come from, and their last line."""
import argparse
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from effsr.curation.errors import refuse
from effsr.data.image_io import IMAGE_SUFFIXES, list_images
from effsr.data.image_source import before_blank, read_list
from effsr.data.storages.storage import in_order

ON_ERROR = ('fail', 'skip')


def add_common(parser: argparse.ArgumentParser, output: str = 'folder to fill: new, empty, or to go on with') -> None:
    """Add -i, -o, --meta_info, --jobs, --dry_run and --on_error; `output` is the help of -o."""
    add_input(parser)
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='OUT', help=output)
    parser.add_argument('--meta_info', metavar='LIST',
                        help='text file: take only these pictures, one a line, as they lie below -i')
    add_jobs(parser)
    parser.add_argument('--dry_run', action='store_true', help='say what would be done, write nothing')
    add_on_error(parser, 'do all others, then end with status 1 and the folder marked as unfinished')


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add -i, one or more folders or pictures."""
    parser.add_argument('-i', '--input', required=True, nargs='+', type=Path, metavar='IN',
                        help='folders, with their subfolders, or pictures')


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add --jobs; the result never depends on it."""
    parser.add_argument('--jobs', type=number(int, least=1), default=cores(), metavar='N',
                        help=f'processes (all cores: {cores()})')


def add_on_error(parser: argparse.ArgumentParser, fail: str) -> None:
    """Add --on_error; `fail` says what it does."""
    parser.add_argument('--on_error', choices=ON_ERROR, default='fail',
                        help=f'of a picture that cannot be used: fail (default): {fail}; skip: name it, count it and '
                             'go on without it')


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number(kind: type, least: float | None = None, above: float | None = None, most: float | None = None) -> Callable:
    """A type for argparse: an int or a float in a range; a float may be a fraction such as 1/3.

    Args:
        kind: int or float.
        least, above, most: The smallest value accepted, the largest one too small, the largest one accepted.
    """
    def parse(text: str) -> float:
        over, _, under = text.partition('/')
        try:
            value = kind(text) if not under or kind is int else float(over) / float(under)
            in_range = ((least is None or value >= least) and (above is None or value > above)
                        and (most is None or value <= most) and abs(value) != float('inf'))
        except (ValueError, ZeroDivisionError):
            in_range = False
        if not in_range:
            raise argparse.ArgumentTypeError(f'{text}; accepted: {accepted}')
        return value

    bounds = ((least, 'from {}'), (above, 'above {}'), (most, 'up to {}'))
    accepted = ' '.join([f'a {"whole " if kind is int else ""}number',
                         *(text.format(bound) for bound, text in bounds if bound is not None)])
    return parse


def sources(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """The pictures of all inputs: (path below its input, '/' between parts; path), ordered as a folder's are.

    With --meta_info, those alone that it lists.

    Raises:
        ValueError: An input is missing or holds no picture; two pictures have one name; the output lies in an input;
            the list cannot be read, or names pictures that are not there: named and counted.
    """
    found: dict[str, Path] = {}
    clashes = []
    refuse_inside('-o', args.output, args.input)
    for place in args.input:
        for name, path in pictures(place):
            if found.get(name) == path:
                clashes.append(f'-i: gives {path} twice; give it once')
            elif name in found:
                clashes.append(f'{found[name]} and {path}: both are {name} below their inputs; rename one, or prepare '
                               'them into folders of their own')
            found[name] = path
    refuse(clashes)
    listed = found.keys() if args.meta_info is None else _listed(args.meta_info, found, args.input)
    return [(name, found[name]) for name in in_order(list(found)) if name in listed]


def _listed(meta_info: str, found: Collection[str], inputs: Sequence[Path]) -> set[str]:
    names = [line if line in found else before_blank(line) for line in read_list(meta_info)]
    refuse([f'{meta_info}: names {name}, which is not in {" or ".join(map(str, inputs))}; names are paths below -i, '
            'with suffix' for name in names if name not in found])
    return set(names)


def pictures(place: Path) -> list[tuple[str, Path]]:
    """The pictures of one input: (path below it, '/' between parts; path).

    Raises:
        ValueError: It is missing, holds no picture, or is none.
    """
    if place.is_file() and place.suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError(f'-i {place}: not a picture by its name; accepted: a folder, or a file that ends in '
                         f'{", ".join(IMAGE_SUFFIXES)}')
    if place.is_file():
        return [(place.name, place)]
    return [(path.relative_to(place).as_posix(), path) for path in list_images(place)]


def refuse_inside(flag: str, folder: Path, inputs: Sequence[Path]) -> None:
    """Refuse to write into a folder that is read: the next run would read it, too.

    Args:
        flag: That names the folder, for the message.
        folder: To be written.
        inputs: What is read.

    Raises:
        ValueError: It is one of them, or lies in one.
    """
    inside = folder.resolve()
    for place in inputs:
        if place.is_dir() and (place.resolve() == inside or place.resolve() in inside.parents):
            raise ValueError(f'{flag} {folder}: lies in -i {place}; accepted: a folder outside of what is read')


def refuse_shared_targets(targets: Mapping[str, Sequence[str]]) -> None:
    """Refuse two sources that would be written to one file.

    Args:
        targets: Name of a source -> the files it gives.

    Raises:
        ValueError: All such pairs, named and counted.
    """
    first: dict[str, str] = {}
    clashes = []
    for name, files in targets.items():
        # These two systems keep one file of two names that differ in case only.
        keys = [file.casefold() if sys.platform in ('win32', 'darwin') else file for file in files]
        other = next((first[key] for key in keys if key in first), None)
        if other is not None:
            clashes.append(f'{other} and {name}: both would be written to {files[0]}; rename one, or prepare them into '
                           'folders of their own')
        first.update(dict.fromkeys(keys, name))
    refuse(clashes)


def plural(count: int, what: str) -> str:
    """1, 'picture' -> 1 picture; 2,000, 'copy' -> 2,000 copies."""
    if count == 1:
        return f'1 {what}'
    return f'{count:,} {what[:-1]}ies' if what.endswith('y') else f'{count:,} {what}s'


def summary(pictures: int, made: int, what: str, output: Path, notes: Mapping[str, int], seconds: float) -> str:
    """'606 pictures -> 2,424 tiles in OUT (12 skipped: flat), 41 s'.

    Args:
        pictures: Sources.
        made: Results that lie in the output.
        what: A result is called, in the singular.
        output: Where they lie.
        notes: What else there is to say -> how often; those of 0 are left out. '{} skipped: flat' -> 12.
        seconds: How long it took.
    """
    told = '; '.join(text.format(f'{count:,}') for text, count in notes.items() if count)
    return (f'{plural(pictures, "picture")} -> {plural(made, what)} in {output}{f" ({told})" if told else ""}, '
            f'{seconds:,.0f} s')
