"""Reading animated pictures: GIF, WebP and APNG, frame by frame as they are to be seen."""
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from effsr.data.image_header import MAX_PIXELS, ImageError, open_header
from effsr.data.image_meta import Meta, fitting

ANIMATED_FORMATS = ('PNG', 'WEBP', 'GIF')
UNTIMED_MS = 100.0  # what browsers make of frames that say less than 20 ms, or nothing
SHORTEST_GIF_MS = 20.0


@dataclass(frozen=True)
class Animation:
    """An animated picture whose frames were all looked at once.

    Attributes:
        path: What to call it in messages.
        data: The file's content.
        format: 'GIF', 'WEBP' or 'PNG'.
        size: (height, width).
        first: Number of the first frame: 1 for an APNG whose still picture is not part of it.
        durations: Of each frame, in milliseconds.
        plays: How often it is shown; 0 for ever.
        channels: 3, or 4 where any pixel of any frame is transparent.
        meta: ICC profile.
    """

    path: Path
    data: bytes
    format: str
    size: tuple[int, int]
    first: int
    durations: tuple[float, ...]
    plays: int
    channels: int
    meta: Meta

    def frames(self) -> Iterator[np.ndarray]:
        """Each frame, whole, uint8 (H, W, channels)."""
        with Image.open(io.BytesIO(self.data), formats=ANIMATED_FORMATS) as image:
            for frame in _seen(image, self.first, self.path):
                yield np.asarray(frame)[..., :self.channels]


def is_animation(data: bytes, path: Path, max_pixels: int = MAX_PIXELS) -> bool:
    """Whether a file's content is animated.

    Raises:
        ImageError: It is no image, or too large.
    """
    if not data.startswith((b'GIF8', b'\x89PNG', b'RIFF')):
        return False
    image, _ = open_header(io.BytesIO(data), path, max_pixels, ANIMATED_FORMATS)
    try:
        return bool(getattr(image, 'is_animated', False))
    # To answer, Pillow reads on to the second frame of a GIF, and raises nearly anything on damaged bytes.
    except Exception as error:
        raise _damaged(path, image, error) from error


def read_animation(data: bytes, path: Path, max_pixels: int = MAX_PIXELS) -> Animation:
    """Look at all frames of an animated picture.

    Raises:
        ImageError: It is damaged, or too large.
    """
    image, _ = open_header(io.BytesIO(data), path, max_pixels, ANIMATED_FORMATS)
    first = 1 if image.info.get('default_image') else 0
    plays = _plays(image)
    durations, opaque = [], True
    for frame in _seen(image, first, path):
        duration = float(image.info.get('duration') or 0)
        too_short = image.format == 'GIF' and duration < SHORTEST_GIF_MS
        durations.append(UNTIMED_MS if too_short or not duration else duration)
        opaque = opaque and frame.getextrema()[3][0] == 255
    channels = 3 if opaque else 4
    width, height = image.size
    meta = fitting(Meta(image.info.get('icc_profile') or None), channels)
    return Animation(path, data, image.format, (height, width), first, tuple(durations), plays, channels, meta)


def _seen(image: Image.Image, first: int, path: Path) -> Iterator[Image.Image]:
    try:
        for number in range(first, image.n_frames):
            image.seek(number)
            yield image.convert('RGBA')
    # Decoders raise nearly anything on damaged bytes.
    except Exception as error:
        raise _damaged(path, image, error) from error


def _damaged(path: Path, image: Image.Image, error: Exception) -> ImageError:
    return ImageError(f'{path}: damaged {image.format} animation ({error}); copy it again or take it out')


def _plays(image: Image.Image) -> int:
    """GIF counts repetitions, the others plays."""
    loop = image.info.get('loop')
    if image.format == 'GIF':
        return 1 if loop is None else 0 if loop == 0 else loop + 1
    return int(loop or 0)
