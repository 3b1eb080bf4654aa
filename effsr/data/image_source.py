"""Where a dataset's images come from: the list of files, and decoded images kept in memory up to a limit."""
from pathlib import Path

import numpy as np

from effsr.data.image_io import list_images, read_rgb
from effsr.options import OptionError


def find_images(dataroot: str | None, meta_info: str | None, key: str = 'dataroot_gt') -> list[Path]:
    """List the images of a dataset.

    Args:
        dataroot: Folder of images, searched with its subfolders.
        meta_info: Text file with one image a line, relative to dataroot (what follows a blank is ignored), or None.
        key: The option that names the folder, for messages.

    Raises:
        OptionError: No folder given, or the list is missing or empty.
        ValueError: The folder is missing or holds no image.
    """
    if dataroot is None:
        raise OptionError(f'{key}: missing; give the folder of images')
    if meta_info is None:
        return list_images(dataroot)
    try:
        lines = Path(meta_info).read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise OptionError(f'{meta_info}: meta_info cannot be read: {error.strerror}; give a text file with one image a '
                          f'line, or leave meta_info out to take the whole folder') from error
    names = [line.split(' ')[0].rstrip(',') for line in lines if line.strip()]
    if not names:
        raise OptionError(f'{meta_info}: meta_info lists no image')
    return [Path(dataroot) / name for name in names]


class ImageCache:
    """Decoded images, kept until they fill `limit_mb`; later ones are decoded at each use.

    Decoding a photograph takes longer than everything else a dataset does with it, and small datasets fit in memory.
    """

    def __init__(self, limit_mb: int):
        self._free = limit_mb * 2**20
        self._images: dict[Path, np.ndarray] = {}

    def read(self, path: Path) -> np.ndarray:
        """(H, W, 3) uint8 RGB; not to be written to."""
        image = self._images.get(path)
        if image is None:
            image = read_rgb(path)
            if image.nbytes <= self._free:
                self._images[path] = image
                self._free -= image.nbytes
        return image
