"""Write the list of the pictures of one or more folders, as meta_info of an option file takes it.

One name a line, relative to --root, or with --sizes BasicSR's `name (height,width,channels)`. Several folders go into
one list where --root lies above all of them.
"""
import argparse
import os
import time
from functools import partial
from pathlib import Path

from PIL import Image

from effsr.curation.arguments import add_input, add_jobs, add_on_error, pictures, plural
from effsr.curation.errors import refuse
from effsr.curation.output import write_whole
from effsr.curation.parallel import Failure, each, tell
from effsr.data.image_check import check_image
from effsr.data.image_decode import TARGET_MODES, decode_file
from effsr.data.image_header import open_header
from effsr.data.image_io import IMAGE_SUFFIXES
from effsr.data.storages.storage import in_order


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's flags."""
    add_input(parser)
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='FILE', help='the list, a text file')
    parser.add_argument('--root', type=Path, metavar='DIR',
                        help='what the names are relative to: the dataroot of the training; default: -i, if it is one')
    parser.add_argument('--sizes', action='store_true', help='write each size, too: name (height,width,channels)')
    parser.add_argument('--check', action='store_true', help='decode every picture; else its header and end are read')
    parser.add_argument('--overwrite', action='store_true', help='replace another list of this name')
    parser.add_argument('--dry_run', action='store_true', help='do all but write')
    add_jobs(parser)
    add_on_error(parser, 'name all such pictures, write nothing, end with status 1')


def run(args: argparse.Namespace) -> int:
    """Write the list; return the exit status."""
    began = time.monotonic()
    _check_target(args.output)
    named = _named(args)
    lines, failed = [], 0
    for _, line in each(partial(line_of, sizes=args.sizes, check=args.check), named, args.jobs, 'prepare meta'):
        if isinstance(line, Failure):
            tell(line.reason)
            failed += 1
        else:
            lines.append(line)
    if failed and (args.on_error == 'fail' or not lines):
        skip = ', or give --on_error skip' if lines else ''
        raise ValueError(f'{plural(failed, "picture")} of {len(named):,} cannot be used, named above; nothing was '
                         f'written; mend or remove {"it" if failed == 1 else "them"}{skip}')
    data = ''.join(f'{line}\n' for line in lines).encode()
    if args.output.exists() and args.output.read_bytes() != data and not args.overwrite:
        raise ValueError(f'-o {args.output}: is there already, with other lines; give another name, or --overwrite')
    if not args.dry_run:
        write_whole(args.output, data)
    notes = f' ({failed:,} cannot be used)' if failed else ''
    print(f'{"dry run, nothing was written: " if args.dry_run else ""}{plural(len(named), "picture")} -> '
          f'{plural(len(lines), "line")} in {args.output}{notes}, {time.monotonic() - began:,.0f} s')
    return 0


def line_of(named: tuple[str, Path], sizes: bool, check: bool) -> str:
    """A picture's line.

    Args:
        named: The name in the list, and the picture.
        sizes: Whether height, width and channels follow, as BasicSR writes them: 1 for grey, 3, or 4 with alpha.
        check: Whether to decode it.

    Raises:
        ImageError: It cannot be read.
    """
    name, path = named
    if check:
        height, width, channels = decode_file(path)[0].shape
    else:
        height, width = check_image(path)
        channels = _channels(path) if sizes else 0
    return f'{name} ({height},{width},{channels})' if sizes else name


def _channels(path: Path) -> int:
    with path.open('rb') as file:
        image, _ = open_header(file, path)
        mode = TARGET_MODES.get(image.mode, image.mode)
        return len(Image.new(mode, (1, 1)).getbands()) + ('transparency' in image.info and not mode.endswith('A'))


def _check_target(path: Path) -> None:
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        raise ValueError(f'-o {path}: is {"a folder" if path.is_dir() else "called as a picture"}; accepted: a text '
                         'file, such as meta_info.txt')


def _named(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Each picture with its name below the root, in the order of a dataset.

    Raises:
        ValueError: No root for several inputs; a picture outside of it; a name that a list cannot hold.
    """
    if args.root is None and (len(args.input) > 1 or args.input[0].is_file()):
        raise ValueError('--root is missing; with several inputs, or single pictures, give the folder above them that '
                         'the dataroot of the training will be')
    root = Path(os.path.abspath(args.root or args.input[0]))
    found, problems = {}, []
    for path in (path for place in args.input for _, path in pictures(place)):
        try:
            name = Path(os.path.abspath(path)).relative_to(root).as_posix()
        except ValueError:
            problems.append(f'{path}: lies outside of --root {root}; accepted: a folder above all pictures')
            continue
        found[name] = path
        problems += _hindrance(name, path, args.sizes)
    refuse(problems)
    return [(name, found[name]) for name in in_order(list(found))]


def _hindrance(name: str, path: Path, sizes: bool) -> list[str]:
    """What keeps a name out of a list, if anything does."""
    remedy = 'rename it'
    if sizes and ' ' in name:
        remedy = 'rename it, or leave out --sizes, which follow behind a blank'
    elif name == name.strip() and len(name.splitlines()) == 1 and name.isprintable():
        return []
    return [f'{path}: a list cannot hold {name!r}; {remedy}']
