"""Where a dataset's images come from: the list of files, and decoded images kept in memory up to a limit."""
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from effsr.data.image_io import ImageError, list_images, read_rgb
from effsr.options import OptionError


def find_images(dataroot: str | None, meta_info: str | None, key: str = 'dataroot_gt') -> list[Path]:
    """List the images of a dataset.

    Args:
        dataroot: Folder of images, searched with its subfolders.
        meta_info: Text file with one image a line, relative to dataroot (what follows a blank is ignored, unless
            there is a file of the whole name), or None.
        key: The option that names the folder, for messages.

    Raises:
        OptionError: No folder given, or the list is missing or empty.
        ValueError: The folder is missing or holds no image.
    """
    if dataroot is None:
        raise OptionError(f'{key}: missing; give the folder of images')
    if meta_info is None:
        return list_images(dataroot)
    names = [_listed_name(line, Path(dataroot)) for line in read_list(meta_info)]
    return [Path(dataroot) / name for name in names]


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


def _listed_name(line: str, folder: Path) -> str:
    """BasicSR's lists go on with the size behind a blank; a name may hold blanks itself."""
    return line if ' ' not in line or (folder / line).is_file() else line.split(' ')[0].rstrip(',')


class ImageCache:
    """Decoded images, kept until they fill `limit_mb`; later ones are decoded at each use.

    Decoding a photograph takes longer than everything else a dataset does with it, and small datasets fit in memory.

    Args:
        limit_mb: Megabytes to fill.
        refused: Files that were found unusable, and why: they are not tried again.
    """

    def __init__(self, limit_mb: int, refused: Mapping[Path, str] | None = None):
        self._free = limit_mb * 2**20
        self._images: dict[Path, np.ndarray] = {}
        self._refused = dict(refused or {})

    def read(self, path: Path) -> np.ndarray:
        """(H, W, 3) uint8 RGB; not to be written to.

        Raises:
            ImageError: The file cannot be read, or was refused.
        """
        if path in self._refused:
            raise ImageError(self._refused[path])
        image = self._images.get(path)
        if image is None:
            image = read_rgb(path)
            if image.nbytes <= self._free:
                self._images[path] = image
                self._free -= image.nbytes
        return image
