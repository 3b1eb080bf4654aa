"""Decoding image files; the reading half of :mod:`effsr.data.image_io`."""
import io
import struct
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

READABLE = 'PNG, JPEG, WebP, BMP, TIFF, PPM'
# What a transparent picture is laid on, as a share of the largest value; the other two rules have no ground.
GROUNDS = {'white': 1.0, 'black': 0.0, 'gray': 0.5}
ALPHA_RULES = (*GROUNDS, 'drop', 'refuse')
PILLOW_FORMATS = ('PNG', 'JPEG', 'WEBP', 'BMP', 'TIFF', 'PPM')
ORIENTATION_TAG = 0x0112
BITS_PER_SAMPLE_TAG = 258
PNG_BIT_DEPTH_OFFSET = 24
# Pillow's modes to the 8-bit ones kept here. Absent modes (32-bit integers, floats, LAB, HSV) are refused.
TARGET_MODES = {'1': 'L', 'L': 'L', 'LA': 'LA', 'La': 'LA', 'P': 'RGB', 'PA': 'RGBA', 'RGB': 'RGB', 'RGBX': 'RGB',
                'RGBA': 'RGBA', 'RGBa': 'RGBA', 'CMYK': 'RGB', 'YCbCr': 'RGB'}
# warnings.catch_warnings is not thread-safe before Python 3.14.
_HEADER_LOCK = threading.Lock()


class ImageError(ValueError):
    """An image file cannot be read or written; the message is one line that names it."""


def unreadable(path: Path, error: OSError) -> ImageError:
    """The error to raise for a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return ImageError(f'{path}: no such file; check the path')
    if path.is_dir():
        return ImageError(f'{path}: is a folder; accepted: an image file ({READABLE})')
    return ImageError(f'{path}: cannot be read ({error.strerror or error}); check the file and its permissions')


def open_header(file, path: Path) -> tuple[Image.Image, int]:
    """Parse the header; return Pillow's unloaded image and the EXIF orientation, 1 to 8."""
    if not file.read(1):
        raise ImageError(f'{path}: the file is empty (0 bytes); replace or remove it')
    file.seek(0)
    with _HEADER_LOCK, warnings.catch_warnings():
        # Pillow warns about odd metadata and about pictures over 89 megapixels; both are read.
        warnings.simplefilter('ignore')
        try:
            image = Image.open(file, formats=PILLOW_FORMATS)
        except Image.DecompressionBombError as error:
            raise ImageError(f'{path}: declares more than {2 * Image.MAX_IMAGE_PIXELS // 10**6} megapixels, refused as '
                             'a decompression bomb; cut or shrink it first') from error
        # Decoders raise nearly anything on damaged or hostile bytes.
        except Exception as error:
            raise ImageError(f'{path}: not an image that can be read; accepted: {READABLE}') from error
        return image, _orientation(image)


def _orientation(image: Image.Image) -> int:
    """What is left to be undone, 1 for nothing."""
    if image.format == 'TIFF':
        # Pillow and OpenCV turn TIFFs by themselves, the size in Pillow's header included.
        return 1
    try:
        # Pillow's own override for PNG would decode the whole picture to look for EXIF data behind it.
        orientation = Image.Image.getexif(image).get(ORIENTATION_TAG, 1)
    except (ValueError, TypeError, SyntaxError, OSError, LookupError, struct.error):
        return 1
    return orientation if orientation in range(1, 9) else 1


