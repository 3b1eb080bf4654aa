"""Writing a picture row by row: one that is larger than memory can be written as its rows are made.

PNG, TIFF, JPEG and PPM go to the disk as rows come. WebP and BMP are gathered and encoded at the end. Every file
appears whole or not at all.
"""
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from effsr.data.image_decode import ImageError
from effsr.data.image_encode import PpmRows, encode_pixels, format_of, whole_file
from effsr.data.image_jpeg import JpegRows
from effsr.data.image_meta import Encoding, Meta, fitting
from effsr.data.image_png import PngRows
from effsr.data.image_tiff import TiffRows

# The longest side that a format has room for.
LONGEST = {'PNG': 2**31 - 1, 'TIFF': 2**31 - 1, 'JPEG': 65_500, 'WEBP': 16_383, 'BMP': 2**31 - 1, 'PPM': 2**31 - 1}
BMP_BYTES = 2**32 - 2**10  # the file's length is a 32-bit number


class RowWriter(Protocol):
    """What a format does: rows in their order, then the end of the file."""

    def write(self, rows: np.ndarray) -> None:
        """uint8 or uint16 (n, W, C)."""

    def finish(self) -> None:
        """What comes after the last row."""


class FileSink:
    """A picture file that takes rows from top to bottom; a context manager.

    Leaving it without an error puts the file in place; by an error, nothing is left and an existing file stays.

    Args:
        path: Its suffix says the format; the folder must exist.
        shape: Height, width, channels.
        bits: 8 or 16.
        encoding: See :class:`effsr.data.image_meta.Encoding`.
        meta: ICC profile and EXIF; what a format has no room for is left out.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], bits: int, encoding: Encoding, meta: Meta):
        self.path, self.shape, self.bits = path, shape, bits
        self._encoding, self._meta = encoding, meta
        self._writer: RowWriter | None = None
        self._exits = ExitStack()
        self.rows = 0

    def __enter__(self) -> 'FileSink':
        file = self._exits.enter_context(whole_file(self.path))
        try:
            self._writer = _writer(self.path, file, self.shape, self.bits, self._encoding, self._meta)
        except BaseException as error:
            self._exits.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, rows: np.ndarray) -> None:
        """The next rows.

        Args:
            rows: uint8 for 8 bits, uint16 for 16, (n, width, channels).

        Raises:
            ValueError: Rows of another kind, or more than the picture has.
            OSError: The disk is full; becomes an ImageError when the sink is left.
        """
        dtype = np.uint16 if self.bits == 16 else np.uint8
        if rows.dtype != dtype or rows.ndim != 3 or rows.shape[1:] != self.shape[1:]:
            raise ValueError(f'{self.path}: rows of {rows.dtype} {rows.shape}; expected {np.dtype(dtype)} (n, '
                             f'{self.shape[1]}, {self.shape[2]})')
        if self.rows + len(rows) > self.shape[0]:
            raise ValueError(f'{self.path}: more rows than the {self.shape[0]} that it was to have')
        if self._writer is None:
            raise ValueError(f'{self.path}: not open')
        if len(rows):
            self._writer.write(rows)
            self.rows += len(rows)

    def __exit__(self, *reason: object) -> bool | None:
        if reason[0] is not None:
            return self._exits.__exit__(*reason)
        with self._exits:
            if self.rows < self.shape[0]:
                raise ImageError(f'{self.path}: {self.rows} of {self.shape[0]} rows came; not written')
            self._writer.finish()
        return None


def open_sink(path: str | Path, height: int, width: int, channels: int, bits: int = 8,
              options: Encoding | None = None, meta: Meta | None = None) -> FileSink:
    """A file to be written row by row.

        with open_sink('out.png', 400, 600, 3) as sink:
            sink.write(rows)

    Args:
        path: One of .png .tif .tiff .ppm .pgm .jpg .jpeg .jfif .webp .bmp; its folder must exist.
        height, width: In pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        bits: 8 or 16 a channel.
        options: How to encode.
        meta: What goes into the file beside the pixels.

    Raises:
        ImageError: Unknown suffix, or the format cannot hold such a picture. Nothing was written.
    """
    path = Path(path)
    lacks = shortcoming(path, height, width, channels, bits)
    if lacks:
        raise ImageError(f'{path}: {lacks}' + ('' if format_of(path).name == 'PNG' else '; PNG can'))
    return FileSink(path, (height, width, channels), bits, options or Encoding(), meta or Meta())


def shortcoming(path: Path, height: int, width: int, channels: int, bits: int) -> str:
    """Why the format of a path cannot hold a picture, '' where it can.

    Raises:
        ImageError: Unknown suffix.
    """
    file_format = format_of(path)
    if max(height, width) > LONGEST[file_format.name]:
        return f'{file_format.name} cannot hold {width}x{height} pixels, at most {LONGEST[file_format.name]} a side'
    if file_format.name == 'BMP' and height * (width + 3) * channels > BMP_BYTES:
        return f'BMP cannot hold {width}x{height} pixels, at most 4 GB'
    if channels in (2, 4) and not file_format.alpha:
        return f'{file_format.name} cannot hold transparency'
    if bits == 16 and not file_format.deep:
        return f'{file_format.name} cannot hold 16 bits a channel'
    return ''


def _writer(path: Path, file: BinaryIO, shape: tuple[int, int, int], bits: int, encoding: Encoding,
            meta: Meta) -> RowWriter:
    name = format_of(path).name
    meta = fitting(meta, 3 if name == 'WEBP' else shape[2])
    if name == 'JPEG':
        return JpegRows(file, shape, encoding, meta)
    if name == 'PNG':
        return PngRows(file, shape, bits, encoding, meta)
    if name == 'TIFF':
        return TiffRows(file, shape, bits, encoding, meta)
    if name == 'PPM':
        return PpmRows(file, shape, bits)
    return _Gathered(path, file, shape, encoding, meta)


class _Gathered:
    """Formats whose encoders want the whole picture."""

    def __init__(self, path: Path, file: BinaryIO, shape: tuple[int, int, int], encoding: Encoding, meta: Meta):
        self._path, self._file, self._encoding, self._meta = path, file, encoding, meta
        self._pixels = np.empty(shape, np.uint8)
        self._done = 0

    def write(self, rows: np.ndarray) -> None:
        self._pixels[self._done:self._done + len(rows)] = rows
        self._done += len(rows)

    def finish(self) -> None:
        self._file.write(encode_pixels(self._path, self._pixels, self._encoding.quality, self._encoding.lossless,
                                       self._meta))
