"""Video files in and out, by PyAV: pictures as arrays, everything else as it was."""
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from effsr.data.image_header import ImageError
from effsr.inference.settings import AUTO, Film

try:
    import av
except ImportError as error:  # whoever calls is told
    raise ImageError('videos need PyAV, which is not installed; pip install "effsr[video]", or from a checkout '
                     'pip install -e ".[video]"') from error

FORMATS = {'.mp4': 'mp4', '.m4v': 'mp4', '.mov': 'mov', '.mkv': 'matroska', '.webm': 'webm'}
ENCODERS = {'h264': 'libx264', 'hevc': 'libx265', 'av1': 'libsvtav1', 'vp9': 'libvpx-vp9', 'ffv1': 'ffv1'}
CRF = {'h264': 18, 'hevc': 20, 'av1': 26, 'vp9': 26}
FURTHER = {'hevc': {'x265-params': 'log-level=error'}, 'av1': {'preset': '8'},
           'vp9': {'b': '0', 'row-mt': '1', 'cpu-used': '4'}}
BT709, UNSPECIFIED, BT601 = 1, 2, 6  # H.273, matrix coefficients
LIMITED = 1
# FFmpeg's swscale: bicubic chroma at each pixel, rounded. As it comes, it cuts, and pictures lose a level.
EXACT = 0x4 | 0x2000 | 0x4000 | 0x40000
HIGH_DEFINITION = 720  # rows; players take untagged pictures of fewer for BT.601, of more for BT.709


class Shown(NamedTuple):
    """A picture of a video.

    Attributes:
        pixels: uint8 or uint16 (H, W, 3), upright.
        pts: When it is shown, in units of the video's time base.
        duration: How long, in these; 0 where it is not said.
    """

    pixels: np.ndarray
    pts: int
    duration: int


@dataclass(frozen=True)
class Look:
    """How a video's numbers become what is seen.

    Attributes:
        deep: More than 8 bits.
        full_chroma: Colour at each pixel, 4:4:4.
        matrix, primaries, transfer: By the numbers of H.273.
        aspect: Width of a pixel over its height.
    """

    deep: bool
    full_chroma: bool
    matrix: int
    primaries: int
    transfer: int
    aspect: Fraction | None


