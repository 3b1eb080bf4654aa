"""What effsr/upscale.py says while it works: a line for each file, a bar with the time that is left, a summary."""
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from effsr.data.image_header import ImageError
from effsr.data.image_io import image_size
from effsr.inference.sources import Source
from effsr.inference.upscaling import Outcome
from effsr.runtime.bar import on_terminal, share_bar

UNKNOWN_PIXELS = 1_000_000  # of a video, or of what cannot be read


class Teller:
    """Says what becomes of the files of a run; on a terminal below a bar."""

    def __init__(self) -> None:
        self.made = self.done = self.failed = 0
        self._bar: tqdm | None = None
        self._weights: list[int] = []
        self._started = time.perf_counter()
        self._said: set[str] = set()

    @property
    def count(self) -> int:
        return self.made + self.done + self.failed

    def line(self, text: str, error: bool = False) -> None:
        """A line above the bar."""
        stream = sys.stderr if error else sys.stdout
        if self._bar is None:
            print(text, file=stream, flush=True)
        else:
            tqdm.write(text, file=stream)

    def note(self, text: str) -> None:
        """Something that is worth knowing, once."""
        if text not in self._said:
            self._said.add(text)
            self.line(f'note     {text}')

    @contextmanager
    def following(self, sources: Sequence[Source]) -> Iterator[None]:
        """Draw the bar while files are upscaled; their pixels, as headers tell them, are its measure."""
        self._weights = [_pixels(source) for source in sources] if on_terminal(sys.stderr) else [1] * len(sources)
        if not on_terminal(sys.stderr):
            yield
            return
        with share_bar(sum(self._weights)) as bar:
            self._bar = bar
            try:
                yield
            finally:
                self._bar = None

    def progress(self, part: float) -> None:
        """The part of the file at hand that is done."""
        if self._bar is not None and self.count < len(self._weights):
            self._move(sum(self._weights[:self.count]) + part * self._weights[self.count])

    def report(self, outcome: Outcome) -> None:
        """A line for a file."""
        number = f'[{self.count + 1}/{len(self._weights)}]'
        if outcome.error:
            self.failed += 1
            self.line(f'{number} failed: {outcome.error}', error=True)
        elif outcome.done:
            self.done += 1
            self.line(f'{number} {outcome.source}: {outcome.target} is there, made with the same settings')
        else:
            self.made += 1
            self.line(f'{number} {_told(outcome)}')
        if self._bar is not None:
            self._move(sum(self._weights[:self.count]))

    def summary(self, output: object) -> None:
        """The last line."""
        kept = f'{self.done} there already, ' if self.done else ''
        self.line(f'{self.made} upscaled, {kept}{self.failed} failed -> {output} '
                  f'({time.perf_counter() - self._started:.1f} s)')

    def _move(self, place: float) -> None:
        self._bar.update(place - self._bar.n)


def _told(outcome: Outcome) -> str:
    (height, width), (new_height, new_width) = outcome.size_in, outcome.size_out
    further = [f'{outcome.frames} frames'] if outcome.frames != 1 else []
    further += [f'tiles of {outcome.tile[1]}x{outcome.tile[0]}'] if any(outcome.tile) else []
    further += outcome.notes
    return (f'{outcome.source} {width}x{height} -> {outcome.target} {new_width}x{new_height} '
            f'({"; ".join([f"{outcome.seconds:.2f} s", *further])})')


def _pixels(source: Source) -> int:
    try:
        height, width = image_size(source.path)
    except ImageError:
        return UNKNOWN_PIXELS
    return height * width
