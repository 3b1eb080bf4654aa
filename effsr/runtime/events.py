"""TensorBoard's event files: taking out what lies past the iteration that a run resumes from."""
import logging
import struct
from collections.abc import Iterator
from pathlib import Path

from effsr.runtime.atomic import atomic_file, remove_leftovers

logger = logging.getLogger('basicsr')

HEADER = struct.Struct('<QI')  # length of the record and its checksum (TFRecord); the data's checksum follows it
CHECKSUM_BYTES = 4


def records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split an event file into (whole record, its payload); what an interrupted write left at the end is dropped."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, _ = HEADER.unpack_from(data, offset)
        end = offset + HEADER.size + length + CHECKSUM_BYTES
        if end > len(data):
            return
        yield data[offset:end], data[offset + HEADER.size:end - CHECKSUM_BYTES]
        offset = end


def purge_events(folder: Path, iteration: int) -> int:
    """Remove from all event files below a folder what was written for later iterations.

    Args:
        folder: tb_logger/NAME; it need not exist.
        iteration: The last one that stays.

    Returns:
        Number of events removed.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event  # takes a second; only a resumed run needs it

    remove_leftovers(folder)
    removed = 0
    for path in sorted(folder.rglob('events.out.tfevents.*')):
        kept, dropped = [], 0
        try:
            events = [(record, Event.FromString(payload)) for record, payload in records(path.read_bytes())]
        except DecodeError:
            logger.warning('%s: is damaged and is left as it is', path)
            continue
        for record, event in events:
            late = event.step > iteration and event.WhichOneof('what') == 'summary'
            dropped += late
            if not late:
                kept.append(record)
        if dropped:
            with atomic_file(path) as file:
                file.write(b''.join(kept))
        removed += dropped
    return removed
