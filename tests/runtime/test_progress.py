"""One line every print_freq iterations, and TensorBoard's scalars."""
import logging

import pytest

from effsr.runtime import progress
from effsr.runtime.progress import ProgressLogger


class Scalars(dict):
    def add_scalar(self, name, value, iteration):
        self[name] = value, iteration


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, 'perf_counter', lambda: now[0])
    return now


@pytest.fixture
def lines(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    caplog.set_level(logging.INFO, 'basicsr')
    return lambda: [record.getMessage() for record in caplog.records]


def values(iteration, **losses):
    return {'epoch': 3, 'iter': iteration, 'lrs': [1e-4], 'time': 0.5, 'data_time': 0.1, **losses}


def test_a_line_by_hand(clock, lines):
    scalars = Scalars()
    log = ProgressLogger(100, 10, scalars)
    log.reset_start_time()
    clock[0] += 5
    log(values(20, l_pix=0.25))  # ten iterations in five seconds, eighty to go
    assert lines() == ['     20/100  epoch 3  2.00 it/s  ETA 0:00:40  data 20%  lr 1.00e-04  l_pix 0.2500']
    assert scalars == {'losses/l_pix': (0.25, 20), 'learning_rate/group_0': (1e-4, 20),
                       'speed/iterations_per_second': (2.0, 20),
                       'speed/share_waiting_for_data': (pytest.approx(0.2), 20)}
    clock[0] += 15
    log(values(30))  # 1.5 s an iteration now, 1.0 with the half of before
    assert 'ETA 0:01:10' in lines()[1]


def test_edges(clock, lines):
    log = ProgressLogger(10)
    log(values(10))  # no time passed
    clock[0] += 3
    log(values(12))  # past the end
    assert 'ETA 0:00:00' in lines()[0]
    assert 'ETA 0:00:00' in lines()[1]
    log({**values(13), 'time': 0.0, 'data_time': 0.1})
    assert 'data 100%' in lines()[2]
