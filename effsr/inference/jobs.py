"""From an input to what is to be done with it: read it, name the result, see whether that is there already."""
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from effsr.data.image_animation import Animation, is_animation, read_animation
from effsr.data.image_decode import Decoded, decode, without_alpha
from effsr.data.image_encode import FORMATS
from effsr.data.image_frames import LONGEST as LONGEST_FRAME
from effsr.data.image_header import PILLOW_FORMATS, ImageError, read_bytes, unreadable
from effsr.data.image_io import upright_size
from effsr.data.image_rows import shortcoming
from effsr.inference.journal import Entry, Journal
from effsr.inference.plan import output_size
from effsr.inference.settings import ANIMATION_EXTENSIONS, AUTO, STILL_EXTENSIONS, VIDEO_EXTENSIONS, Settings
from effsr.inference.sources import Source

SUFFIX_OF_FORMAT = {'JPEG': '.jpg', 'MPO': '.jpg', 'WEBP': '.webp', 'BMP': '.bmp', 'TIFF': '.tif', 'PPM': '.ppm'}
READ_FORMATS = (*PILLOW_FORMATS, 'GIF')
VIDEO = 'video'


@dataclass(frozen=True)
class Loaded:
    """An input that was looked at.

    Attributes:
        source: The input.
        content: What it holds; VIDEO for a video, which is read later; None where there is nothing to do.
        error: Why it cannot be upscaled, or ''.
        done: Where its result lies already, whole and made with the same settings.
    """

    source: Source
    content: Decoded | Animation | str | None = None
    error: str = ''
    done: Path | None = None


@dataclass(frozen=True)
class Still:
    """A picture that is ready to be upscaled.

    Attributes:
        decoded: What is upscaled: without transparency where the result's format has none.
        target: Where to.
        bits: Of the result.
        notes: What is lost or changed on the way.
    """

    decoded: Decoded
    target: Path
    bits: int
    notes: tuple[str, ...]


def load(source: Source, settings: Settings, journal: Journal) -> Loaded:
    """Read an input; whatever is wrong with it is told in the answer."""
    if source.error:
        return Loaded(source, error=source.error)
    try:
        entry = journal.find(source.path, settings.naming) if settings.resume else None
        if settings.resume and entry is None and journal.made(source.path):
            return Loaded(source, done=source.path)  # the results' folder is the inputs': not upscaled again
        if entry is not None:
            return _known(source, entry, settings, journal)
        if source.is_video:
            return Loaded(source, VIDEO)
        return Loaded(source, _content(source.path, settings.max_pixels))
    except (ValueError, OSError, MemoryError) as error:
        return Loaded(source, error=one_line(error))


def _known(source: Source, entry: Entry, settings: Settings, journal: Journal) -> Loaded:
    target, now = journal.folder / entry.target, settings.record()
    other = {name: value for name, value in now.items() if entry.settings.get(name) != value}
    if not other:
        return Loaded(source, done=target)
    if settings.overwrite:
        return Loaded(source, VIDEO if source.is_video else _content(source.path, settings.max_pixels))
    changes = ', '.join(f'{name} {entry.settings.get(name)}, now {value}' for name, value in other.items())
    return Loaded(source, error=f'{source.path}: {target} was made with other settings ({changes}); pass --overwrite '
                                'to make it anew, or another --suffix')


def _content(path: Path, max_pixels: int) -> Decoded | Animation:
    try:
        with open(path, 'rb') as file:  # the header first: a file that is no picture may be of any size
            upright_size(file, path, max_pixels, READ_FORMATS)
    except OSError as error:
        raise unreadable(path, error) from error
    data = read_bytes(path)
    if is_animation(data, path, max_pixels):
        return read_animation(data, path, max_pixels)
    return decode(data, path, max_pixels, READ_FORMATS)


def prepare_still(source: Path, decoded: Decoded, stem: Path, scale: int, settings: Settings) -> Still:
    """Choose the format of a picture's result.

    Args:
        source: For messages.
        decoded: What was read.
        stem: The result's path without its suffix, or with it where the settings name the file.
        scale: The network's.
        settings: The run's.

    Raises:
        ImageError: The format that was asked for cannot hold the result.
    """
    pixels, notes = decoded.pixels, [*decoded.notes]
    deep = pixels.dtype == np.uint16
    size = output_size(*pixels.shape[:2], settings.plan, scale)
    chosen = Path(settings.name).suffix or ('' if settings.ext == AUTO else f'.{settings.ext}')
    if chosen and chosen.lower() not in FORMATS:
        raise ImageError(f'{source}: is a still picture, which {chosen[1:]} is not for; accepted: --ext '
                         f'{", ".join((AUTO, *STILL_EXTENSIONS))}')
    has_alpha, bits = pixels.shape[2] in (2, 4), settings.plan.bits or (16 if deep else 8)
    suffix = chosen or ('.png' if has_alpha or bits == 16 else SUFFIX_OF_FORMAT.get(decoded.format, '.png'))
    target = stem if settings.name else stem.with_name(stem.name + suffix)
    if bits == 16 and not settings.plan.bits and not FORMATS[suffix.lower()].deep:
        bits = 8
        notes.append(f'16 bits became 8 in {FORMATS[suffix.lower()].name}')
    if has_alpha and not FORMATS[suffix.lower()].alpha:
        pixels = without_alpha(pixels, 'white', source)
        notes.append(f'transparency was laid on white, as {FORMATS[suffix.lower()].name} has none')
    lacks = shortcoming(target, *size, pixels.shape[2], bits)
    if lacks and (chosen or target.suffix == '.png'):
        remedy = 'pass a smaller -s' if target.suffix == '.png' else 'pass --ext png'
        raise ImageError(f'{source}: {target}: {lacks}; {remedy}')
    if lacks:
        notes.append(f'written as PNG: {lacks}')
        target = target.with_suffix('.png')
    return Still(replace(decoded, pixels=pixels), target, bits, tuple(notes))


def moving_target(source: Path, stem: Path, ours: str, settings: Settings, video: bool) -> Path:
    """The path of an animation's or video's result.

    Args:
        source: For messages.
        stem: The result's path without its suffix, or with it where the settings name the file.
        ours: The suffix that `auto` takes.
        settings: The run's.
        video: Whether it is a video.

    Raises:
        ImageError: Another format was asked for than such an input can be written in.
    """
    accepted = VIDEO_EXTENSIONS if video else ANIMATION_EXTENSIONS
    chosen = Path(settings.name).suffix or ('' if settings.ext == AUTO else f'.{settings.ext}')
    if chosen and chosen[1:].lower() not in accepted:
        raise ImageError(f'{source}: is {"a video" if video else "animated"}, and {chosen[1:]} holds still pictures or '
                         f'others; accepted: --ext {", ".join((AUTO, *accepted))}')
    return stem if settings.name else stem.with_name(stem.name + (chosen or ours))


def animation_suffix(animation: Animation, size: tuple[int, int]) -> str:
    """The input's own format; APNG where the result is too large for that."""
    suffix = {'GIF': '.gif', 'WEBP': '.webp', 'PNG': '.png'}[animation.format]
    return suffix if max(size) <= LONGEST_FRAME[suffix] else '.png'


def one_line(error: BaseException) -> str:
    """What an error says, on one line."""
    return ' '.join(str(error).split()) or type(error).__name__