def decode_file(path: Path) -> tuple[np.ndarray, str]:
    """Decode a whole file; see :func:`decode_bytes`.

    Raises:
        ImageError: As there, or the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    return decode_bytes(data, path)


def decode_bytes(data: bytes, path: Path) -> tuple[np.ndarray, str]:
    """Decode the content of a file.

    Args:
        data: The whole content.
        path: What to call it in messages.

    Returns:
        uint8 or uint16 (H, W, C), upright, C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; and the format's name.

    Raises:
        ImageError: The content is empty, damaged, or of a kind that is not read here.
    """
    image, orientation = open_header(io.BytesIO(data), path)
    if image.format in ('PNG', 'WEBP') and getattr(image, 'is_animated', False):
        raise ImageError(f'{path}: is animated ({image.n_frames} frames); accepted: still pictures')
    try:
        if image.format == 'PNG' and data.rfind(b'IEND') < 0:
            raise OSError('image file is truncated')
        deep = _is_16_bit(image, data)
        image.load()
        pixels = _pixels_16(data, image) if deep else _pixels_8(image)
    except Exception as error:
        raise ImageError(f'{path}: damaged or unsupported {image.format} file ({error}); accepted: whole files of '
                         f'{READABLE}, 8 or 16 bits a channel') from error
    return _upright(pixels, orientation), image.format


def _is_16_bit(image: Image.Image, data: bytes) -> bool:
    if image.format == 'PNG':
        return data[PNG_BIT_DEPTH_OFFSET] == 16
    if image.format == 'TIFF':
        return max(image.tag_v2.get(BITS_PER_SAMPLE_TAG, (1,))) == 16
    if image.format == 'PPM':
        arguments = image.tile[0].args
        maximum = arguments[-1] if isinstance(arguments, tuple) else 65535 if image.mode == 'I' else 255
        if isinstance(maximum, int) and maximum not in (255, 65535):
            raise ValueError(f'largest value {maximum}, not 255 or 65535')
        return maximum == 65535
    return False


def _pixels_8(image: Image.Image) -> np.ndarray:
    if image.mode not in TARGET_MODES:
        raise ValueError(f'pixels of kind {image.mode}')
    target = TARGET_MODES[image.mode]
    if 'transparency' in image.info and not target.endswith('A'):
        target += 'A'
    pixels = np.array(image if image.mode == target else image.convert(target))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _pixels_16(data: bytes, image: Image.Image) -> np.ndarray:
    """Pillow has no 16-bit colour, so OpenCV decodes; Pillow has shown before that the file is whole."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('16-bit pixels that OpenCV cannot decode')
    if pixels.ndim == 2:
        key = image.info.get('transparency')
        layers = [pixels] if key is None else [pixels, np.where(pixels == key, 0, 65535).astype(np.uint16)]
        return np.stack(layers, axis=2)
    if image.format == 'PNG' and data[PNG_BIT_DEPTH_OFFSET + 1] == 4:
        # OpenCV widens grey with alpha to BGRA.
        return pixels[..., [0, 3]]
    return pixels[..., [2, 1, 0, 3][:pixels.shape[2]]]


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation: 5 to 8 are transposed, the flips follow."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def without_alpha(pixels: np.ndarray, rule: str, path: Path) -> np.ndarray:
    """(H, W, C) with alpha last -> (H, W, C - 1).

    white, black and gray lay the picture on that ground in exact integer arithmetic, rounded half up: ``color * alpha +
    ground * (1 - alpha)``. drop takes the colours as they stand, under clear pixels too. refuse accepts a picture whose
    every pixel is opaque.

    Raises:
        ImageError: The rule is refuse, and a pixel is not opaque.
    """
    top = np.iinfo(pixels.dtype).max
    if rule == 'refuse' and pixels[..., -1].min() < top:
        raise ImageError(f'{path}: has transparent pixels, and alpha is refuse; accepted: opaque pictures, or alpha: '
                         f'{", ".join(ALPHA_RULES[:-1])}')
    if rule in ('drop', 'refuse'):
        return np.ascontiguousarray(pixels[..., :-1])
    ground = int(top * GROUNDS[rule] + 0.5)
    alpha = pixels[..., -1:].astype(np.uint64)
    total = pixels[..., :-1].astype(np.uint64) * alpha + ground * (top - alpha)
    return ((total + top // 2) // top).astype(pixels.dtype)
