"""Encoding pictures and putting the files in place; the writing half of :mod:`effsr.data.image_io`."""
import io
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from effsr.data.image_decode import ImageError


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
    '.ppm': _Format('PPM'),
    '.pgm': _Format('PPM'),
}
PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def encode_picture(path: Path, picture, quality: int) -> bytes:
    """A picture (see image_io.Picture) as the bytes of a file of the path's suffix.

    Raises:
        ImageError: Unknown suffix, or the format cannot hold this picture.
    """
    file_format = _format_of(path)
    color, alpha = picture.color, picture.alpha
    if alpha is not None and not file_format.alpha:
        color, alpha = color * alpha[..., None] + (1 - alpha[..., None]), None
    layers = [color[..., :1] if picture.gray else color]
    if alpha is not None:
        layers.append(alpha[..., None])
    bits = picture.bits if file_format.deep else 8
    return encode_pixels(path, _quantise(np.concatenate(layers, axis=2), bits), quality)


def encode_pixels(path: Path, pixels: np.ndarray, quality: int = 95, lossless: bool = False) -> bytes:
    """Pixels as :func:`effsr.data.image_decode.decode_file` returns them, as the bytes of a file of the path's suffix.

    Args:
        path: Its suffix says the format; messages name it.
        pixels: uint8 or uint16 (H, W, C): grey, grey and alpha, RGB, or RGB and alpha.
        quality: Of JPEG and lossy WebP, 1 to 100.
        lossless: Of WebP: every pixel as it is, clear ones included.

    Raises:
        ImageError: Unknown suffix, or the format cannot hold these pixels, without loss where that is asked for.
    """
    file_format = _format_of(path)
    has_alpha, deep = pixels.shape[2] in (2, 4), pixels.dtype == np.uint16
    lost = [what for what, is_lost in (('transparency', has_alpha and not file_format.alpha),
                                       ('16 bits', deep and not file_format.deep),
                                       ('every pixel as it is', lossless and file_format.name == 'JPEG')) if is_lost]
    if lost:
        raise ImageError(f'{path}: {file_format.name} cannot hold {" and ".join(lost)}; PNG can')
    try:
        return _encode_16(pixels, file_format.name) if deep else _encode_8(pixels, file_format.name, quality, lossless)
    # OSError and ValueError for sizes that a format cannot hold, cv2.error for OpenCV's.
    except (OSError, ValueError, struct.error, cv2.error) as error:
        height, width = pixels.shape[:2]
        raise ImageError(f'{path}: {width}x{height} pixels cannot be written as {file_format.name} ({error}); '
                         'PNG holds any size') from error


def _format_of(path: Path) -> _Format:
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise ImageError(f'{path}: cannot write files of this suffix; accepted: {", ".join(FORMATS)}')
    return file_format


def write_bytes(path: Path, data: bytes) -> None:
    """Write to a hidden file beside ``path``, then rename: the file appears whole or not at all.

    Raises:
        ImageError: The file cannot be written; an existing one is left as it was.
    """
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(f'{path}: cannot be written ({error.strerror or error}); '
                         'check that the folder exists, may be written to, and has room') from error


def _quantise(values: np.ndarray, bits: int) -> np.ndarray:
    top = 2**bits - 1
    return np.rint(np.clip(values, 0, 1) * top).astype(np.uint16 if bits == 16 else np.uint8)


def _encode_8(pixels: np.ndarray, name: str, quality: int, lossless: bool) -> bytes:
    options = {
        'JPEG': {'quality': quality, 'subsampling': 0},
        # `exact` keeps the colour of clear pixels.
        'WEBP': {'lossless': True, 'exact': True} if lossless else {'quality': quality},
        # Level 3 writes twice as fast as the default 6 for files about a tenth larger.
        'PNG': {'compress_level': 3},
    }.get(name, {})
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, name, **options)
    return buffer.getvalue()


def _encode_16(pixels: np.ndarray, name: str) -> bytes:
    channels = pixels.shape[2]
    if channels == 2 and name == 'PNG':
        return _gray_alpha_png(pixels)
    # OpenCV knows no grey with alpha: it becomes colour with three equal channels.
    order = {1: [0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    done, encoded = cv2.imencode('.png' if name == 'PNG' else '.tiff', pixels[..., order])
    if not done:
        raise ValueError('OpenCV refused it')
    return encoded.tobytes()


def _gray_alpha_png(pixels: np.ndarray) -> bytes:
    """uint16 (H, W, 2) as a PNG of colour type 4, which neither Pillow nor OpenCV writes at 16 bits."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels, '>u2').view(np.uint8).reshape(height, -1)
    # Filter 2: each byte less the one above, wrapping round.
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)
    filtered[:, 1:] = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    header = struct.pack('>IIBBBBB', width, height, 16, 4, 0, 0, 0)
    body = [(b'IHDR', header), (b'IDAT', zlib.compress(filtered.tobytes(), 3)), (b'IEND', b'')]
    chunks = [struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
              for kind, data in body]
    return PNG_SIGNATURE + b''.join(chunks)
