"""A folder of image files."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from effsr.data.image_check import check_image
from effsr.data.image_header import unreadable
from effsr.data.image_io import list_images, read_rgb
from effsr.data.storages.storage import Storage


class FolderStorage(Storage):
    """Image files of a folder and its subfolders.

    Args:
        root: The folder.
        names: The files to take; None takes all image files.
        alpha: What to do with transparency; see :func:`effsr.data.image_io.read_rgb`.

    Raises:
        ValueError: The folder is missing, is not finished, or holds no image. A missing file of `names` is told by
            :meth:`size` and :meth:`read`.
    """

    kind = 'disk'

    def __init__(self, root: Path, names: Sequence[str] | None = None, alpha: str = 'white'):
        if names is None:
            names = [path.relative_to(root).as_posix() for path in list_images(root)]
        super().__init__(root, names)
        self.alpha = alpha

    def read(self, index: int) -> np.ndarray:
        return read_rgb(self.path(index), self.alpha)

    def size(self, index: int) -> tuple[int, int]:
        return check_image(self.path(index))

    def bytes_of(self, index: int) -> int:
        path = self.path(index)
        return path.stat().st_size if path.is_file() else 0

    def data(self, index: int) -> bytes:
        try:
            return self.path(index).read_bytes()
        except OSError as error:
            raise unreadable(self.path(index), error) from error

    def path(self, index: int) -> Path:
        """The file of a picture."""
        return self.root / self.names[index]
