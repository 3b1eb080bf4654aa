"""Upscaling an animated picture into one of the same timing."""
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from effsr.data.image_animation import Animation
from effsr.data.image_frames import AnimationFile, Film
from effsr.inference.clear import fill_clear
from effsr.inference.engine import Engine, Say
from effsr.inference.plan import output_size
from effsr.inference.settings import Settings
from effsr.inference.sinks import upscale_pixels
from effsr.inference.streaming import Report


def upscale_animation(engine: Engine, animation: Animation, target: Path, settings: Settings, say: Say,
                      progress: Callable[[float], None] | None) -> Report:
    """Upscale each frame by itself.

    Returns:
        What was done for the last frame.

    Raises:
        ValueError: As :func:`effsr.inference.streaming.upscale_stream`, or the file cannot be written.
        OutOfMemory: The smallest tile does not fit.
    """
    count = len(animation.durations)
    size = output_size(*animation.size, settings.plan, engine.scale)
    film = Film(size, animation.channels, count, animation.plays, animation.meta)
    plan = replace(settings.plan, bits=8)
    report = None
    with AnimationFile(target, film, settings.encoding) as file:
        for number, (frame, duration) in enumerate(zip(animation.frames(), animation.durations, strict=True), 1):
            pixels, report = upscale_pixels(engine, fill_clear(frame), plan, say)
            file.add(pixels, duration)
            if progress is not None:
                progress(number / count)
    return report
