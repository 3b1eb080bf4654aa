"""What is kept of a picture to find it, or a part of it, again among others: about 100 KB."""
import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from effsr.curation.features import Features, find_features, keys
from effsr.curation.hashing import perceptual_hash, thumbnail
from effsr.data.image_io import read_rgb, rgb_from_bytes


class Sketch(NamedTuple):
    """Of one picture.

    Attributes:
        path: Its file.
        size: Height and width in pixels.
        bytes: Of the file.
        digest: SHA-256 of the file.
        small: (64, 64) uint8, see :func:`.hashing.thumbnail`.
        hash: (255,) int8, see :func:`.hashing.perceptual_hash`.
        features: None where parts are not looked for.
        keys: (N, TABLES) int32 of the features, and those of the mirrored picture; see :func:`.features.keys`.
    """

    path: Path
    size: tuple[int, int]
    bytes: int
    digest: bytes
    small: np.ndarray
    hash: np.ndarray
    features: Features | None
    keys: tuple[np.ndarray, np.ndarray] | None


def make_sketch(path: Path, with_parts: bool) -> Sketch:
    """Read and describe one picture.

    Raises:
        ImageError: It cannot be read.
        OSError: As above.
    """
    data = path.read_bytes()
    rgb = rgb_from_bytes(data, path)
    small = thumbnail(rgb)
    features, found = None, None
    if with_parts:
        features = find_features(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        turned = features.mirrored(rgb.shape[1])
        found = keys(features.descriptors), keys(turned.descriptors)
    digest = hashlib.sha256(data).digest()
    return Sketch(path, rgb.shape[:2], len(data), digest, small, perceptual_hash(small), features, found)


def read_gray(path: Path) -> np.ndarray:
    """(H, W) uint8 luma.

    Raises:
        ImageError: It cannot be read.
    """
    return cv2.cvtColor(read_rgb(path), cv2.COLOR_RGB2GRAY)
