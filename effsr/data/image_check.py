"""Checks of pictures before a training starts, and how their result is told."""
import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from effsr.data.image_io import TAIL, ImageError, image_size, require_end

logger = logging.getLogger('basicsr')

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
    require_end(head, tail, path)
    return size


def refuse(problems: Collection[str], count: int, on_error: str) -> None:
    """Carry out a set's on_error for the problems of some of its `count` images.

    Raises:
        ImageError: One line for each, the first few of them: on_error is fail, or no image is left.
    """
    if on_error == 'fail' or len(problems) == count:
        raise_all(problems)
    if problems:
        logger.warning('%d of %d images cannot be used (on_error: skip):\n%s', len(problems), count,
                       '\n'.join(f'  {line}' for line in shortened(problems)))


def spread(sizes: Sequence[int], limit: int) -> set[int]:
    """Numbers of files of at most about `limit` bytes in all, spread evenly over a list; all where they fit."""
    step = max(1, -(-sum(sizes) // limit))
    return set(range(0, len(sizes), step))


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
