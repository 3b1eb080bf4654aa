"""Opening image files: the errors that say what is wrong with one, and what its header tells."""
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

READABLE = 'PNG, JPEG, WebP, BMP, TIFF, PPM'
PILLOW_FORMATS = ('PNG', 'JPEG', 'WEBP', 'BMP', 'TIFF', 'PPM')
ORIENTATION_TAG = 0x0112
# warnings.catch_warnings is not thread-safe before Python 3.14.
_HEADER_LOCK = threading.Lock()
MAX_PIXELS = 2**28  # of a picture, by its header: more than the largest cameras give, and a few GB when decoded


class ImageError(ValueError):
    """An image file cannot be read or written; the message is one line that names it."""


def unreadable(path: Path, error: OSError) -> ImageError:
    """The error to raise for a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return ImageError(f'{path}: no such file; check the path')
    if path.is_dir():
        return ImageError(f'{path}: is a folder; accepted: an image file ({READABLE})')
    return ImageError(f'{path}: cannot be read ({error.strerror or error}); check the file and its permissions')


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        ImageError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def open_header(file, path: Path, max_pixels: int = MAX_PIXELS,
                formats: tuple[str, ...] = PILLOW_FORMATS) -> tuple[Image.Image, int]:
    """Parse the header; return Pillow's unloaded image and the EXIF orientation, 1 to 8."""
    if not file.read(1):
        raise ImageError(f'{path}: the file is empty (0 bytes); replace or remove it')
    file.seek(0)
    with _HEADER_LOCK, warnings.catch_warnings(), _own_limit():
        # Pillow warns about odd metadata; the pictures are read.
        warnings.simplefilter('ignore')
        try:
            image = Image.open(file, formats=formats)
        # Decoders raise nearly anything on damaged or hostile bytes.
        except Exception as error:
            raise ImageError(f'{path}: not an image that can be read; accepted: {READABLE}') from error
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(f'{path}: declares {width}x{height} pixels, refused as a decompression bomb; accepted: up '
                             f'to {max_pixels} pixels; raise max_pixels to read it')
        return image, _orientation(image)


@contextmanager
def _own_limit() -> Iterator[None]:
    """Pillow's limit is one for the whole process; the one here is the caller's."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


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
