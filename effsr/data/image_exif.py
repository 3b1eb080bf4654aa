"""EXIF data: directories of tags inside a TIFF block (CIPA DC-008, Exif 2.32; TIFF 6.0, section 2).

The block is taken apart and put together again, since pointers are offsets: what is left out or changed moves the
rest. Values stay the bytes that they were, in little-endian order.
"""
import struct
from dataclasses import dataclass

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SWAPPED = {5: 4, 10: 4}  # fractions are two numbers
POINTERS = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
ORIENTATION, WIDTH, HEIGHT = 0x0112, 0xA002, 0xA003
LONG, LONG8 = 4, 16
DEEPEST = 3
# What says how a file's own pixels are stored, and what repeats it (XMP, Photoshop's blocks with their thumbnails).
OWN_TAGS = frozenset((254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 284, 290, 291, 301,
                      317, 318, 319, 320, 322, 323, 324, 325, 330, 332, 338, 339, 347, 513, 514, 529, 530, 531, 532,
                      34675))


@dataclass(frozen=True)
class Entry:
    """A tag and its value: ``count`` items of a TIFF type, as little-endian bytes; or, of a pointer, a directory."""

    tag: int
    kind: int
    count: int
    value: 'bytes | Directory'


@dataclass(frozen=True)
class Directory:
    """Entries of one directory; those it points to lie within."""

    entries: tuple[Entry, ...]

    def serialise(self, place: int, big: bool = False) -> bytes:
        """The bytes of this directory, of its values and of those below it, to be put at an even offset.

        Args:
            place: The offset of the first byte in the file.
            big: In BigTIFF's layout, with offsets of 8 bytes.
        """
        entries = sorted(self.entries, key=lambda entry: entry.tag)
        count, record, offset = ('<Q', '<HHQ', '<Q') if big else ('<H', '<HHI', '<I')
        inline = struct.calcsize(offset)
        head, tail = struct.pack(count, len(entries)), b''
        start = place + len(head) + len(entries) * (struct.calcsize(record) + inline) + inline
        for entry in entries:
            if isinstance(entry.value, Directory):
                tail += b'\0' * (len(tail) % 2)
                below = start + len(tail)
                tail += entry.value.serialise(below, big)
                head += struct.pack(record, entry.tag, LONG8 if big else LONG, 1) + struct.pack(offset, below)
                continue
            value = entry.value
            if len(value) > inline:
                tail += b'\0' * (len(tail) % 2)
                value, tail = struct.pack(offset, start + len(tail)), tail + value
            head += struct.pack(record, entry.tag, entry.kind, entry.count) + value.ljust(inline, b'\0')
        return head + b'\0' * inline + tail


def parse_exif(block: bytes) -> Directory | None:
    """The first directory of a TIFF block with those it points to; None where it cannot be read.

    The second directory, which holds a thumbnail, is left out.
    """
    order = {b'II': '<', b'MM': '>'}.get(block[:2])
    try:
        if order is None or struct.unpack_from(order + 'H', block, 2) != (42,):
            return None
        return _Block(block, order).directory(struct.unpack_from(order + 'I', block, 4)[0], DEEPEST)
    except struct.error:
        return None


def upright_exif(block: bytes, height: int, width: int) -> bytes | None:
    """EXIF data for a picture made of the one it came with: upright, of another size, without a thumbnail.

    Returns:
        A new TIFF block, or None where the old one cannot be read or holds nothing else.
    """
    directory = parse_exif(block)
    if directory is None:
        return None
    kept = tuple(entry for entry in directory.entries if entry.tag not in OWN_TAGS or entry.tag == ORIENTATION)
    renewed = _replaced(Directory(kept), {WIDTH: width, HEIGHT: height})
    return struct.pack('<2sHI', b'II', 42, 8) + renewed.serialise(8) if kept else None


def _replaced(directory: Directory, sizes: dict[int, int]) -> Directory:
    def renewed(entry: Entry) -> Entry:
        if isinstance(entry.value, Directory):
            return Entry(entry.tag, entry.kind, entry.count, _replaced(entry.value, sizes))
        if entry.tag == ORIENTATION:
            return Entry(entry.tag, 3, 1, struct.pack('<H', 1))
        if entry.tag in sizes:
            return Entry(entry.tag, LONG, 1, struct.pack('<I', sizes[entry.tag]))
        return entry
    return Directory(tuple(map(renewed, directory.entries)))


class _Block:
    """A TIFF block to be taken apart. Its values together cannot be longer than it: hostile tables share bytes."""

    def __init__(self, data: bytes, order: str):
        self.data, self.order = data, order
        self._left = len(data)

    def directory(self, place: int, depth: int) -> Directory:
        """The one at an offset; struct.error where it reaches beyond the end."""
        (count,) = self._unpack('H', place)
        entries: dict[int, Entry] = {}
        for at in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, items = self._unpack('HHI', at)
            size = SIZES.get(kind, 0) * items
            offset = at + 8 if size <= 4 else self._unpack('I', at + 8)[0]
            if not size or offset + size > len(self.data) or tag in entries:
                continue  # of an unknown type, or damaged: this one alone is lost
            self._left -= size
            if self._left < 0:
                raise struct.error('values share their bytes')
            if tag not in POINTERS:
                value = self.data[offset:offset + size]
                entries[tag] = Entry(tag, kind, items, _swapped(value, kind) if self.order == '>' else value)
            elif depth and size == 4:
                entries[tag] = Entry(tag, LONG, 1, self.directory(self._unpack('I', offset)[0], depth - 1))
        return Directory(tuple(entries.values()))

    def _unpack(self, kinds: str, place: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + kinds, self.data, place)


def _swapped(value: bytes, kind: int) -> bytes:
    size = SWAPPED.get(kind, SIZES[kind])
    return b''.join(value[first:first + size][::-1] for first in range(0, len(value), size))
