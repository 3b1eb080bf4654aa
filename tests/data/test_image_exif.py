"""EXIF data taken apart and put together."""
import io
import struct

import pytest
from PIL import Image

from effsr.data.image_exif import parse_exif, upright_exif


def block(order: str) -> bytes:
    """By hand: orientation 6 and X resolution 72/1 in the first directory, a thumbnail's tag in the second."""
    mark = {'<': b'II', '>': b'MM'}[order]
    head = mark + struct.pack(order + 'HI', 42, 8)
    first = struct.pack(order + 'H', 2) + struct.pack(order + 'HHIHH', 0x0112, 3, 1, 6, 0)
    first += struct.pack(order + 'HHII', 0x011A, 5, 1, 38) + struct.pack(order + 'I', 46)
    values = struct.pack(order + 'II', 72, 1)
    return head + first + values + struct.pack(order + 'HHHIII', 1, 0x0201, 4, 1, 99, 0)


@pytest.mark.parametrize('order', ['<', '>'])
def test_upright_and_without_thumbnail(order):
    read = Image.Exif()
    read.load(upright_exif(block(order), 10, 20))
    assert dict(read) == {0x0112: 1, 0x011A: 72.0}
    assert not read.get_ifd(1)


def test_sizes_are_the_new_ones_and_pointers_are_followed():
    exif = Image.Exif()
    exif[0x010F] = 'A maker with a long name'
    exif.get_ifd(0x8769).update({0xA002: 5, 0xA003: 6, 0x927C: b'note ' * 9})
    exif.get_ifd(0x8825).update({1: 'N', 2: (1.0, 2.0, 3.5)})
    read = Image.Exif()
    read.load(upright_exif(exif.tobytes()[6:], 40, 30))
    assert read[0x010F] == 'A maker with a long name'
    assert dict(read.get_ifd(0x8769)) == {0xA002: 30, 0xA003: 40, 0x927C: b'note ' * 9}
    assert read.get_ifd(0x8825)[2] == (1.0, 2.0, 3.5)


def test_a_saved_jpeg_is_read_by_pillow():
    exif = Image.Exif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    Image.new('RGB', (4, 4)).save(buffer, 'JPEG', exif=b'Exif\0\0' + upright_exif(exif.tobytes()[6:], 4, 4))
    assert Image.open(buffer).getexif()[0x0112] == 1


@pytest.mark.parametrize('data', [
    b'', b'II', b'XX*\0\x08\0\0\0', b'II*\0\xff\xff\xff\xff', b'II+\0\x08\0\0\0', block('<')[:20],
    # A directory that points to itself, and 60 values that share the whole block.
    b'II*\0\x08\0\0\0' + struct.pack('<H', 60) + b''.join(struct.pack('<HHII', n, 7, 700, 0)
                                                                for n in range(60)) + bytes(8),
])
def test_damage_gives_nothing(data):
    assert upright_exif(data, 1, 1) is None


def test_a_directory_within_itself_ends():
    loop = b'II*\0\x08\0\0\0' + struct.pack('<HHHII', 1, 0x8769, 4, 1, 8) + bytes(4)
    assert parse_exif(loop) is not None
