"""Pictures as their files hold them: uint8 or uint16 (H, W, C); grey, grey and alpha, RGB, or RGB and alpha."""
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from effsr.curation.output import write_whole
from effsr.data.image_decode import ImageError, decode_file
from effsr.data.image_encode import encode_pixels
from effsr.data.imresize import imresize

LOSSLESS = ('png', 'webp', 'tif')
LUMA = (0.299, 0.587, 0.114)


def read_pixels(path: Path) -> np.ndarray:
    """Decode a file, upright.

    Raises:
        ImageError: It cannot be read; names it.
    """
    return decode_file(path)[0]


def write_pixels(folder: Path, files: Mapping[str, np.ndarray], source: Path) -> None:
    """Write pictures, each whole or not at all, without loss.

    Args:
        folder: Where.
        files: Path below it, its suffix one of LOSSLESS -> pixels.
        source: What they are made of, for messages.

    Raises:
        ImageError: The format cannot hold a picture; names the source.
        OutputError: The folder cannot be written.
    """
    for file, pixels in files.items():
        try:
            data = encode_pixels(folder / file, np.ascontiguousarray(pixels), lossless=True)
        except ImageError as error:
            raise ImageError(f'{source}: {error}') from error
        write_whole(folder / file, data)


def resize_pixels(pixels: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """Resize a picture; with alpha, colours count by their opacity, so that hidden ones do not bleed into the edges.

    Args:
        pixels: (H, W, C), the last of 2 or 4 channels alpha.
        size: (height, width) of the result.
        method: As for :func:`effsr.data.imresize.imresize`.

    Returns:
        (height, width, C) of the same dtype. Where the result is clear, its colour is black.
    """
    top = np.iinfo(pixels.dtype).max
    if pixels.shape[2] in (1, 3):
        return imresize(pixels, size=size, method=method)
    if pixels[..., -1].min() == top:
        opaque = np.full((*size, 1), top, pixels.dtype)
        return np.concatenate([imresize(pixels[..., :-1], size=size, method=method), opaque], axis=2)
    values = pixels.astype(np.float64) / top
    values[..., :-1] *= values[..., -1:]
    small = imresize(values, size=size, method=method)
    alpha = np.clip(small[..., -1:], 0, 1)
    # Half a step of alpha is rounded to none.
    color = np.divide(small[..., :-1], alpha, out=np.zeros_like(small[..., :-1]), where=alpha >= 0.5 / top)
    return np.floor(np.concatenate([color.clip(0, 1), alpha], axis=2) * top + 0.5).astype(pixels.dtype)


def luma(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C) -> float32 (H, W) in [0, 255]: Rec. 601 luma, 0.299 R + 0.587 G + 0.114 B, laid on white."""
    values = pixels.astype(np.float32) * np.float32(255 / np.iinfo(pixels.dtype).max)
    # Not a matrix product, whose sums depend on where a pixel lies.
    gray = values[..., 0] if values.shape[2] < 3 else sum(values[..., n] * part for n, part in enumerate(LUMA))
    if values.shape[2] in (2, 4):
        share = values[..., -1] / 255
        gray = gray * share + 255 * (1 - share)
    return gray
