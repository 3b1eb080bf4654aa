"""Upscaling one picture into one file."""
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from effsr.data.image_exif import upright_exif
from effsr.data.image_meta import Meta
from effsr.data.image_rows import open_sink, shortcoming
from effsr.inference.clear import fill_clear
from effsr.inference.engine import Engine, Say
from effsr.inference.jobs import Still
from effsr.inference.plan import output_size
from effsr.inference.settings import Settings
from effsr.inference.sinks import SideBySide, compared_width
from effsr.inference.streaming import Report, RowSink, upscale_stream


def compare_path(target: Path, size: tuple[int, int], channels: int, bits: int) -> Path:
    """Where the comparison goes: beside the result, in its format, or as PNG where it is too wide for that."""
    path = target.with_name(f'{target.stem}_compare{target.suffix}')
    lacks = shortcoming(path, size[0], compared_width(size[1]), channels, bits)
    return path.with_suffix('.png') if lacks else path


def upscale_still(engine: Engine, still: Still, settings: Settings, say: Say,
                  progress: Callable[[float], None] | None) -> Report:
    """Upscale a picture, and write the result, and the comparison where one is wanted, row by row.

    Raises:
        ValueError: As :func:`effsr.inference.streaming.upscale_stream`, or a file cannot be written.
        OutOfMemory: The smallest tile does not fit.
    """
    pixels, bits = fill_clear(still.decoded.pixels), still.bits
    height, width, channels = pixels.shape
    size = output_size(height, width, settings.plan, engine.scale)
    exif = still.decoded.meta.exif
    meta = Meta(still.decoded.meta.icc, upright_exif(exif, *size) if exif else None)
    plan = replace(settings.plan, bits=bits)
    with ExitStack() as files:
        sink: RowSink = files.enter_context(open_sink(still.target, *size, channels, bits, settings.encoding, meta))
        if settings.compare:
            path = compare_path(still.target, size, channels, bits)
            both = files.enter_context(open_sink(path, size[0], compared_width(size[1]), channels, bits,
                                                 settings.encoding, Meta(meta.icc)))
            sink = SideBySide(pixels, size, sink, both)
        return upscale_stream(engine, pixels, sink, plan, say, progress)
