"""How pictures, animations and videos are upscaled, and where results go."""
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from effsr.data.image_header import MAX_PIXELS
from effsr.data.image_meta import Encoding
from effsr.inference.plan import Plan

AUTO = 'auto'
STILL_EXTENSIONS = ('png', 'jpg', 'webp', 'tif', 'bmp', 'ppm')
ANIMATION_EXTENSIONS = ('gif', 'webp', 'png', 'apng')
VIDEO_EXTENSIONS = ('mp4', 'mkv', 'mov', 'webm')
EXTENSIONS = tuple(dict.fromkeys((AUTO, *STILL_EXTENSIONS, *ANIMATION_EXTENSIONS, *VIDEO_EXTENSIONS)))
CODECS = ('auto', 'h264', 'hevc', 'av1', 'vp9', 'ffv1')


@dataclass(frozen=True)
class Film:
    """How videos are encoded.

    Attributes:
        codec: 'h264', 'hevc', 'av1', 'vp9', 'ffv1' (without loss), or 'auto': h264, in WebM vp9.
        crf: Quality as the codec counts it, less is better; None for 18 (h264), 20 (hevc), 26 (av1, vp9).

    Raises:
        ValueError: Another codec, or a crf out of range.
    """

    codec: str = AUTO
    crf: int | None = None

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f'codec is {self.codec!r}; accepted: {", ".join(CODECS)}')
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise ValueError(f'crf is {self.crf}; accepted: 0 (best) to 63 (h264 and hevc: 51)')


@dataclass(frozen=True)
class Settings:
    """How to upscale and where to write.

    Attributes:
        output: Folder, made when the first result is written.
        name: Name of the result's file, of a single input; '' makes it of the input's.
        suffix: Put behind the name, after an underscore; '' for none.
        ext: Format, or 'auto': PNG for PNG, for alpha and for 16 bits, else the input's format where that holds it.
        overwrite: Replace existing results.
        resume: Pass over inputs whose result lies there, whole and made with these settings.
        compare: Write NAME_SUFFIX_compare too: the input enlarged bicubically beside the result.
        max_pixels: Larger inputs are refused before they are decoded.
        plan: Scale, tiles, bits, transparency.
        encoding: Of pictures.
        film: Of videos.
        network: What tells these weights from others, for ``resume``.

    Raises:
        ValueError: A value out of range, or ``output`` is a file.
    """

    output: Path = Path('results')
    name: str = ''
    suffix: str = 'out'
    ext: str = AUTO
    overwrite: bool = False
    resume: bool = False
    compare: bool = False
    max_pixels: int = MAX_PIXELS
    plan: Plan = field(default_factory=Plan)
    encoding: Encoding = field(default_factory=Encoding)
    film: Film = field(default_factory=Film)
    network: str = ''

    def __post_init__(self) -> None:
        if any(mark in self.suffix for mark in '/\\\0'):
            raise ValueError(f'suffix is {self.suffix!r}; accepted: part of a file name, without / and \\')
        if self.ext not in EXTENSIONS:
            raise ValueError(f'ext is {self.ext!r}; accepted: {", ".join(EXTENSIONS)}')
        if self.max_pixels < 1:
            raise ValueError(f'max_pixels is {self.max_pixels}; accepted: from 1')
        if self.output.exists() and not self.output.is_dir():
            raise ValueError(f'{self.output}: is a file; accepted as output: a folder, new or not')

    @property
    def naming(self) -> str:
        """What names of results are made of, for the journal."""
        return f'{self.suffix}|{self.ext}|{self.name}'

    def of_network(self, identity: str) -> 'Settings':
        """The same for a network."""
        return replace(self, network=identity)

    def record(self) -> dict[str, Any]:
        """What decides how results look, for the journal."""
        plan = {name: value for name, value in asdict(self.plan).items() if name not in ('batch', 'memory')}
        return {'network': self.network, 'compare': self.compare, **plan, **asdict(self.encoding), **asdict(self.film)}
