"""PNG files written row by row (W3C, Portable Network Graphics, third edition), still and animated."""
import struct
import zlib
from typing import BinaryIO

import numpy as np

from effsr.data.image_meta import Encoding, Meta

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: grey, grey and alpha, RGB, RGB and alpha
FILTER_UP = 2  # each byte less the one above; on upscaled pictures no larger than with a choice of filters, and faster
IDAT_BYTES = 1 << 20


def write_chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    """One chunk: length, kind, data, checksum."""
    file.write(struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)))


def write_head(file: BinaryIO, height: int, width: int, channels: int, bits: int, meta: Meta) -> None:
    """All that comes before the pixels of a still picture."""
    file.write(PNG_SIGNATURE)
    write_chunk(file, b'IHDR', struct.pack('>IIBBBBB', width, height, bits, COLOUR_TYPES[channels], 0, 0, 0))
    if meta.icc:
        write_chunk(file, b'iCCP', b'ICC profile\0\0' + zlib.compress(meta.icc))
    if meta.exif:
        write_chunk(file, b'eXIf', meta.exif)


class Deflated:
    """Filters and compresses rows; gives compressed bytes as they come.

    Args:
        level: Of the deflate.
    """

    def __init__(self, level: int):
        self._stream = zlib.compressobj(level)
        self._above: np.ndarray | None = None

    def add(self, rows: np.ndarray) -> bytes:
        """uint8 or uint16 (n, W, C) -> what the compressor has ready."""
        # PNG's samples have the high byte first.
        samples = np.ascontiguousarray(rows, '>u2').view(np.uint8) if rows.dtype == np.uint16 else rows
        samples = samples.reshape(len(rows), -1)
        above = np.zeros_like(samples[0]) if self._above is None else self._above
        filtered = np.full((len(samples), samples.shape[1] + 1), FILTER_UP, np.uint8)
        np.subtract(samples[0], above, out=filtered[0, 1:])
        np.subtract(samples[1:], samples[:-1], out=filtered[1:, 1:])
        self._above = samples[-1].copy()
        return self._stream.compress(filtered)

    def end(self) -> bytes:
        """The rest."""
        return self._stream.flush()


class PngRows:
    """A PNG that grows by rows.

    Args:
        file: Open for writing.
        shape: Height, width, channels of the whole.
        bits: 8 or 16.
        encoding: How.
        meta: ICC profile and EXIF to put in.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int], bits: int, encoding: Encoding, meta: Meta):
        self._file = file
        self._deflated = Deflated(encoding.level)
        self._ready = bytearray()
        write_head(file, *shape, bits, meta)

    def write(self, rows: np.ndarray) -> None:
        """uint8 or uint16 (n, W, C), n from 1."""
        self._ready += self._deflated.add(rows)
        while len(self._ready) >= IDAT_BYTES:
            write_chunk(self._file, b'IDAT', bytes(self._ready[:IDAT_BYTES]))
            del self._ready[:IDAT_BYTES]

    def finish(self) -> None:
        """Write what ends the file."""
        write_chunk(self._file, b'IDAT', bytes(self._ready) + self._deflated.end())
        write_chunk(self._file, b'IEND', b'')
