"""Checks of many image files before a training starts: all headers and ends, and as many decoded as cost seconds."""
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from effsr.data.image_io import ImageError, image_size, read_rgb

logger = logging.getLogger('basicsr')

# The marker that ends a whole file of each format; some writers let padding follow it.
END_MARKERS = {b'\x89PNG': b'IEND', b'\xff\xd8\xff': b'\xff\xd9'}
TAIL = 65536
SHOWN = 5
DECODED_BYTES = 200 * 2**20  # of files; damage inside the rest is named when a sample of it is first read


def check_image(path: Path) -> tuple[int, int]:
    """Check that a file has an image's header and, for PNG and JPEG, its end.

    Returns:
        Height and width in pixels.

    Raises:
        ImageError: Not an image, empty, or cut short.
    """
    size = image_size(path)
    with path.open('rb') as file:
        head = file.read(4)
        file.seek(max(0, path.stat().st_size - TAIL))
        tail = file.read()
    for magic, marker in END_MARKERS.items():
        if head.startswith(magic) and marker not in tail:
            raise ImageError(f'{path}: the file is cut short; copy it again or take it out')
    return size


def inspect_images(paths: Sequence[Path], smallest: int, what: str) -> list[tuple[int, int] | str]:
    """Check all files and that none is smaller than the crop.

    Args:
        paths: The files.
        smallest: Least height and width in pixels.
        what: The option that asks for that size, for the message.

    Returns:
        For each its height and width, or the line that says what is wrong with it.
    """
    def check(path: Path) -> tuple[int, int] | str:
        try:
            height, width = check_image(path)
            if path in decoded:
                read_rgb(path)
        except ImageError as error:
            return str(error)
        if min(height, width) < smallest:
            option = '' if what == 'scale' else f'{what}: '
            return (f'{option}{path}: {width}x{height} is smaller than the {smallest}x{smallest} that {what} needs; '
                    f'take it out or lower {what}')
        return height, width

    decoded = spread(paths, DECODED_BYTES)
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(check, paths))


def check_images(paths: Sequence[Path], smallest: int, what: str, on_error: str = 'fail') -> dict[Path, str]:
    """Check all files of a set, as :func:`inspect_images` does.

    Returns:
        The files that cannot be used, and why; empty unless on_error is skip.

    Raises:
        ImageError: As :func:`refuse`.
    """
    found = inspect_images(paths, smallest, what)
    problems = {path: result for path, result in zip(paths, found, strict=True) if isinstance(result, str)}
    refuse(problems, len(paths), on_error)
    return problems


def refuse(problems: Mapping[Path, str], count: int, on_error: str) -> None:
    """Carry out a set's on_error for the problems of some of its `count` images.

    Raises:
        ImageError: One line for each, the first few of them: on_error is fail, or no image is left.
    """
    if on_error == 'fail' or len(problems) == count:
        raise_all(problems.values())
    if problems:
        logger.warning('%d of %d images cannot be used (on_error: skip):\n%s', len(problems), count,
                       '\n'.join(f'  {line}' for line in shortened(problems.values())))


def spread(paths: Sequence[Path], limit: int) -> set[Path]:
    """Files of at most `limit` bytes in all, spread evenly over a list; all of them where they fit."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    step = max(1, -(-sum(sizes) // limit))
    return set(paths[::step])


def shortened(problems: Iterable[str]) -> list[str]:
    """The first few problems, and how many more there are."""
    problems = list(problems)
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f'... and {len(problems) - SHOWN} more files like these']
    return problems


def raise_all(problems: Iterable[str]) -> None:
    """Raise one ImageError that lists the first few problems and counts the rest; nothing if there are none."""
    lines = shortened(problems)
    if lines:
        raise ImageError('\n'.join(lines))