class VideoReader:
    """A video that is read; a context manager.

    Args:
        path: The file.

    Raises:
        ImageError: It cannot be read, or has no pictures.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise ImageError(f'{path}: not a video that can be read ({_reason(error)}); copy it again or take it out'
                             ) from error
        self.video = self.container.streams.best('video')
        if self.video is None:
            self.container.close()
            raise ImageError(f'{path}: holds no pictures; accepted: a video')
        self.video.thread_type = 'AUTO'
        self.others = [stream for stream in self.container.streams if stream.type in ('audio', 'subtitle')]

    def __enter__(self) -> 'VideoReader':
        return self

    def __exit__(self, *reason: object) -> None:
        self.container.close()

    @property
    def rate(self) -> Fraction:
        """Pictures a second, on average."""
        return self.video.average_rate or self.video.guessed_rate or Fraction(25)

    @property
    def count(self) -> int:
        """About how many pictures; 0 where nothing tells."""
        if self.video.frames:
            return self.video.frames
        seconds = (self.container.duration or 0) / av.time_base
        return int(seconds * self.rate)

    def events(self) -> Iterator[Any]:
        """Pictures, :class:`Shown`, and the packets of audio and subtitles, in the order of the file.

        Raises:
            ImageError: It is damaged.
        """
        last = None
        try:
            for packet in self.container.demux([self.video, *self.others]):
                if packet.stream is not self.video:
                    if packet.dts is not None:
                        yield packet
                    continue
                for frame in packet.decode():
                    last = self._time(frame, last)
                    yield Shown(_pixels(frame), last, frame.duration or 0)
        except av.FFmpegError as error:
            raise ImageError(f'{self.path}: damaged video ({_reason(error)}); copy it again or take it out') from error

    def look(self) -> Look:
        """From the header, and from the first picture where that says nothing."""
        context = self.video.codec_context
        components = context.format.components if context.format else ()
        luma = components[0] if components else None
        deep = luma is not None and max(component.bits for component in components) > 8
        chroma = len(components) > 2 and context.format.width and components[1].width == luma.width
        matrix = int(context.colorspace)
        if matrix in (0, UNSPECIFIED):
            matrix = BT709 if context.height >= HIGH_DEFINITION else BT601
        return Look(deep, bool(chroma), matrix, int(context.color_primaries), int(context.color_trc),
                    self.video.sample_aspect_ratio)

    def _time(self, frame: Any, last: int | None) -> int:
        step = max(1, round(1 / (self.rate * self.video.time_base)))
        pts = frame.pts if frame.pts is not None else 0 if last is None else last + step
        return pts if last is None else max(pts, last + 1)


def _pixels(frame: Any) -> np.ndarray:
    deep = max(component.bits for component in frame.format.components) > 8
    matrix = int(frame.colorspace)
    if matrix in (0, UNSPECIFIED):
        matrix = BT709 if frame.height >= HIGH_DEFINITION else BT601
    rgb = frame.reformat(format='rgb48le' if deep else 'rgb24', src_colorspace=matrix,
                        interpolation=EXACT).to_ndarray()
    # Degrees against the clock.
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


class VideoWriter:
    """A video that is written; a context manager.

    Args:
        path: The file to write; what it is to be is told by ``target``.
        target: Its suffix says the format; for messages.
        reader: Where audio, subtitles, time base and metadata come from.
        film: Codec and quality.
        deep: Whether to write 10 bits.
        size: (height, width), even.
        turned: Whether pictures were turned by a quarter.
    """

    def __init__(self, path: Path, target: Path, reader: VideoReader, film: Film, deep: bool, size: tuple[int, int],
                 turned: bool):
        self.target = target
        self.notes: list[str] = []
        self._reader = reader
        self.look = replace(reader.look(), deep=deep)
        suffix = target.suffix.lower()
        codec = film.codec if film.codec != AUTO else 'vp9' if suffix == '.webm' else 'h264'
        if ENCODERS[codec] not in av.codecs_available:
            raise ImageError(f'{target}: this PyAV has no {ENCODERS[codec]}; accepted: another --codec')
        options = {'movflags': '+faststart'} if suffix in ('.mp4', '.m4v', '.mov') else {}
        try:
            self.container = av.open(str(path), 'w', format=FORMATS[suffix], options=options)
        except (av.FFmpegError, OSError) as error:
            raise ImageError(f'{target}: cannot be written ({_reason(error)}); check that the folder may be written to'
                             ) from error
        self.container.metadata.update({name: value for name, value in reader.container.metadata.items()
                                        if name in ('title', 'artist', 'comment', 'creation_time', 'date')})
        try:
            self._stream = self._video_stream(codec, film, size, turned)
            self._copies = {stream.index: self._copied(stream) for stream in reader.others}
        except BaseException:
            self.container.close()  # an open file cannot be removed on Windows
            raise

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(self, *reason: object) -> None:
        self.container.close()

    def add(self, event: Any) -> None:
        """A :class:`Shown`, of the size that was told, or a packet to be copied.

        Raises:
            ImageError: It cannot be encoded or written.
        """
        try:
            if isinstance(event, Shown):
                self.container.mux(self._stream.encode(self._frame(event)))
            elif self._copies.get(event.stream.index) is not None:
                event.stream = self._copies[event.stream.index]
                self.container.mux(event)
        except (av.FFmpegError, ValueError) as error:
            raise ImageError(f'{self.target}: cannot be written ({_reason(error)}); try --ext mkv or another --codec'
                             ) from error

    def finish(self) -> None:
        """After the last event.

        Raises:
            ImageError: It cannot be encoded or written.
        """
        try:
            self.container.mux(self._stream.encode(None))
            self.container.close()
        except (av.FFmpegError, ValueError) as error:
            raise ImageError(f'{self.target}: cannot be written ({_reason(error)}); try --ext mkv or another --codec'
                             ) from error

    def _video_stream(self, codec: str, film: Film, size: tuple[int, int], turned: bool) -> Any:
        options = dict(FURTHER.get(codec, {}))
        if codec in CRF:
            options['crf'] = str(CRF[codec] if film.crf is None else film.crf)
        stream = self.container.add_stream(ENCODERS[codec], rate=self._reader.rate, options=options)
        context = stream.codec_context
        context.height, context.width = size
        if self.look.aspect and self.look.aspect != 1:
            context.sample_aspect_ratio = 1 / self.look.aspect if turned else self.look.aspect
        # Time stamps go through as they are, of a variable rate too.
        context.time_base = self._reader.video.time_base
        if codec == 'ffv1':
            context.pix_fmt = 'gbrp16le' if self.look.deep else 'bgr0'
        else:
            context.pix_fmt = ('yuv444p' if self.look.full_chroma else 'yuv420p') + ('10le' if self.look.deep else '')
            context.colorspace, context.color_range = self.look.matrix, LIMITED
        context.color_primaries, context.color_trc = self.look.primaries, self.look.transfer
        return stream

    def _copied(self, stream: Any) -> Any:
        known = self.container.supported_codecs
        name = stream.codec_context.codec.canonical_name if stream.codec_context else ''
        if known and name and name not in known:
            if stream.type == 'audio':
                raise ImageError(f'{self._reader.path}: its audio is {name}, which {self.target.suffix} cannot hold; '
                                 'pass --ext mkv')
            self.notes.append(f'{name} subtitles left out, as {self.target.suffix} cannot hold them')
            return None
        return self.container.add_stream_from_template(stream)

    def _frame(self, shown: Shown) -> Any:
        kind = 'rgb48le' if shown.pixels.dtype == np.uint16 else 'rgb24'
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown.pixels), format=kind)
        context = self._stream.codec_context
        if context.pix_fmt.startswith('yuv'):
            frame = frame.reformat(format=context.pix_fmt, dst_colorspace=self.look.matrix,
                                  interpolation=EXACT)
            frame.colorspace, frame.color_range = self.look.matrix, LIMITED
        else:
            frame = frame.reformat(format=context.pix_fmt)
        frame.pts, frame.time_base = shown.pts, self._reader.video.time_base
        if shown.duration:
            frame.duration = shown.duration
        return frame


def _reason(error: BaseException) -> str:
    return ' '.join(str(getattr(error, 'strerror', None) or error).split())
