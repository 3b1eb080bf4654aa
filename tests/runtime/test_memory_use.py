"""The peak of memory."""
import sys

import numpy as np
import pytest
import torch

from effsr.runtime.memory_use import peak_memory


def test_what_was_taken_counts():
    if sys.platform == 'win32':
        pytest.skip('Windows does not tell through resource')
    before = peak_memory(torch.device('cpu'))
    assert 2**20 < before < 2**44
    block = np.ones(300 * 2**20, np.uint8)
    after = peak_memory(torch.device('cpu'))
    assert after >= block.nbytes
    del block
    assert peak_memory(torch.device('cpu')) >= after


def test_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.setitem(sys.modules, 'resource', None)
    assert peak_memory(torch.device('cpu')) is None
