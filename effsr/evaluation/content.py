"""Results known by their content: digests of files and of whatever a result depends on."""
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from effsr import __version__
from effsr.data.image_io import Picture, read_picture, read_rgb, write_picture

CHUNK = 2**20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def key_of(*parts: Any) -> str:
    """A digest of plain values and of the versions that compute with them."""
    text = json.dumps([__version__, torch.__version__, np.__version__, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def made_file(target: Path, key: str, known: Mapping[str, str], make: Callable[[], Picture]) -> str:
    """See to it that a file holds a picture; make it only where the one known by this key is not there.

    Args:
        target: A PNG; it is written whole or not at all.
        key: Of all that the picture depends on, of :func:`key_of`.
        known: Key -> SHA-256 of the files made earlier.
        make: Makes it.

    Returns:
        SHA-256 of the file.

    Raises:
        ImageError: It cannot be written; and whatever ``make`` raises.
    """
    if key in known and target.is_file() and sha256_of(target) == known[key]:
        return known[key]
    picture = make()
    target.parent.mkdir(parents=True, exist_ok=True)
    write_picture(target, picture)
    return sha256_of(target)


def integers(picture: Picture) -> np.ndarray:
    """The colours as the file holds them: (H, W, 3), uint8 or uint16."""
    kind = np.uint16 if picture.bits == 16 else np.uint8
    return np.rint(picture.color * np.float32(np.iinfo(kind).max)).astype(kind)


def as_picture(pixels: np.ndarray, bits: int = 8) -> Picture:
    """uint8 or uint16 (H, W, 3) as a picture of 8 or 16 bits."""
    return Picture((pixels.astype(np.float64) / np.iinfo(pixels.dtype).max).astype(np.float32), bits=bits)


def values_of(path: Path) -> np.ndarray:
    """A picture for a metric: (H, W, 3) uint8, or of a file of 16 bits float64 in [0, 255], nothing rounded."""
    picture = read_picture(path)
    return read_rgb(path) if picture.bits == 8 else integers(picture).astype(np.float64) / 257.0
