"""Random state: taken, written, read, set."""
import random

import numpy as np
import torch

from effsr.runtime.checkpoint import load_file, save_atomic
from effsr.runtime.rng import restore_rng, rng_state


def draw():
    return random.random(), random.gauss(0, 1), np.random.rand(), np.random.standard_normal(), torch.rand(1).item()


def test_what_is_drawn_after_restoring_is_what_was_drawn_after_taking(tmp_path):
    random.gauss(0, 1)  # both keep the second of a pair for the next call
    np.random.standard_normal()
    state = rng_state()
    save_atomic(state, tmp_path / 'rng')
    first = [draw() for _ in range(3)]
    restore_rng(load_file(tmp_path / 'rng'))
    assert [draw() for _ in range(3)] == first
    restore_rng(state)
    assert [draw() for _ in range(3)] == first


def test_taking_it_changes_nothing():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    rng_state()
    assert torch.equal(torch.get_rng_state(), before)
