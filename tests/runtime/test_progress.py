"""A bar on a terminal, one line every print_freq iterations, and TensorBoard's curves."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import io
import logging
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from effsr.runtime import progress
from effsr.runtime.progress import ProgressLogger, postfix

ROOT = Path(__file__).parents[2]


class Scalars(dict):
    def add_scalar(self, name, value, iteration):
        self[name] = value, iteration

    def add_histogram(self, name, values, iteration, bins):
        self[name] = list(values), iteration


class Drawn:
    def read(self):
        return {'resize1': np.array([0.5, 1.5])}


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


def test_a_line_by_hand(clock, lines, monkeypatch):
    scalars = Scalars()
    log = ProgressLogger(100, 10, scalars, Drawn(), samples=6)
    monkeypatch.setattr(progress, 'peak_memory', lambda device: 3 * 2**29)
    log.reset_start_time()
    clock[0] += 5
    log(values(20, l_pix=0.25))  # ten iterations in five seconds, eighty to go
    assert lines() == ['     20/100  epoch 3  2.00 it/s  ETA 0:00:40  data 20%  lr 1.00e-04  l_pix 0.2500']
    assert scalars == {'losses/l_pix': (0.25, 20), 'learning_rate/group_0': (1e-4, 20),
                       'speed/iterations_per_second': (2.0, 20),
                       'speed/share_waiting_for_data': (pytest.approx(0.2), 20),
                       'speed/samples_per_second': (12.0, 20), 'memory/peak_gib': (1.5, 20),
                       'degradation/resize1': ([0.5, 1.5], 20)}
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


def test_after_a_resume_the_first_line_counts_what_is_left_and_leaves_the_start_out(clock, lines):
    log = ProgressLogger(1000, 900)
    clock[0] += 60  # readers and compilers start
    log.tick(901)
    for iteration in range(902, 911):
        clock[0] += 2
        log.tick(iteration - 1)
    log(values(910))
    assert '0.50 it/s  ETA 0:03:00' in lines()[0]  # 90 to go at 2 s each
    log.tick(910)
    clock[0] += 10
    log(values(920))
    assert '1.00 it/s' in lines()[1]


def test_a_line_before_the_first_tick_is_no_riddle(clock, lines):
    log = ProgressLogger(100)
    clock[0] += 4
    log(values(1))  # print_freq: 1
    log.tick(1)
    clock[0] += 1
    log(values(2))
    assert '0.25 it/s' in lines()[0] and '1.00 it/s' in lines()[1]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal_only_and_on_process_0_only(capsys):
    terminal = Terminal()
    log = ProgressLogger(40, 10, stream=terminal)
    log.tick(11)
    log(values(12, l_pix=0.25, out_d_real=3.0))
    log.close()
    shown = terminal.getvalue()
    assert '10/40 |' in shown and 'lr 1.0e-04, data 20%' in shown and 'l_pix 0.25' in shown and 'out_d' not in shown
    assert 'ETA' in shown and '\n' not in shown
    for other in (ProgressLogger(40, stream=io.StringIO()), ProgressLogger(40, rank=1, stream=Terminal())):
        assert other.bar is None
        other.tick(1)
        other.close()
    assert ProgressLogger(40).bar is None  # pytest captures the standard output
    assert capsys.readouterr().err == ''


def test_postfix():
    assert postfix([2e-4, 1e-3], 0.031, 2**30, {'l_g_pix': 0.04123, 'grad_norm_g': 1.0}) == \
        'lr 2.0e-04, data 3%, 1.0 GiB, l_g_pix 0.0412'
    assert postfix([], 0, None, {}) == 'data 0%'


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import effsr, logging, time
from effsr.runtime.bar import passing_bar
from effsr.runtime.log import RunLog
from effsr.runtime.progress import ProgressLogger
log = RunLog(0)
progress = ProgressLogger(30, 10)
for iteration in range(11, 31):
    time.sleep(0.02)
    if iteration % 5 == 0:
        progress({'epoch': 0, 'iter': iteration, 'lrs': [1e-4], 'time': 0.02, 'data_time': 0.0, 'l_pix': 0.5})
    if iteration == 20:
        for _ in passing_bar(range(3), 'validating x', 3, True):
            time.sleep(0.2)
    progress.tick(iteration)
progress.close()
log.close()
print('done')
"""


def screen(output):
    """The lines that stay when a terminal has played the output: carriage returns, cursor up, erased lines."""
    rows, row, column = [''], 0, 0
    for token in re.findall(r'\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+', output):
        if token == '\r':
            column = 0
        elif token == '\n':
            row += 1
            rows += [''] * (row + 1 - len(rows))
        elif token.startswith('\x1b['):
            row -= token.endswith('A')
        else:
            rows[row] = rows[row][:column].ljust(column) + token + rows[row][column + len(token):]
            column += len(token)
    return [line.rstrip() for line in rows if line.strip()]


@pytest.mark.parametrize('size', [(30, 100), (0, 0)])
def test_on_a_real_terminal_lines_stay_whole_and_nothing_of_the_bar_is_left(size):
    fcntl, pty, termios = (pytest.importorskip(name) for name in ('fcntl', 'pty', 'termios'))  # not on Windows
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack('HHHH', *size, 0, 0))
    process = subprocess.Popen([sys.executable, '-c', SCRIPT, str(ROOT)], stdout=side, stderr=side,
                               env={**os.environ, 'TERM': 'xterm'})
    os.close(side)
    output = b''
    try:
        while chunk := os.read(main, 65536):
            output += chunk
    except OSError:  # Linux: the other end is closed
        pass
    assert process.wait(60) == 0
    os.close(main)
    text = output.decode()
    assert '/30 |' in text and 'validating x' in text
    lines = screen(text)
    assert [line.split('/')[0].strip() for line in lines[:4]] == ['15', '20', '25', '30'], lines
    assert all(line.endswith('l_pix 0.5000') for line in lines[:4]) and lines[4:] == ['done']
