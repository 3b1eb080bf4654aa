"""Writing animated pictures frame by frame: GIF89a, WebP (RFC 9649) and APNG (PNG, third edition).

Frames are whole pictures, encoded one by one, so that memory holds one of them.
"""
import io
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image

from effsr.data.image_encode import whole_file
from effsr.data.image_header import ImageError
from effsr.data.image_meta import Encoding, Meta
from effsr.data.image_png import Deflated, write_chunk, write_head

LONGEST = {'.gif': 65_535, '.webp': 16_383, '.png': 2**31 - 1, '.apng': 2**31 - 1}
OPAQUE_FROM = 128  # GIF knows only clear and opaque
GIF_COLOURS = 255  # and one for clear


@dataclass(frozen=True)
class Film:
    """What an animation is, beside its frames.

    Attributes:
        size: (height, width).
        channels: 3 or 4.
        count: Of frames.
        plays: How often it is shown; 0 for ever.
        meta: ICC profile, for WebP and APNG.
    """

    size: tuple[int, int]
    channels: int
    count: int
    plays: int = 0
    meta: Meta = Meta()


class FrameWriter(Protocol):
    """What a format does."""

    def add(self, pixels: np.ndarray, milliseconds: float) -> None:
        """The next frame."""

    def finish(self) -> None:
        """What comes after the last one."""


class AnimationFile:
    """An animated picture that takes frames; a context manager. The file appears whole or not at all.

    Args:
        path: One of .gif .webp .png .apng; its folder must exist.
        film: What is to be written.
        encoding: How.

    Raises:
        ImageError: Another suffix, or a size that the format cannot hold.
    """

    def __init__(self, path: Path, film: Film, encoding: Encoding | None = None):
        self.path, self.film = path, film
        self._encoding = encoding or Encoding()
        self._exits = ExitStack()
        self._writer: FrameWriter | None = None
        self._count = 0
        longest = LONGEST.get(path.suffix.lower())
        if longest is None:
            raise ImageError(f'{path}: cannot write animations of this suffix; accepted: {", ".join(LONGEST)}')
        if max(film.size) > longest:
            raise ImageError(f'{path}: {film.size[1]}x{film.size[0]} pixels, and this format holds at most {longest} a '
                             'side; PNG holds any size')

    def __enter__(self) -> 'AnimationFile':
        file = self._exits.enter_context(whole_file(self.path))
        kind = {'.gif': GifFrames, '.webp': WebpFrames}.get(self.path.suffix.lower(), ApngFrames)
        try:
            self._writer = kind(file, self.film, self._encoding)
        except BaseException as error:
            self._exits.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def add(self, pixels: np.ndarray, milliseconds: float) -> None:
        """The next frame.

        Args:
            pixels: uint8 (height, width, channels).
            milliseconds: How long it is shown.
        """
        expected = (*self.film.size, self.film.channels)
        if pixels.dtype != np.uint8 or pixels.shape != expected:
            raise ValueError(f'{self.path}: a frame of {pixels.dtype} {pixels.shape}; expected uint8 {expected}')
        if self._writer is None:
            raise ValueError(f'{self.path}: not open')
        self._writer.add(pixels, milliseconds)
        self._count += 1

    def __exit__(self, *reason: object) -> bool | None:
        if reason[0] is not None:
            return self._exits.__exit__(*reason)
        with self._exits:
            if self._count != self.film.count:
                raise ImageError(f'{self.path}: {self._count} of {self.film.count} frames came; not written')
            self._writer.finish()
        return None


class ApngFrames:
    """Frames as chunks of a PNG."""

    def __init__(self, file: BinaryIO, film: Film, encoding: Encoding):
        self._file, self._film, self._level = file, film, encoding.level
        self._sequence = 0
        write_head(file, *film.size, film.channels, 8, film.meta)
        write_chunk(file, b'acTL', struct.pack('>II', film.count, film.plays))

    def add(self, pixels: np.ndarray, milliseconds: float) -> None:
        height, width = self._film.size
        divisor = 1000 if milliseconds < 65_535 else 10  # both are 16 bits
        delay = min(65_535, round(milliseconds * divisor / 1000))
        # Not disposed of, not blended: each frame is all that is seen.
        control = struct.pack('>IIIIHHBB', width, height, 0, 0, delay, divisor, 0, 0)
        write_chunk(self._file, b'fcTL', self._number() + control)
        deflated = Deflated(self._level)
        data = deflated.add(pixels) + deflated.end()
        if self._sequence == 1:
            write_chunk(self._file, b'IDAT', data)
        else:
            write_chunk(self._file, b'fdAT', self._number() + data)

    def finish(self) -> None:
        write_chunk(self._file, b'IEND', b'')

    def _number(self) -> bytes:
        self._sequence += 1
        return struct.pack('>I', self._sequence - 1)


