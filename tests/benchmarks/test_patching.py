"""What is replaced for a while comes back: own attributes, inherited ones, and random state."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from effsr.benchmarks.patching import Patch, patched, seeded


class Parent:
    def greet(self):
        return 'parent'


class Child(Parent):
    pass


def test_own_and_inherited_attributes_come_back():
    module, child, net = SimpleNamespace(number=1), Child(), nn.Linear(2, 2)
    with patched(Patch(module, 'number', 2), Patch(Child, 'greet', lambda self: 'class'),
                 Patch(child, 'greet', lambda: 'object'), Patch(net, 'forward', lambda x: 'net')):
        assert (module.number, child.greet(), Child().greet(), net(None)) == (2, 'object', 'class', 'net')
    assert module.number == 1
    assert child.greet() == Child().greet() == 'parent'
    assert 'greet' not in vars(Child) and vars(child) == {} and 'forward' not in vars(net)
    assert net(torch.zeros(1, 2)).shape == (1, 2)


def test_after_an_error_and_when_replaced_twice():
    module = SimpleNamespace(number=1)
    with pytest.raises(KeyError), patched(Patch(module, 'number', 2), Patch(module, 'number', 3)):
        assert module.number == 3
        raise KeyError
    assert module.number == 1


def test_a_name_that_is_not_there_is_noticed():
    module = SimpleNamespace(number=1)
    replaced = Patch(module, 'number', 2), Patch(module, 'missing', 1)
    with pytest.raises(AttributeError, match='missing'), patched(*replaced):
        pass
    assert vars(module) == {'number': 1}


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_seeded_draws_the_same_and_leaves_no_trace():
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with seeded(1, 2):
        first = draws()
    with seeded(1, 2):
        assert draws() == first
    with seeded(1, 3):
        assert not set(draws()) & set(first)
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
