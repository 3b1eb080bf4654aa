"""Times by stage, with a clock of its own: an inner stage stops the outer one."""
from types import SimpleNamespace

import pytest

from effsr.benchmarks.stages import Seam, StageClock


@pytest.fixture
def world():
    """A clock that functions turn on, and how often the device was waited for."""
    state = SimpleNamespace(now=100.0, waits=0)

    def wait():
        state.waits += 1

    state.clock = StageClock(wait, lambda: state.now)
    return state


def test_all_stages_add_up_to_the_whole(world):
    def inner():
        world.now += 2

    def outer():
        world.now += 1
        module.inner()
        world.now += 4
        module.inner()

    module = SimpleNamespace(inner=inner, outer=outer)
    with world.clock.on([Seam(module, 'inner', 'inside'), Seam(module, 'outer', 'around')]):
        with world.clock.stage('rest'):
            module.outer()
            world.now += 8
        world.now += 16  # in no stage
    assert world.clock.seconds == {'around': 5, 'inside': 4, 'rest': 8}
    assert world.waits == 8  # at both ends of four stages
    assert module.inner is inner and module.outer is outer


def test_the_moment_of_the_call_names_the_stage(world):
    names = iter('ab')

    def work(seconds, *, result):
        world.now += seconds
        return result

    module = SimpleNamespace(work=work)
    with world.clock.on([Seam(module, 'work', lambda: next(names))]):
        assert module.work(1, result='x') == 'x'
        assert module.work(2, result='y') == 'y'
    assert world.clock.seconds == {'a': 1, 'b': 2}


def test_an_error_ends_the_stage(world):
    with pytest.raises(KeyError), world.clock.stage('rest'):
        world.now += 1
        raise KeyError
    with world.clock.stage('later'):
        world.now += 2
    assert world.clock.seconds == {'rest': 1, 'later': 2}
