"""The pictures of the data benchmark: made of photographs, and put into every storage by prepare.py's writers."""
import argparse
import contextlib
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from effsr.benchmarks.photographs import Photographs
from effsr.curation import pack, shards, to_lmdb
from effsr.data.image_io import read_rgb, write_rgb

HEIGHT, WIDTH = 1356, 2040  # of a picture of DIV2K
CELLS = 4, 6  # photographs down and across a mosaic
CELL = HEIGHT // CELLS[0], WIDTH // CELLS[1]
SIDE = 400  # of a sub-image, and of a crop: BasicSR's dataset knows no other
BASICSR_LMDB = "BasicSR's LMDB"
WRITERS = {'lmdb': to_lmdb, 'packed': pack, 'shards': shards}


class PictureSet(NamedTuple):
    """The same pictures in every storage.

    Attributes:
        title: What they are.
        files: The PNG files.
        listing: A text file with their names.
        places: Kind of storage -> what to open; BASICSR_LMDB: a copy for BasicSR, as a process opens an LMDB but once.
    """

    title: str
    files: tuple[Path, ...]
    listing: Path
    places: dict[str, Path]

    def megabytes(self, kind: str) -> float:
        """What a storage takes on the disk."""
        root = self.places[kind]
        return sum(path.stat().st_size for path in root.rglob('*') if path.is_file()) / 2**20


def make_sets(photographs: Photographs, count: int, work: Path, seed: int) -> list[PictureSet]:
    """So many mosaics of the photographs, and the sub-images they can be cut into, as PNG and in every storage.

    Args:
        photographs: Each as large as a cell.
        count: Mosaics.
        work: Folder to write into.
        seed: Of which part of a photograph stands where.
    """
    whole, parts = work / 'whole', work / 'parts'
    for folder in (whole, parts):
        folder.mkdir()
    for number in range(count):
        picture = mosaic(photographs.paths, number, seed)
        write_rgb(whole / f'{number:03}.png', picture)
        for place, part in enumerate(cut(picture)):
            write_rgb(parts / f'{number:03}_s{place:02}.png', part)
    return [in_every_storage(f'{count} PNG of {WIDTH}x{HEIGHT}', whole),
            in_every_storage(f'{len(list(parts.iterdir()))} PNG of {SIDE}x{SIDE}', parts)]


def mosaic(paths: Sequence[str], number: int, seed: int) -> np.ndarray:
    """A picture of HEIGHT x WIDTH, uint8 RGB, of parts of photographs: the next ones for each number."""
    rng = np.random.default_rng([seed, number])
    down, across = CELLS
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for place in range(down * across):
        image = read_rgb(paths[(number * down * across + place) % len(paths)])
        top, left = (int(rng.integers(length - cell + 1)) for length, cell in zip(image.shape, CELL, strict=False))
        row, column = place // across * CELL[0], place % across * CELL[1]
        picture[row:row + CELL[0], column:column + CELL[1]] = image[top:top + CELL[0], left:left + CELL[1]]
    return picture


def cut(picture: np.ndarray) -> list[np.ndarray]:
    """Squares of SIDE, row by row, as many as fit without overlap."""
    height, width = picture.shape[:2]
    return [picture[top:top + SIDE, left:left + SIDE] for top in range(0, height - SIDE + 1, SIDE)
            for left in range(0, width - SIDE + 1, SIDE)]


def in_every_storage(title: str, folder: Path) -> PictureSet:
    """Write an LMDB, a packed set and shards of a folder of pictures, beside it.

    Raises:
        ValueError: A writer failed.
    """
    files = tuple(sorted(folder.iterdir()))
    listing = folder.with_suffix('.txt')
    listing.write_text(''.join(f'{path.name}\n' for path in files), encoding='utf-8')
    places = {'disk': folder}
    for kind, writer in WRITERS.items():
        places[kind] = folder.with_name(f'{folder.name}_{kind}' + ('.lmdb' if kind == 'lmdb' else ''))
        parser = argparse.ArgumentParser()
        writer.add_arguments(parser)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = writer.run(parser.parse_args(['-i', str(folder), '-o', str(places[kind]), '--jobs', '1']))
        if status:
            raise ValueError(f'prepare.py could not write {places[kind]}: {said.getvalue().strip()}')
    places[BASICSR_LMDB] = folder.with_name(f'{folder.name}_basicsr.lmdb')
    shutil.copytree(places['lmdb'], places[BASICSR_LMDB])
    return PictureSet(title, files, listing, places)
