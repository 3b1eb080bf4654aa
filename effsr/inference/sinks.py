"""What takes an upscaled picture's rows, beside files."""
import numpy as np

from effsr.inference.engine import Engine, Say, silent
from effsr.inference.plan import Plan, output_size
from effsr.inference.resizing import ResizedPlane
from effsr.inference.streaming import Report, RowSink, upscale_stream


class PixelSink:
    """Rows into memory.

    Args:
        shape: Height, width, channels.
        dtype: uint8 or uint16.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype | type):
        self.pixels = np.empty(shape, dtype)
        self.rows = 0

    def write(self, rows: np.ndarray) -> None:
        """The next rows."""
        self.pixels[self.rows:self.rows + len(rows)] = rows
        self.rows += len(rows)


class SideBySide:
    """Hands rows on, and beside the input, enlarged bicubically, to a second sink.

    Args:
        pixels: The input, uint8 or uint16 (H, W, C).
        size: (height, width) of the result.
        result: Takes the result's rows.
        both: Takes rows of :func:`compared_width` pixels: input, a white line, result.
    """

    def __init__(self, pixels: np.ndarray, size: tuple[int, int], result: RowSink, both: RowSink):
        self._top = np.iinfo(pixels.dtype).max
        self._left = ResizedPlane(pixels, size)
        self._line = compared_width(size[1]) - 2 * size[1]
        self._result, self._both = result, both

    def write(self, rows: np.ndarray) -> None:
        """The next rows of the result."""
        top = np.iinfo(rows.dtype).max
        left = np.rint(np.clip(self._left.take(len(rows)) / self._top, 0, 1) * top).astype(rows.dtype)
        line = np.full((len(rows), self._line, rows.shape[2]), top, rows.dtype)
        self._both.write(np.concatenate([left, line, rows], axis=1))
        self._result.write(rows)


def compared_width(width: int) -> int:
    """Of a comparison whose halves are so wide."""
    return 2 * width + max(2, width // 200)


def upscale_pixels(engine: Engine, pixels: np.ndarray, plan: Plan | None = None,
                   say: Say = silent) -> tuple[np.ndarray, Report]:
    """Upscale a picture that fits in memory; arguments and errors are those of
    :func:`effsr.inference.streaming.upscale_stream`.

    Returns:
        The result, (H', W', C) of the plan's bits, and what was done.
    """
    plan = plan or Plan()
    dtype = {8: np.uint8, 16: np.uint16, None: pixels.dtype}[plan.bits]
    size = output_size(*pixels.shape[:2], plan, engine.scale)
    sink = PixelSink((*size, pixels.shape[2]), dtype)
    report = upscale_stream(engine, pixels, sink, plan, say)
    return sink.pixels, report
