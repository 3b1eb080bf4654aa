"""TIFF files written row by row (Adobe, TIFF revision 6.0), as BigTIFF where 4 GB might not do."""
import struct
import zlib
from typing import BinaryIO

import numpy as np

from effsr.data.image_exif import OWN_TAGS, Directory, Entry, parse_exif
from effsr.data.image_meta import Encoding, Meta, fitting

CLASSIC_LIMIT = 2**32 - 2**24  # offsets are 32 bits; some room for tables and metadata
STRIP_BYTES = 1 << 20
SHORT, LONG, LONG8, UNDEFINED = 3, 4, 16, 7
DEFLATE, HORIZONTAL = 8, 2


class TiffRows:
    """A TIFF that grows by strips, each deflated with horizontal differences; the directory comes last.

    Args:
        file: Open for writing, and seekable.
        shape: Height, width, channels of the whole: grey, grey and alpha, RGB, RGB and alpha.
        bits: 8 or 16.
        encoding: How.
        meta: ICC profile and EXIF to put in.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int], bits: int, encoding: Encoding, meta: Meta):
        height, width, channels = shape
        self._widened = channels == 2 and bits == 16  # grey and alpha that deep is read by few, Pillow not among them
        channels = 4 if self._widened else channels
        shape = (height, width, channels)
        self._file, self._shape, self._bits, self._meta = file, shape, bits, fitting(meta, channels)
        self._level = encoding.level
        row_bytes = width * channels * bits // 8
        # Deflate adds a few bytes to what it cannot compress.
        self.big = height * (row_bytes + row_bytes // 1000 + 64) > CLASSIC_LIMIT
        self._rows_per_strip = max(1, min(height, STRIP_BYTES // row_bytes))
        self._waiting: list[np.ndarray] = []
        self._waiting_rows = 0
        self._strips: list[tuple[int, int]] = []
        file.write(struct.pack('<2sHHHQ', b'II', 43, 8, 0, 0) if self.big else struct.pack('<2sHI', b'II', 42, 0))

    def write(self, rows: np.ndarray) -> None:
        """uint8 or uint16 (n, W, C), n from 1."""
        self._waiting.append(rows[..., [0, 0, 0, 1]] if self._widened else rows)
        self._waiting_rows += len(rows)
        if self._waiting_rows >= self._rows_per_strip:
            whole = np.concatenate(self._waiting)
            stop = len(whole) - len(whole) % self._rows_per_strip
            for first in range(0, stop, self._rows_per_strip):
                self._write_strip(whole[first:first + self._rows_per_strip])
            self._waiting, self._waiting_rows = ([whole[stop:].copy()], len(whole) - stop) if stop < len(whole) else \
                ([], 0)

    def finish(self) -> None:
        """Write the last strip and what ends the file."""
        if self._waiting_rows:
            self._write_strip(np.concatenate(self._waiting))
        place = self._file.seek(0, 2)
        place += place % 2
        self._file.seek(place)
        self._file.write(self._directory().serialise(place, self.big))
        self._file.seek(8 if self.big else 4)
        self._file.write(struct.pack('<Q' if self.big else '<I', place))

    def _write_strip(self, rows: np.ndarray) -> None:
        differences = np.array(rows, dtype='<u2' if self._bits == 16 else np.uint8, order='C')
        differences[:, 1:] -= rows[:, :-1]
        data = zlib.compress(differences, self._level)
        self._strips.append((self._file.tell(), len(data)))
        self._file.write(data)

    def _directory(self) -> Directory:
        height, width, channels = self._shape
        kind = (LONG8, '<Q') if self.big else (LONG, '<I')

        def entry(number: int, format_: tuple[int, str], *values: int) -> Entry:
            return Entry(number, format_[0], len(values), b''.join(struct.pack(format_[1], value) for value in values))

        short, long_ = (SHORT, '<H'), (LONG, '<I')
        entries = [
            entry(256, long_, width), entry(257, long_, height), entry(258, short, *[self._bits] * channels),
            entry(259, short, DEFLATE), entry(262, short, 2 if channels > 2 else 1),
            entry(273, kind, *(offset for offset, _ in self._strips)), entry(274, short, 1),
            entry(277, short, channels), entry(278, long_, self._rows_per_strip),
            entry(279, kind, *(length for _, length in self._strips)), entry(284, short, 1),
            entry(317, short, HORIZONTAL),
        ]
        if channels in (2, 4):
            entries.append(entry(338, short, 2))  # alpha that the colours are not multiplied by
        if self._meta.icc:
            entries.append(Entry(34675, UNDEFINED, len(self._meta.icc), self._meta.icc))
        kept = parse_exif(self._meta.exif) if self._meta.exif else None
        if kept is not None:
            entries += [item for item in kept.entries if item.tag not in OWN_TAGS]
        return Directory(tuple(entries))
