"""Upscaling a video: each picture by itself, with the time that it has; audio and subtitles are copied."""
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from effsr.data.image_encode import whole_path
from effsr.data.image_header import ImageError
from effsr.inference.engine import Engine, Say
from effsr.inference.overlap import WriteBehind, read_ahead
from effsr.inference.plan import output_size
from effsr.inference.settings import Settings
from effsr.inference.sinks import upscale_pixels
from effsr.inference.video_files import FORMATS, Shown, VideoReader, VideoWriter

EVERY_CONTENT = '.mkv'


class Made(NamedTuple):
    """What :func:`upscale_video` wrote: sizes are (height, width)."""

    size_in: tuple[int, int]
    size_out: tuple[int, int]
    frames: int
    notes: tuple[str, ...]


def video_suffix(source: Path) -> str:
    """The input's own format where it is written here, else one that holds everything."""
    suffix = source.suffix.lower()
    return suffix if suffix in FORMATS else EVERY_CONTENT


def upscale_video(engine: Engine, source: Path, target: Path, settings: Settings, say: Say,
                  progress: Callable[[float], None] | None) -> Made:
    """Upscale a video, upright, into a file that appears whole or not at all.

    Audio and subtitles are copied as they are. Time stamps, a variable rate's too, pixel aspect and colour tags go
    through. Sides are cut to even numbers, which the codecs ask for.

    Raises:
        ValueError: The video is damaged, or the result cannot be written.
        OutOfMemory: The smallest tile does not fit.
    """
    with VideoReader(source) as reader, whole_path(target) as temporary, \
            closing(read_ahead(reader.events(), 4)) as events:
        begun = list(_up_to_a_picture(events))
        if not begun or not isinstance(begun[-1], Shown):
            raise ImageError(f'{source}: holds no pictures; accepted: a video')
        work = _Work(engine, reader, begun[-1].pixels.shape[:2], settings, say, progress)
        turned = work.size_in != (reader.video.height, reader.video.width)
        deep = settings.plan.bits == 16 or (settings.plan.bits is None and reader.look().deep)
        with VideoWriter(temporary, target, reader, settings.film, deep, work.size_out, turned) as writer:
            with WriteBehind(writer.add) as behind:
                for event in work.results(chain(begun, events)):
                    behind.put(event)
            writer.finish()
        return Made(work.size_in, work.size_out, work.frames, (*work.notes, *writer.notes))


def _up_to_a_picture(events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        yield event
        if isinstance(event, Shown):
            return


class _Work:
    """The pictures of a video, one after the other."""

    def __init__(self, engine: Engine, reader: VideoReader, size: tuple[int, int], settings: Settings, say: Say,
                 progress: Callable[[float], None] | None):
        self.engine, self.reader, self.settings = engine, reader, settings
        self.say, self.progress = say, progress
        self.size_in = size
        whole = output_size(*size, settings.plan, engine.scale)
        self.size_out = (max(2, whole[0] // 2 * 2), max(2, whole[1] // 2 * 2))
        self.frames = 0
        self.notes = [f'cut from {whole[1]}x{whole[0]} to even sides'] if self.size_out != whole else []
        self._count = reader.count

    def results(self, events: Iterable[Any]) -> Iterator[Any]:
        """What is to be written, in the order in which the input has it."""
        for event in events:
            if not isinstance(event, Shown):
                yield event
                continue
            if event.pixels.shape[:2] != self.size_in:
                raise ImageError(f'{self.reader.path}: its pictures change their size; accepted: videos of one size')
            pixels, _ = upscale_pixels(self.engine, event.pixels, self.settings.plan, self.say)
            height, width = self.size_out
            yield event._replace(pixels=pixels[:height, :width])
            self.frames += 1
            if self.progress is not None and self._count:
                self.progress(min(1.0, self.frames / self._count))
