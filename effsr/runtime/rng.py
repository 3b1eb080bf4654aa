"""State of every global random generator of this process, as values that a checkpoint can hold."""
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def rng_state() -> dict[str, Any]:
    """State of Python's, numpy's and torch's generators; of torch's GPU generator where this process has used it.

    Samples have seeds of their own; these generators serve what is drawn otherwise (dropout, a user's own loss).
    Only tensors and plain values, so that it can be read with ``weights_only``.
    """
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    state = {'python': [version, list(words), gauss],
             'numpy': [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
             'torch': torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def restore_rng(state: Mapping[str, Any]) -> None:
    """Set the generators to what :func:`rng_state` gave; a GPU's is left alone where there is none now."""
    version, words, gauss = state['python']
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = state['numpy']
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state['torch'])
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'])
