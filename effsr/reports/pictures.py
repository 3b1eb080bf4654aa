"""Pictures as text within a page: lossless, each once, and no more than the page can carry."""
import base64
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from PIL import Image

WEBP_SIDE = 16383  # pixels: the longest that the format holds


@dataclass
class Embedded:
    """Pictures to be put into a page.

    Attributes:
        texts: Each one's bytes in base64; its place in the list is its number.
        kinds: The media type of each.
        size: Characters of all texts.
    """

    texts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    size: int = 0
    _numbers: dict[bytes, int] = field(default_factory=dict)

    def add(self, rgb: np.ndarray) -> int:
        """Put in uint8 (H, W, 3) and return its number; a picture that is there already keeps its number."""
        digest = hashlib.sha256(repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).digest()
        if digest not in self._numbers:
            kind = 'PNG' if max(rgb.shape[:2]) > WEBP_SIDE else 'WEBP'
            self._numbers[digest] = len(self.texts)
            self.texts.append(base64.b64encode(_encoded(rgb, kind)).decode('ascii'))
            self.kinds.append(f'image/{kind.lower()}')
            self.size += len(self.texts[-1])
        return self._numbers[digest]

    def html(self) -> Iterator[str]:
        """One inert element for each: a browser neither decodes nor runs it."""
        for number, (kind, text) in enumerate(zip(self.kinds, self.texts, strict=True)):
            yield f'<script type="text/plain" id="picture-{number}" data-kind="{kind}">{text}</script>\n'


def _encoded(rgb: np.ndarray, kind: str) -> bytes:
    """A picture's bytes for a browser. WebP without loss is a quarter smaller than PNG; its first method is 15 times
    as fast as its fourth, which data.image_encode takes for files that are to be small, and 15% larger."""
    buffer = io.BytesIO()
    options = {'lossless': True, 'exact': True, 'method': 0, 'quality': 20} if kind == 'WEBP' else {}
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def in_turn(sets: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """(set, picture) of all sets in turn, so that a page that is full early has some of each."""
    for row in zip_longest(*([(name, picture) for picture in pictures] for name, pictures in sets.items())):
        yield from filter(None, row)
