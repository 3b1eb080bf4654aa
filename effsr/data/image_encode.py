"""Encoding pictures and putting the files in place; the writing half of :mod:`effsr.data.image_io`."""
import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from effsr.data.image_decode import ImageError
from effsr.data.image_meta import Encoding, Meta
from effsr.data.image_png import PngRows
from effsr.data.image_tiff import TiffRows


class _Format(NamedTuple):
    name: str
    alpha: bool = False
    deep: bool = False


FORMATS = {
    '.png': _Format('PNG', alpha=True, deep=True),
    '.tif': _Format('TIFF', alpha=True, deep=True),
    '.tiff': _Format('TIFF', alpha=True, deep=True),
    '.webp': _Format('WEBP', alpha=True),
    '.jpg': _Format('JPEG'),
    '.jpeg': _Format('JPEG'),
    '.jfif': _Format('JPEG'),
    '.bmp': _Format('BMP'),
    '.ppm': _Format('PPM', deep=True),
    '.pgm': _Format('PPM', deep=True),
}


def encode_picture(path: Path, picture, quality: int) -> bytes:
    """A picture (see image_io.Picture) as the bytes of a file of the path's suffix.

    Raises:
        ImageError: Unknown suffix, or the format cannot hold this picture.
    """
    file_format = format_of(path)
    color, alpha = picture.color, picture.alpha
    if alpha is not None and not file_format.alpha:
        color, alpha = color * alpha[..., None] + (1 - alpha[..., None]), None
    layers = [color[..., :1] if picture.gray else color]
    if alpha is not None:
        layers.append(alpha[..., None])
    bits = picture.bits if file_format.deep else 8
    return encode_pixels(path, _quantise(np.concatenate(layers, axis=2), bits), quality)


def encode_pixels(path: Path, pixels: np.ndarray, quality: int = 95, lossless: bool = False,
                  meta: Meta | None = None) -> bytes:
    """Pixels as :func:`effsr.data.image_decode.decode_file` returns them, as the bytes of a file of the path's suffix.

    Args:
        path: Its suffix says the format; messages name it.
        pixels: uint8 or uint16 (H, W, C): grey, grey and alpha, RGB, or RGB and alpha.
        quality: Of JPEG and lossy WebP, 1 to 100.
        lossless: Of WebP: every pixel as it is, clear ones included.
        meta: ICC profile and EXIF, of WebP alone; files of the others that have any are written by
            :func:`effsr.data.image_rows.open_sink`.

    Raises:
        ImageError: Unknown suffix, or the format cannot hold these pixels, without loss where that is asked for.
    """
    file_format = format_of(path)
    has_alpha, deep = pixels.shape[2] in (2, 4), pixels.dtype == np.uint16
    lost = [what for what, is_lost in (('transparency', has_alpha and not file_format.alpha),
                                       ('16 bits', deep and not file_format.deep),
                                       ('every pixel as it is', lossless and file_format.name == 'JPEG')) if is_lost]
    if lost:
        raise ImageError(f'{path}: {file_format.name} cannot hold {" and ".join(lost)}; PNG can')
    try:
        if deep:
            return _encode_16(pixels, file_format.name)
        return _encode_8(pixels, file_format.name, quality, lossless, meta or Meta())
    # For sizes that a format cannot hold.
    except (OSError, ValueError, struct.error) as error:
        height, width = pixels.shape[:2]
        raise ImageError(f'{path}: {width}x{height} pixels cannot be written as {file_format.name} ({error}); '
                         'PNG holds any size') from error


def format_of(path: Path) -> _Format:
    """What the format of a path's suffix can hold.

    Raises:
        ImageError: Unknown suffix.
    """
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise ImageError(f'{path}: cannot write files of this suffix; accepted: {", ".join(FORMATS)}')
    return file_format


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all; errors are those of :func:`whole_file`."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a hidden file beside ``path`` for writing, which takes its place when all went well and is removed if not.

    Raises:
        ImageError: The file cannot be written; an existing one is left as it was.
    """
    with whole_path(path) as temporary, open(temporary, 'wb') as file:
        yield file


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """The same for libraries that open files by themselves: the path of the hidden file."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            if temporary.parent.is_dir():
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(f'{path}: cannot be written ({error.strerror or error}); '
                         'check that the folder exists, may be written to, and has room') from error


def _quantise(values: np.ndarray, bits: int) -> np.ndarray:
    top = 2**bits - 1
    return np.rint(np.clip(values, 0, 1) * top).astype(np.uint16 if bits == 16 else np.uint8)


def _encode_8(pixels: np.ndarray, name: str, quality: int, lossless: bool, meta: Meta) -> bytes:
    options = {
        'JPEG': {'quality': quality, 'subsampling': 0},
        # `exact` keeps the colour of clear pixels.
        'WEBP': {'lossless': True, 'exact': True} if lossless else {'quality': quality},
        # Level 3 writes twice as fast as the default 6 for files about a tenth larger.
        'PNG': {'compress_level': 3},
    }.get(name, {})
    if name == 'WEBP':
        options |= {'icc_profile': meta.icc} if meta.icc else {}
        options |= {'exif': b'Exif\0\0' + meta.exif} if meta.exif else {}
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, name, **options)
    return buffer.getvalue()


def _encode_16(pixels: np.ndarray, name: str) -> bytes:
    """Pillow writes no 16-bit colour."""
    buffer = io.BytesIO()
    if name == 'PPM':
        maker = PpmRows(buffer, pixels.shape, 16)
    else:
        maker = (PngRows if name == 'PNG' else TiffRows)(buffer, pixels.shape, 16, Encoding(), Meta())
    maker.write(pixels)
    maker.finish()
    return buffer.getvalue()


class PpmRows:
    """PGM or PPM, binary (Netpbm)."""

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int], bits: int):
        height, width, channels = shape
        self._file = file
        file.write(b'P%d\n%d %d\n%d\n' % (6 if channels == 3 else 5, width, height, 2**bits - 1))

    def write(self, rows: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(rows, '>u2' if rows.dtype == np.uint16 else np.uint8))

    def finish(self) -> None:
        pass
