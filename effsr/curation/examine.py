"""What a check sees of one picture."""
import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from effsr.data.image_decode import decode_bytes
from effsr.data.image_header import open_header
from effsr.data.storages.packed_storage import PackedStorage
from effsr.data.storages.storage import Storage

UPRIGHT = 1


class Seen(NamedTuple):
    """Of one picture that decodes.

    Attributes:
        size: Height and width in pixels, upright.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha, as stored.
        bits: 8 or 16.
        clear: Whether a pixel is not opaque.
        turned: Whether the file says that it is to be turned (EXIF), which reading does.
        format: 'PNG', 'JPEG' ...; 'pixels' where those alone are stored.
        digest: Of the pixels.
    """

    size: tuple[int, int]
    channels: int
    bits: int
    clear: bool
    turned: bool
    format: str
    digest: str

    @property
    def mode(self) -> str:
        """'grey', 'RGB with alpha, 16 bit' ..."""
        return (('grey' if self.channels < 3 else 'RGB') + (' with alpha' if self.channels in (2, 4) else '')
                + (', 16 bit' if self.bits == 16 else ''))


def examine(index: int, storage: Storage) -> Seen:
    """Decode one picture of a storage; of a packed one, compare with the checksum.

    Raises:
        ImageError: It is missing, cut short, damaged, or of a kind that is not read.
    """
    if isinstance(storage, PackedStorage):
        storage.verify(index)
    data = storage.data(index)
    if data is None:
        pixels, name, turned = storage.read(index), 'pixels', False
    else:
        storage.size(index)  # the end of a JPEG, which decoders do without
        where = Path(storage.where(index))
        pixels, name = decode_bytes(data, where)
        turned = open_header(io.BytesIO(data), where)[1] != UPRIGHT
    channels = pixels.shape[2]
    clear = channels in (2, 4) and bool(pixels[..., -1].min() < np.iinfo(pixels.dtype).max)
    digest = hashlib.sha256(f'{pixels.dtype} {pixels.shape}'.encode() + np.ascontiguousarray(pixels).tobytes())
    return Seen(pixels.shape[:2], channels, 16 if pixels.dtype == np.uint16 else 8, clear, turned, name,
                digest.hexdigest())
