"""What is to be upscaled: from files, folders and patterns on a command line to a list of files."""
import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from effsr.data.image_io import IMAGE_SUFFIXES, list_images

PICTURE_SUFFIXES = (*IMAGE_SUFFIXES, '.apng', '.gif')
VIDEO_SUFFIXES = ('.3gp', '.avi', '.flv', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.mts', '.ogv',
                  '.ts', '.webm', '.wmv')
PATTERN_MARKS = '*?['


@dataclass(frozen=True)
class Source:
    """A file to upscale.

    Attributes:
        path: Where it lies.
        below: The folder, relative to the input folder, in which its result goes.
        error: Why there is nothing to upscale, or ''.
    """

    path: Path
    below: Path = Path()
    error: str = ''

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES


def list_sources(inputs: Sequence[str | Path], recursive: bool = False) -> list[Source]:
    """The files that inputs name, in their order, each once.

    A folder stands for the pictures in it, still or animated, and with ``recursive`` for those below it; videos are
    taken by name or pattern. A pattern (``*``, ``?``, ``[...]``, ``**``) stands for the files that fit it; folders that
    it goes through are those of the results.

    Returns:
        What is missing, or holds no picture, is among them, with its error.
    """
    found: dict[Path, Source] = {}
    for text in inputs:
        for source in _named_by(str(text), recursive):
            found.setdefault(source.path, source)
    return list(found.values())


def _named_by(text: str, recursive: bool) -> list[Source]:
    path = Path(text)
    try:
        if path.is_dir():
            paths = list_images(path, recursive, PICTURE_SUFFIXES)
            return [Source(file, file.parent.relative_to(path)) for file in paths]
        if path.exists() and not path.is_file():
            raise ValueError(f'{path}: is no regular file; accepted: a picture, a video, a folder or a pattern')
    except (ValueError, OSError) as error:
        return [Source(path, error=' '.join(str(error).split()))]
    if path.is_file() or path.is_symlink() or not any(mark in text for mark in PATTERN_MARKS):
        missing = '' if path.is_file() else (f'{path}: no such file or folder; accepted: a picture, a video, a folder '
                                             'or a pattern')
        return [Source(path, error=missing)]
    wanted = (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)
    paths = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
    files = [file for file in paths if file.is_file() and file.suffix.lower() in wanted]
    base = Path(*takewhile(lambda part: not any(mark in part for mark in PATTERN_MARKS), path.parts))
    none = Source(path, error=f'{text}: no picture or video fits this pattern')
    return [Source(file, file.parent.relative_to(base)) for file in files] or [none]


def output_stems(sources: Sequence[Source]) -> list[str]:
    """One name each. Inputs that differ in nothing but the suffix keep it: a.png and a.jpg become a_png and a_jpg."""
    keys = [(source.below, source.path.stem.lower()) for source in sources]
    count = Counter(keys)
    return [source.path.stem if count[key] == 1 else f'{source.path.stem}_{source.path.suffix[1:]}'
            for source, key in zip(sources, keys, strict=True)]
