"""Training-pair pool: mixes the pairs of many batches (section 4.1 of Real-ESRGAN, arXiv 2107.10833)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class PairPool:
    """Hold pairs and hand out old ones for new ones.

    Until the pool is full, a batch is stored and also returned as it is. Then each new pair takes the place of a
    pair chosen at random, all different within a batch, and the old pairs are returned: the distribution is that
    of shuffling the whole pool and swapping its first entries, without moving the others.

    Args:
        size: number of pairs held; 0 switches the pool off.
        seed: of the pool's own generator.

    Raises:
        ValueError: a negative size.
    """

    def __init__(self, size: int = 180, seed: int = 0) -> None:
        if size < 0:
            raise ValueError(f'pool size is {size}; accepted: an integer from 0')
        self.size = size
        self._filled = 0
        self._storage: list[Tensor] = []
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Number of pairs held now."""
        return self._filled

    @torch.no_grad()
    def exchange(self, lq: Tensor, *targets: Tensor) -> tuple[Tensor, ...]:
        """Put a batch in, get a batch of the same size out.

        The batch that fills the pool is split: as many pairs as fit are stored and returned as they are, the
        others change places with pairs held before the call.

        Args:
            lq: (B, ...), any B up to the pool's size.
            targets: further tensors (B, ...) that belong to it, such as gt and sharpened gt.

        Returns:
            one tensor for each argument, in order.

        Raises:
            ValueError: B exceeds the size, batch sizes differ, or shapes or number differ from what is held.
        """
        batch = (lq, *targets)
        if self.size == 0:
            return batch
        count = self._check(batch)
        if not self._storage:
            self._storage = [t.new_empty((self.size, *t.shape[1:])) for t in batch]
        self._storage = [held.to(t.device) for held, t in zip(self._storage, batch, strict=True)]
        stored = min(count, self.size - self._filled)
        swapped = count - stored
        # Slots are chosen among those filled before this call: no pair is handed out twice in one batch.
        slots = torch.randperm(self._filled, generator=self._generator)[:swapped] if swapped else None
        results = tuple(
            self._exchange_one(held, t, stored, slots) for held, t in zip(self._storage, batch, strict=True)
        )
        self._filled += stored
        return results

    def _exchange_one(self, held: Tensor, new: Tensor, stored: int, slots: Tensor | None) -> Tensor:
        if stored:
            held[self._filled : self._filled + stored] = new[:stored]
        if slots is None:
            return new
        slots = slots.to(held.device)
        old = held.index_select(0, slots)
        held.index_copy_(0, slots, new[stored:].to(held.dtype))
        return torch.cat((new[:stored], old)) if stored else old

    def _check(self, batch: tuple[Tensor, ...]) -> int:
        count = batch[0].shape[0]
        if any(t.shape[0] != count for t in batch):
            raise ValueError(f'batch sizes are {[t.shape[0] for t in batch]}; accepted: the same for all tensors')
        if count > self.size:
            raise ValueError(f'batch of {count} pairs for a pool of {self.size}; accepted: a size from {count}, or 0')
        held = [tuple(t.shape[1:]) for t in self._storage]
        given = [tuple(t.shape[1:]) for t in batch]
        if held and held != given:
            raise ValueError(f'pair of shapes {given} for a pool that holds {held}; accepted: the same shapes')
        return count

    def held(self, part: int) -> Tensor:
        """One part of all pairs held now, (N, ...), in the order of :meth:`exchange`'s arguments; not a copy.

        Raises:
            IndexError: no such part, or nothing is held yet.
        """
        return self._storage[part][: self._filled]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on the same way: the pairs held (large) and the generator's state."""
        return {
            'size': self.size,
            'pairs': [held[: self._filled].clone() for held in self._storage],
            'generator': self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave.

        Raises:
            ValueError: the state is of a pool of another size.
        """
        if state['size'] != self.size:
            raise ValueError(f'state of a pool of {state["size"]} pairs; accepted: size {self.size}')
        pairs = state['pairs']
        self._filled = pairs[0].shape[0] if pairs else 0
        self._storage = []
        for held in pairs:
            storage = held.new_empty((self.size, *held.shape[1:]))
            storage[: self._filled] = held
            self._storage.append(storage)
        self._generator.set_state(state['generator'].cpu())
