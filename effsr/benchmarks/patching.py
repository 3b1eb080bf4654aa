"""Replacing attributes for a while, and global random state likewise."""
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch


class Patch(NamedTuple):
    """What stands under a name of a module, class or object for a while."""

    owner: Any
    name: str
    value: Any


@contextmanager
def patched(*patches: Patch) -> Iterator[None]:
    """Put the values in place, and everything back afterwards, also after an error.

    Raises:
        AttributeError: There is nothing of that name to replace.
    """
    undo: list[tuple[Any, str, bool, Any]] = []
    try:
        for owner, name, value in patches:
            getattr(owner, name)  # so that a name that moved away is noticed
            own = name in vars(owner)
            undo.append((owner, name, own, vars(owner).get(name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, own, before in reversed(undo):
            if own:
                setattr(owner, name, before)
            else:
                delattr(owner, name)


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Seed the generators of Python, numpy and torch, which BasicSR draws from, and put their states back."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
