"""Reading ahead and writing behind: order, bounds, errors."""
import threading
import time

import pytest

from effsr.inference.overlap import WriteBehind, read_ahead


def alive():
    return [thread for thread in threading.enumerate() if thread.name in ('read ahead', 'write behind')]


def test_items_come_in_order_and_the_thread_ends():
    assert list(read_ahead(range(50), 3)) == list(range(50))
    assert not alive()


def test_no_more_is_read_than_may_wait():
    made = []
    items = read_ahead((made.append(number) or number for number in range(100)), 2)
    next(items)
    time.sleep(0.1)
    assert len(made) <= 4  # one taken, two waiting, one in hand
    items.close()
    assert not alive()


def test_an_error_comes_where_the_item_was_wanted():
    def failing():
        yield 1
        raise KeyError('two')

    items = read_ahead(failing())
    assert next(items) == 1
    with pytest.raises(KeyError, match='two'):
        next(items)
    assert not alive()


def test_what_is_put_is_handled_in_order_before_the_block_ends():
    done = []
    with WriteBehind(done.append, 1) as behind:
        for number in range(50):
            behind.put(number)
    assert done == list(range(50)) and not alive()


def test_an_error_in_handling_is_raised_and_nothing_follows():
    done = []

    def handle(number):
        if number == 3:
            raise OSError('full')
        done.append(number)

    with pytest.raises(OSError, match='full'), WriteBehind(handle, 1) as behind:
        for number in range(50):
            behind.put(number)
    assert done == [0, 1, 2] and not alive()


def test_an_error_at_the_last_item_is_raised_too():
    with pytest.raises(ZeroDivisionError), WriteBehind(lambda number: 1 / number) as behind:
        behind.put(0)


def test_an_error_of_the_block_drops_what_waits():
    done, gate = [], threading.Event()

    def handle(number):
        gate.wait(5)
        done.append(number)

    with pytest.raises(KeyboardInterrupt), WriteBehind(handle, 5) as behind:
        for number in range(5):
            behind.put(number)
        threading.Timer(0.2, gate.set).start()
        raise KeyboardInterrupt
    assert len(done) <= 1 and not alive()
