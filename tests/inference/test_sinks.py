"""Rows into memory, and beside the input."""
import numpy as np
from upscale_work import nearest_engine, repeated

from effsr.data.imresize import imresize
from effsr.inference.plan import Plan
from effsr.inference.sinks import PixelSink, SideBySide, compared_width, upscale_pixels


def test_upscaled_into_memory(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 4), np.uint8)
    result, report = upscale_pixels(nearest_engine(tmp_path), pixels)
    np.testing.assert_array_equal(result[..., :3], repeated(pixels[..., :3]))
    assert report.size == (14, 18)
    deep, _ = upscale_pixels(nearest_engine(tmp_path), pixels, Plan(bits=16))
    assert deep.dtype == np.uint16 and np.abs(deep[..., :3] / 257 - result[..., :3]).max() < 0.51


def test_side_by_side_of_two_depths():
    pixels = np.random.default_rng(0).integers(0, 65536, (8, 6, 3)).astype(np.uint16)
    rows = np.random.default_rng(1).integers(0, 256, (16, 12, 3), np.uint8)
    result, both = PixelSink((16, 12, 3), np.uint8), PixelSink((16, compared_width(12), 3), np.uint8)
    sink = SideBySide(pixels, (16, 12), result, both)
    for first in range(0, 16, 5):
        sink.write(rows[first:first + 5])
    np.testing.assert_array_equal(result.pixels, rows)
    np.testing.assert_array_equal(both.pixels[:, 14:], rows)
    plain = imresize(pixels.astype(np.float32) / 257, size=(16, 12))
    assert np.abs(both.pixels[:, :12] - np.clip(plain, 0, 255)).max() < 0.51
