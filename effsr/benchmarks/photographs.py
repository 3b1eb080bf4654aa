"""The photographs that a benchmark trains on: one folder and one list, the same for all who are compared."""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from effsr.data.image_io import image_size, list_images
from effsr.data.sample import write_sample_photographs


class Photographs(NamedTuple):
    """Folder, files in it, a text file that lists them, and how many were too small."""

    folder: str
    paths: tuple[str, ...]
    listing: str
    left_out: int


def collect(folder: Path | None, crop: int, work: Path) -> Photographs:
    """List the photographs of at least the size of a crop.

    Args:
        folder: Of photographs, searched with its subfolders; None takes scikit-image's.
        crop: Side of a crop in pixels.
        work: Folder to write into.

    Raises:
        ValueError: No folder, no image in it, one that is no image, or none that is large enough.
    """
    if folder is None:
        write_sample_photographs(work / 'sample')
        folder = work / 'sample' / 'train'
    found = list_images(folder)
    large = _at_least(found, crop)
    if not large:
        raise ValueError(f'{folder}: none of {len(found)} images is {crop} x {crop} or larger; lower --crop, or give '
                         'larger ones')
    listing = work / 'photographs.txt'
    listing.write_text(''.join(f'{path.relative_to(folder).as_posix()}\n' for path in large), encoding='utf-8')
    return Photographs(str(folder), tuple(map(str, large)), str(listing), len(found) - len(large))


def _at_least(paths: Sequence[Path], side: int) -> list[Path]:
    return [path for path in paths if min(image_size(path)) >= side]
