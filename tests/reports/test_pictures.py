import base64

import numpy as np
from report_example import drawn

from effsr.data.image_io import rgb_from_bytes
from effsr.reports.pictures import Embedded, in_turn


def test_pictures_are_kept_to_the_bit_and_once():
    embedded = Embedded()
    noise = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    first, second, again = (embedded.add(picture) for picture in (drawn(0), noise, drawn(0).copy()))
    assert (first, second, again) == (0, 1, 0)
    for picture, text in zip((drawn(0), noise), embedded.texts, strict=True):
        np.testing.assert_array_equal(rgb_from_bytes(base64.b64decode(text), 'embedded'), picture)
    assert embedded.size == sum(map(len, embedded.texts))
    assert sum(1 for _ in embedded.html()) == 2


def test_what_webp_cannot_hold_is_png():
    embedded = Embedded()
    long = np.zeros((1, 16384, 3), np.uint8)
    embedded.add(long)
    assert embedded.kinds == ['image/png']
    np.testing.assert_array_equal(rgb_from_bytes(base64.b64decode(embedded.texts[0]), 'embedded'), long)


def test_sets_take_turns():
    assert list(in_turn({'a': '123', 'b': '4'})) == [('a', '1'), ('b', '4'), ('a', '2'), ('a', '3')]
    assert list(in_turn({})) == []
