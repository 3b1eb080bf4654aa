"""Counting the samples of an epoch that others stand for, over all processes, and telling of them."""
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from effsr.data.tolerant import Marked, Trouble

logger = logging.getLogger('basicsr')

SHOWN = 10  # files in the line of an epoch


class Replaced:
    """The replaced samples of a training set since the epoch began.

    Args:
        key: Of the set's block.
        gather: Gives the values of all processes by rank, on all of them.
    """

    def __init__(self, key: str, gather: Callable[[Any], list[Any]]):
        self.key = key
        self.gather = gather
        self.counts: Counter[Trouble] = Counter()
        self.known: set[str] = set()

    def note(self, batch: Marked) -> None:
        """Count a batch's, and warn of each file the first time in the run."""
        self.counts.update(batch.replaced)
        for trouble in (*batch.replaced, *batch.tried):
            if trouble.file not in self.known:
                self.known.add(trouble.file)
                logger.warning('datasets.%s: %s: %s; another image is taken in its place (on_error: skip)', self.key,
                               trouble.file, trouble.reason)

    def tell(self, epoch: int) -> None:
        """Log one line for the epoch, if anything was replaced on any process; a collective call."""
        total = sum((Counter(counts) for counts in self.gather(dict(self.counts))), Counter())
        self.counts.clear()
        if total:
            logger.warning('%s', describe(epoch, total))


def describe(epoch: int, counts: Counter[Trouble]) -> str:
    """`epoch 3: 5 samples replaced: a.png (the file is cut short) 3 times, b.png (no such file) 2 times`."""
    names = Counter(Path(trouble.file).name for trouble in counts)
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    parts = []
    for trouble, count in shown:
        name = Path(trouble.file).name
        times = 'once' if count == 1 else f'{count} times'
        parts.append(f'{name if names[name] == 1 else trouble.file} ({trouble.reason}) {times}')
    if len(counts) > SHOWN:
        parts.append(f'and {len(counts) - SHOWN} more files')
    total = sum(counts.values())
    return f'epoch {epoch}: {total} sample{"s" if total > 1 else ""} replaced: {", ".join(parts)}'
