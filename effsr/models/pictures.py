"""Pictures of a validation: their files, and the rows that TensorBoard shows."""
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from effsr.data.image_io import write_rgb

SHOWN_SIDE = 400  # pixels of a picture in TensorBoard; larger ones are cut to their middle


def free_name(stem: str, number: int, taken: set[str]) -> str:
    """The file's own name, or with _{number} where an earlier picture has it already; it is taken from then on."""
    name = stem if stem not in taken else f'{stem}_{number}'
    taken.add(name)
    return name


class PictureFiles:
    """The files of one validation.

    One process names them as it goes. Of several, none knows the names of the others' pictures: each is written under
    a name that begins with a dot, and renamed when all names are known.

    Args:
        folder: visualization/DATASET, or None to write nothing.
        suffix: Stands behind the name: the iteration in a training, else val: suffix.
        is_train: A training has a folder for each picture.
        alone: Whether this is the only process.
    """

    def __init__(self, folder: Path | None, suffix: str, is_train: bool, alone: bool):
        self.folder = folder
        self.suffix = suffix
        self.is_train = is_train
        self.alone = alone
        self.stems: dict[int, str] = {}
        self.taken: set[str] = set()
        self.written: dict[int, Path] = {}

    def name(self, number: int, stem: str) -> str:
        """Take in a picture's file name, and give the name that it has for now."""
        self.stems[number] = stem
        return free_name(stem, number, self.taken) if self.alone else f'.{stem}_{number}'

    def write(self, number: int, name: str, picture: np.ndarray) -> None:
        """Write a result, uint8 (H, W, 3) RGB."""
        if self.folder is not None:
            self.written[number] = path = self.path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_rgb(path, picture)

    def settle(self, stems: Iterable[Mapping[int, str]]) -> dict[int, str]:
        """Rename this process's files as the names of all processes' pictures say; gives these names by number."""
        together = sorted((number, stem) for part in stems for number, stem in part.items())
        taken: set[str] = set()
        names = {number: free_name(stem, number, taken) for number, stem in together}
        for number, path in self.written.items():
            final = self.path(names[number])
            if final != path:
                final.parent.mkdir(parents=True, exist_ok=True)
                path.replace(final)
                if self.is_train and not any(path.parent.iterdir()):
                    path.parent.rmdir()
        return names

    def path(self, name: str) -> Path:
        """Where a picture of this name lies."""
        folder = self.folder / name if self.is_train else self.folder
        return folder / f'{name}_{self.suffix}.png'


def side_by_side(lq: np.ndarray, *pictures: np.ndarray | None) -> np.ndarray:
    """lq enlarged without smoothing, and the pictures, in one row; large ones cut to their middle.

    Args:
        lq: uint8 (h, w, 3) RGB.
        pictures: uint8 (h*scale, w*scale, 3) RGB, or None to leave one out.
    """
    present = [picture for picture in pictures if picture is not None]
    height, width = present[0].shape[:2]
    factor = height // lq.shape[0]
    lq = lq.repeat(factor, axis=0).repeat(factor, axis=1)
    top, left = max(0, (height - SHOWN_SIDE) // 2), max(0, (width - SHOWN_SIDE) // 2)
    return np.concatenate([picture[top:top + SHOWN_SIDE, left:left + SHOWN_SIDE] for picture in (lq, *present)], axis=1)
