"""Checks of many image files before a training starts: headers and ends only, nothing is decoded."""
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from effsr.data.image_io import ImageError, image_size

# The marker that ends a whole file of each format; some writers let padding follow it.
END_MARKERS = {b'\x89PNG': b'IEND', b'\xff\xd8\xff': b'\xff\xd9'}
TAIL = 65536
SHOWN = 5


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


def check_images(paths: Sequence[Path], smallest: int, what: str) -> list[tuple[int, int]]:
    """Check all files and that none is smaller than the crop.

    Args:
        paths: The files.
        smallest: Least height and width in pixels.
        what: The option that asks for that size, for the message.

    Returns:
        Height and width of each.

    Raises:
        ImageError: One line for each bad file, the first few of them.
    """
    def check(path: Path) -> tuple[int, int] | str:
        try:
            height, width = check_image(path)
        except ImageError as error:
            return str(error)
        if min(height, width) < smallest:
            return (f'{path}: {width}x{height} is smaller than the {smallest}x{smallest} that {what} needs; take it '
                    f'out or lower {what}')
        return height, width

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(check, paths))
    raise_all(result for result in results if isinstance(result, str))
    return results


def raise_all(problems: Iterable[str]) -> None:
    """Raise one ImageError that lists the first few problems and counts the rest; nothing if there are none."""
    problems = list(problems)
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f'... and {len(problems) - SHOWN} more files like these']
    if problems:
        raise ImageError('\n'.join(problems))
