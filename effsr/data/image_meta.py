"""What lies in a picture's file beside its pixels."""
from dataclasses import dataclass, replace

ICC_SPACES = {b'GRAY': (1, 2), b'RGB ': (3, 4)}  # ICC.1:2022, 7.2.6: the bytes from 16 on
ICC_SPACE = slice(16, 20)


@dataclass(frozen=True)
class Meta:
    """What goes from a file to the picture that is made of it.

    Attributes:
        icc: The ICC profile that says what the colours mean, or None: sRGB is then assumed.
        exif: EXIF data as a TIFF block, from its `II` or `MM` on, or None.
    """

    icc: bytes | None = None
    exif: bytes | None = None


def fitting(meta: Meta, channels: int) -> Meta:
    """The same without a profile that is not for pictures of so many channels: readers refuse or misread such files."""
    if meta.icc is None or channels in ICC_SPACES.get(meta.icc[ICC_SPACE], ()):
        return meta
    return replace(meta, icc=None)


@dataclass(frozen=True)
class Encoding:
    """How files are encoded.

    Attributes:
        quality: Of JPEG (4:4:4) and lossy WebP, 1 to 100.
        lossless: Of WebP: every pixel as it is, clear ones included.
        level: Of PNG's and TIFF's deflate, 0 (none) to 9.
    """

    quality: int = 95
    lossless: bool = False
    # Twice as fast as zlib's own 6 for files about a tenth larger.
    level: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f'quality is {self.quality}; accepted: 1 to 100')
        if not 0 <= self.level <= 9:
            raise ValueError(f'level is {self.level}; accepted: 0 to 9')
