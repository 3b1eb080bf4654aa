"""Upscaling files with a trained network: what effsr/upscale.py does, less the talking."""
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from effsr.data.image_animation import Animation
from effsr.data.image_header import ImageError
from effsr.inference.animation import upscale_animation
from effsr.inference.engine import Engine, OutOfMemory, Say, silent
from effsr.inference.jobs import VIDEO, Loaded, animation_suffix, load, moving_target, one_line, prepare_still
from effsr.inference.journal import Journal
from effsr.inference.overlap import read_ahead
from effsr.inference.plan import output_size
from effsr.inference.precision import check_device
from effsr.inference.settings import Settings
from effsr.inference.sources import Source, output_stems
from effsr.inference.stills import compare_path, upscale_still
from effsr.inference.streaming import Report

choose_device = check_device  # the name by which measurements know it


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        source: The input.
        error: What went wrong, '' for nothing.
        target: The result.
        size_in, size_out: (height, width).
        tile: (height, width) of tiles, their halo included; (0, 0) where the network saw the whole at once.
        frames: How many.
        seconds: Wall-clock time.
        notes: What was changed or lost on the way.
        done: Whether the result was there already, so that nothing was done.
    """

    source: Path
    error: str = ''
    target: Path | None = None
    size_in: tuple[int, int] = (0, 0)
    size_out: tuple[int, int] = (0, 0)
    tile: tuple[int, int] = (0, 0)
    frames: int = 1
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    done: bool = False


def upscale_files(engine: Engine, sources: Sequence[Source], settings: Settings, say: Say = silent,
                  progress: Callable[[float], None] | None = None) -> Iterator[Outcome]:
    """Upscale one file after another. What is wrong with one is told in its outcome, and the rest are done.

    Args:
        engine: From :func:`effsr.inference.engine.open_engine` or an exported file.
        sources: From :func:`effsr.inference.sources.list_sources`.
        settings: How, and where to.
        say: Told in one line each what the user should know.
        progress: Told the part of the file at hand that is done, in [0, 1].

    Yields:
        One outcome for each source, in their order.
    """
    journal = Journal(settings.output)
    run = _Run(engine, settings, journal, say, progress)
    loading = read_ahead((load(source, settings, journal) for source in sources), 1)
    with closing(loading):
        for loaded, stem in zip(loading, output_stems(sources), strict=True):
            yield run.outcome(loaded, stem)


class _Run:
    """What the files of a run share."""

    def __init__(self, engine: Engine, settings: Settings, journal: Journal, say: Say,
                 progress: Callable[[float], None] | None):
        self.engine, self.settings, self.journal = engine, settings, journal
        self.say, self.progress = say, progress
        self._written: set[Path] = set()
        self._folders: list[Path] = []  # made here, deepest first

    def outcome(self, loaded: Loaded, stem: str) -> Outcome:
        source, started = loaded.source, time.perf_counter()
        if loaded.error:
            return Outcome(source.path, loaded.error)
        if loaded.done is not None:
            self._written.add(loaded.done)
            return Outcome(source.path, target=loaded.done, done=True)
        name = self.settings.name or stem + (f'_{self.settings.suffix}' if self.settings.suffix else '')
        place = self.settings.output / source.below / name
        try:
            made = self._upscale(loaded, place)
        except (OutOfMemory, MemoryError) as error:
            return self._failed(source.path, f'{source.path}: {one_line(error)}; pass a smaller --tile, or free memory')
        except ImageError as error:
            return self._failed(source.path, one_line(error))
        except (ValueError, RuntimeError, OSError) as error:
            return self._failed(source.path, f'{source.path}: {one_line(error)}')
        self._written.add(made.target)
        self.journal.note(source.path, self.settings.naming, made.target, self.settings.record())
        return replace(made, seconds=time.perf_counter() - started)

    def _failed(self, source: Path, error: str) -> Outcome:
        for folder in self._folders:
            with suppress(OSError):  # it holds other results
                folder.rmdir()
        return Outcome(source, error)

    def _upscale(self, loaded: Loaded, place: Path) -> Outcome:
        if loaded.content == VIDEO:
            return self._video(loaded.source.path, place)
        if isinstance(loaded.content, Animation):
            return self._animation(loaded.source.path, loaded.content, place)
        return self._still(loaded, place)

    def _still(self, loaded: Loaded, place: Path) -> Outcome:
        source, settings = loaded.source.path, self.settings
        still = prepare_still(source, loaded.content, place, self.engine.scale, settings)
        size = still.decoded.pixels.shape[:2]
        self._free(source, still.target)
        if settings.compare:
            out = output_size(*size, settings.plan, self.engine.scale)
            self._free(source, compare_path(still.target, out, still.decoded.pixels.shape[2], still.bits))
        report = upscale_still(self.engine, still, settings, self.say, self.progress)
        return Outcome(source, '', still.target, size, report.size, _tile(report), notes=still.notes)

    def _animation(self, source: Path, animation: Animation, place: Path) -> Outcome:
        size = output_size(*animation.size, self.settings.plan, self.engine.scale)
        target = moving_target(source, place, animation_suffix(animation, size), self.settings, video=False)
        self._free(source, target)
        report = upscale_animation(self.engine, animation, target, self.settings, self.say, self.progress)
        return Outcome(source, '', target, animation.size, report.size, _tile(report), len(animation.durations))

    def _video(self, source: Path, place: Path) -> Outcome:
        from effsr.inference.video import upscale_video, video_suffix  # PyAV is optional
        target = moving_target(source, place, video_suffix(source), self.settings, video=True)
        self._free(source, target)
        made = upscale_video(self.engine, source, target, self.settings, self.say, self.progress)
        return Outcome(source, '', target, made.size_in, made.size_out, (0, 0), made.frames, notes=made.notes)

    def _free(self, source: Path, target: Path) -> None:
        """Make sure that a path can be written, and its folder is there.

        Raises:
            ImageError: Something is in the way.
        """
        if target in self._written:
            raise ImageError(f'{source}: {target} is the output of another input of this run; rename one of them')
        if target.is_dir():
            raise ImageError(f'{source}: {target} is a folder; move it, or choose another -o or --suffix')
        if target.exists():
            if target.samefile(source):
                raise ImageError(f'{source}: {target} exists; it is the input itself; choose another -o or --suffix')
            if not self.settings.overwrite:
                raise ImageError(f'{source}: {target} exists; pass --overwrite to replace it')
        new = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        self._folders = [*new, *(folder for folder in self._folders if folder not in new)]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(f'{target.parent}: cannot be made ({error.strerror}); choose another -o') from error


def _tile(report: Report) -> tuple[int, int]:
    return report.tile if report.tiles > 1 else (0, 0)
