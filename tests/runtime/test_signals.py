"""Signals: the first is noted, the second interrupts, afterwards all is as before."""
import os
import signal
import threading

import pytest

from effsr.runtime.signals import STATUS, Stopped, stop_request


@pytest.mark.parametrize('signum', [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_interrupts(signum):
    before = [signal.getsignal(one) for one in STATUS]
    with stop_request() as request:
        assert request.signum is None
        os.kill(os.getpid(), signum)
        assert request.signum == signum
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signum)
            signal.pause()
    assert [signal.getsignal(one) for one in STATUS] == before


def test_exit_statuses_are_those_of_shells():
    assert STATUS == {2: 130, 15: 143, 1: 129}
    assert str(Stopped(signal.SIGTERM, 7)) == 'SIGTERM at iteration 7'


def test_outside_the_main_thread_nothing_is_caught():
    seen = []

    def work():
        with stop_request() as request:
            seen.append(request.signum)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