class WebpFrames:
    """Frames as chunks of a RIFF file."""

    def __init__(self, file: BinaryIO, film: Film, encoding: Encoding):
        self._file, self._film, self._encoding = file, film, encoding
        height, width = film.size
        flags = 0x02 | (0x10 if film.channels == 4 else 0) | (0x20 if film.meta.icc else 0)
        file.write(b'RIFF\0\0\0\0WEBP')
        file.write(_riff(b'VP8X', struct.pack('<I', flags) + _uint24(width - 1) + _uint24(height - 1)))
        if film.meta.icc:
            file.write(_riff(b'ICCP', film.meta.icc))
        file.write(_riff(b'ANIM', struct.pack('<IH', 0, min(film.plays, 65_535))))

    def add(self, pixels: np.ndarray, milliseconds: float) -> None:
        height, width = self._film.size
        buffer = io.BytesIO()
        how = {'lossless': True, 'exact': True} if self._encoding.lossless else {'quality': self._encoding.quality}
        Image.fromarray(pixels).save(buffer, 'WEBP', **how)
        control = bytes(6) + _uint24(width - 1) + _uint24(height - 1) + _uint24(min(2**24 - 1, round(milliseconds)))
        # 2: not blended with the frame before.
        self._file.write(_riff(b'ANMF', control + b'\x02' + _bitstream(buffer.getvalue())))

    def finish(self) -> None:
        size = self._file.seek(0, 2) - 8
        self._file.seek(4)
        self._file.write(struct.pack('<I', size))


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack('<I', len(data)) + data + b'\0' * (len(data) % 2)


def _uint24(value: int) -> bytes:
    return struct.pack('<I', value)[:3]


def _bitstream(still: bytes) -> bytes:
    """The chunks of a still WebP that hold pixels."""
    kept, place = b'', 12
    while place + 8 <= len(still):
        (length,) = struct.unpack_from('<I', still, place + 4)
        stop = place + 8 + length + length % 2
        if still[place:place + 4] in (b'ALPH', b'VP8 ', b'VP8L'):
            kept += still[place:stop]
        place = stop
    return kept


class GifFrames:
    """Frames with palettes of their own, each of up to 255 colours."""

    def __init__(self, file: BinaryIO, film: Film, encoding: Encoding):
        self._file, self._film = file, film
        height, width = film.size
        file.write(b'GIF89a' + struct.pack('<HHBBB', width, height, 0, 0, 0))
        if film.plays != 1:
            loops = 0 if film.plays == 0 else min(film.plays - 1, 65_535)
            file.write(b'\x21\xff\x0bNETSCAPE2.0\x03\x01' + struct.pack('<HB', loops, 0))

    def add(self, pixels: np.ndarray, milliseconds: float) -> None:
        clear = self._film.channels == 4
        # Two of disposal: where a frame is clear, the one before must not show through.
        flags = (2 << 2 | 1) if clear else 0
        delay = min(65_535, round(milliseconds / 10))
        self._file.write(struct.pack('<BBBBHBB', 0x21, 0xF9, 4, flags, delay, GIF_COLOURS, 0))
        height, width = self._film.size
        palette, coded = _gif_parts(_indexed(pixels))
        self._file.write(b'\x2c' + struct.pack('<HHHHB', 0, 0, width, height, 0x87) + palette + coded)

    def finish(self) -> None:
        self._file.write(b'\x3b')


def _indexed(pixels: np.ndarray) -> Image.Image:
    """255 colours chosen for the picture; number 255 is clear."""
    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3])).quantize(GIF_COLOURS, Image.Quantize.MEDIANCUT)
    palette = (image.getpalette() or [])[:GIF_COLOURS * 3]
    indices = np.array(image)
    if pixels.shape[2] == 4:
        indices[pixels[..., 3] < OPAQUE_FROM] = GIF_COLOURS
    result = Image.fromarray(indices)  # grey: the palette is put in by hand, so that Pillow leaves the numbers alone
    result.info['colours'] = bytes(palette).ljust(768, b'\0')
    return result


def _gif_parts(image: Image.Image) -> tuple[bytes, bytes]:
    """A palette of 256 colours, and the compressed pixels, from a GIF that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, 'GIF', optimize=False, interlace=False)
    data = buffer.getvalue()
    place = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[place] == 0x21:  # extensions: a label, then blocks up to an empty one
        place += 2
        while data[place]:
            place += data[place] + 1
        place += 1
    local = data[place + 9]
    place += 10 + (3 << (local & 7) + 1 if local & 0x80 else 0)
    return image.info['colours'], data[place:-1]
