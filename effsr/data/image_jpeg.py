"""Baseline JPEG files written row by row (ITU-T T.81), 4:4:4.

Bands are encoded one by one and put behind each other. That makes one picture because a restart marker stands after
each row of blocks (T.81, F.1.1.5.2): nothing is predicted across it, and eight rows of blocks use up the eight markers.
"""
import struct
from typing import BinaryIO

import cv2
import numpy as np

from effsr.data.image_meta import Encoding, Meta

BAND = 64  # eight rows of blocks, each of which ends with the next of eight markers
SOF0, SOS, APP0, APP1, APP2, EOI = 0xC0, 0xDA, 0xE0, 0xE1, 0xE2, b'\xff\xd9'
LAST_RESTART = b'\xff\xd7'
SEGMENT = 65_533  # bytes that a segment has room for, behind its length
ICC_MARK, EXIF_MARK = b'ICC_PROFILE\0', b'Exif\0\0'


class JpegRows:
    """A JPEG that grows by rows.

    Args:
        file: Open for writing.
        shape: Height, width, channels (1 or 3) of the whole; sides up to 65,500.
        encoding: Its quality is used.
        meta: ICC profile and EXIF to put in; EXIF of more than 64 KB has no room.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int], encoding: Encoding, meta: Meta):
        self._file, self._shape, self._meta = file, shape, meta
        self._options = [cv2.IMWRITE_JPEG_QUALITY, encoding.quality, cv2.IMWRITE_JPEG_RST_INTERVAL, -(-shape[1] // 8),
                         cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        self._band = np.empty((min(BAND, shape[0]), *shape[1:]), np.uint8)
        self._filled = 0
        self._bands = 0

    def write(self, rows: np.ndarray) -> None:
        """uint8 (n, W, C), n from 1."""
        while len(rows):
            count = min(len(rows), len(self._band) - self._filled)
            self._band[self._filled:self._filled + count] = rows[:count]
            self._filled, rows = self._filled + count, rows[count:]
            if self._filled == len(self._band):
                self._encode()

    def finish(self) -> None:
        """Write the last band and what ends the file."""
        if self._filled:
            self._encode()
        self._file.write(EOI)

    def _encode(self) -> None:
        band = self._band[:self._filled]
        done, encoded = cv2.imencode('.jpg', band[..., ::-1] if self._shape[2] == 3 else band, self._options)
        if not done:
            raise ValueError('OpenCV refused it')
        data = encoded.tobytes()
        start = _scan_start(data)
        if self._bands:
            self._file.write(LAST_RESTART)
        else:
            self._file.write(_head(data[:start], self._shape[0], self._meta))
        self._file.write(data[start:data.rindex(EOI)])
        self._filled, self._bands = 0, self._bands + 1


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Marker, start and end of the segments up to the scan's own, that included."""
    found, place = [], 2
    while True:
        marker, length = struct.unpack_from('>xBH', data, place)
        found.append((marker, place, place + 2 + length))
        place += 2 + length
        if marker == SOS:
            return found


def _scan_start(data: bytes) -> int:
    return _segments(data)[-1][2]


def _head(data: bytes, height: int, meta: Meta) -> bytes:
    """The head of the first band as that of the whole picture."""
    parts = [data[:2]]
    for marker, start, end in _segments(data):
        segment = data[start:end]
        if marker == SOF0:  # length, bits, height
            segment = segment[:5] + struct.pack('>H', height) + segment[7:]
        parts.append(segment)
        if marker == APP0:
            parts += _meta_segments(meta)
    return b''.join(parts)


def _meta_segments(meta: Meta) -> list[bytes]:
    found = []
    if meta.exif and len(EXIF_MARK + meta.exif) <= SEGMENT:
        found.append(_segment(APP1, EXIF_MARK + meta.exif))
    room = SEGMENT - len(ICC_MARK) - 2
    pieces = [meta.icc[first:first + room] for first in range(0, len(meta.icc), room)] if meta.icc else []
    if len(pieces) < 256:
        found += [_segment(APP2, ICC_MARK + bytes([number, len(pieces)]) + piece)
                  for number, piece in enumerate(pieces, 1)]
    return found


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack('>BBH', 0xFF, marker, len(data) + 2) + data
