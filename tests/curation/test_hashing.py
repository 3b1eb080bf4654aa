"""The perceptual hash."""
import cv2
import numpy as np
import planted
import pytest

from effsr.curation import hashing


def hash_of(rgb):
    return hashing.perceptual_hash(hashing.thumbnail(rgb))


def test_signs_of_the_cosines_by_hand():
    """A picture that is one cosine has that frequency alone; a second one, subtracted, has the other sign."""
    places = (np.arange(64) + 0.5) * np.pi / 64
    wave = 60 * np.cos(3 * places)[None, :] - 40 * np.cos(2 * places)[:, None] * np.cos(5 * places)[None, :]
    bits = hashing.perceptual_hash(np.rint(128 + wave).astype(np.uint8))
    assert bits.shape == (255,) and bits.dtype == np.int8 and set(np.unique(bits)) == {-1, 1}
    assert bits[3 - 1] == 1 and bits[2 * 16 + 5 - 1] == -1


@pytest.mark.parametrize('symmetry', range(8))
def test_the_hash_of_a_turned_picture_is_known_without_hashing_it(symmetry):
    rgb = planted.picture(1)
    own = hash_of(rgb)[None]
    assert np.array_equal(hashing.transformed_hashes(own, symmetry)[0], hash_of(hashing.transformed(rgb, symmetry)))


def test_the_symmetries_are_the_eight_of_the_square():
    rgb = planted.picture(2, 24, 24)
    seen = {hashing.transformed(rgb, symmetry).tobytes() for symmetry in range(8)}
    wanted = {np.rot90(side, turns).tobytes() for side in (rgb, rgb[:, ::-1]) for turns in range(4)}
    assert seen == wanted and len(seen) == 8


@pytest.mark.parametrize('change', [
    lambda rgb: planted.compressed(rgb, 30), lambda rgb: planted.scaled(rgb, 0.5), lambda rgb: rgb[:, ::-1],
    np.rot90, lambda rgb: np.clip(rgb * 1.1 + 10, 0, 255).astype(np.uint8),
    lambda rgb: cv2.resize(rgb, (200, 90), interpolation=cv2.INTER_AREA)])
def test_copies_are_near_and_strangers_far(change):
    own, copy, stranger = (hash_of(rgb) for rgb in (planted.picture(3), change(planted.picture(3)), planted.picture(4)))
    bits, _ = hashing.distances(own[None], np.stack([copy, stranger]))
    assert bits.shape == (1, 2) and bits[0, 0] <= 20 and bits[0, 1] > 80


def test_distances_say_which_symmetry():
    rgb = planted.picture(5)
    others = np.stack([hash_of(hashing.transformed(rgb, symmetry)) for symmetry in range(8)])
    bits, symmetries = hashing.distances(hash_of(rgb)[None], others)
    assert bits.tolist() == [[0] * 8] and symmetries.tolist() == [list(range(8))]


@pytest.mark.parametrize('height, width', [(1, 1), (3, 500), (63, 64)])
def test_a_thumbnail_of_anything(height, width):
    small = hashing.thumbnail(np.full((height, width, 3), 77, np.uint8))
    assert small.shape == (64, 64) and small.dtype == np.uint8 and (small == 77).all()
