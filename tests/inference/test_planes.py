"""What a network sees of a picture, and what becomes of its answer."""
import numpy as np
import pytest
import torch

from effsr.inference.planes import LUMA, Plane, quantise, split_planes
from effsr.inference.tiling import Span, pad_to_multiple


def noise(height, width, channels, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def whole(length):
    return Span(0, length, 0, length)


@pytest.mark.parametrize('size', [(5, 7), (1, 6), (8, 8), (3, 1)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_windows_are_those_of_the_extended_picture(size, dtype):
    pixels = noise(*size, 3, dtype)
    values = torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1) / np.iinfo(dtype).max)
    padded = pad_to_multiple(values[None], 4)[0]
    spans = [whole(length) for length in padded.shape[1:]]
    torch.testing.assert_close(Plane(pixels, 0).window(*spans, 4), padded)
    row, column = Span(0, 4, 0, 2), Span(0, padded.shape[2], 0, 1)
    torch.testing.assert_close(Plane(pixels, 0).window(row, column, 4), padded[:, :4])


def test_grey_is_seen_thrice_and_answered_as_luma():
    pixels = noise(4, 5, 1)
    plane = Plane(pixels, 0)
    seen = plane.window(whole(4), whole(5), 1)
    assert seen.shape == (3, 4, 5) and torch.equal(seen[0], seen[2])
    answer = torch.rand(3, 8, 10) * 2 - 0.5
    expected = (answer.clamp(0, 1).permute(1, 2, 0).numpy() @ LUMA)[..., None]
    np.testing.assert_array_equal(plane.finish(answer, whole(4), whole(5)), expected)


def test_flat_transparency_ends_a_pixel_before_its_edge_in_parts_as_in_the_whole():
    pixels = np.zeros((6, 12, 1), np.uint16)
    pixels[:, 6:] = 65535
    plane, answer = Plane(pixels, 3, alpha=True), torch.full((3, 12, 24), 0.25)
    found = plane.finish(answer, whole(6), whole(12))[..., 0]
    np.testing.assert_array_equal(found[0], [0] * 10 + [0.25] * 4 + [1] * 10)
    part = plane.finish(answer[:, 2:8, 10:18], Span(0, 6, 1, 4), Span(3, 12, 5, 9))[..., 0]
    np.testing.assert_array_equal(part, found[2:8, 10:18])


@pytest.mark.parametrize(('channels', 'way', 'planes', 'clear'), [
    (1, 'network', [(0, 1, False)], False), (3, 'network', [(0, 3, False)], False),
    (2, 'network', [(0, 1, False), (1, 1, True)], False), (4, 'network', [(0, 3, False), (3, 1, True)], False),
    (2, 'resize', [(0, 1, False)], True), (4, 'resize', [(0, 3, False)], True)])
def test_planes_by_channels(channels, way, planes, clear):
    found, left = split_planes(noise(3, 3, channels), way)
    assert [(plane.channel, plane.channels, plane.alpha) for plane in found] == planes
    assert (left is not None) == clear


def test_constant_transparency():
    pixels = np.full((2, 2, 1), 51, np.uint8)
    assert Plane(pixels, 1, alpha=True).constant() == pytest.approx(0.2)
    assert Plane(pixels, 0).constant() is None
    assert Plane(noise(2, 2, 1), 1, alpha=True).constant() is None


def test_quantising_clips_and_rounds():
    values = np.asarray([-1, 0, 0.4999 / 255, 0.5001 / 255, 1, 2], np.float32)
    np.testing.assert_array_equal(quantise(values, np.uint8), [0, 0, 0, 1, 255, 255])
    assert quantise(values, np.uint16).max() == 65535
