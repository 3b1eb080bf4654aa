"""Bars, and lines above them; the bar of a run on a real terminal is in test_progress."""
import io
import logging
import os

import pytest

from effsr.runtime.bar import AboveBars, give_up, on_terminal, open_bar, passing_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Gone(io.StringIO):
    """A pipe whose reader has gone, or a file on a full disk."""

    def __init__(self, error):
        super().__init__()
        self.tried = 0
        self.error = error

    def write(self, text):
        self.tried += 1
        raise self.error

    def flush(self):
        self.write('')


def test_rate_and_eta_count_only_what_follows():
    terminal = Terminal()
    bar = open_bar(100, 90, terminal)
    assert (bar.n, bar.total, bar.format_dict['initial']) == (90, 100, 90)
    bar.update(5)
    assert bar.n == 95
    bar.close()
    assert '90/100 |' in terminal.getvalue() and 'ETA' in terminal.getvalue()


def test_a_line_takes_the_bar_away_and_brings_it_back():
    terminal = Terminal()
    bar = open_bar(10, 0, terminal)
    stream = AboveBars(terminal)
    before = len(terminal.getvalue())
    assert stream.write('a line\n') == 7
    after = terminal.getvalue()[before:]
    assert after.index('a line\n') < after.index('0/10 |')
    bar.close()
    assert AboveBars(io.StringIO()).write('x') == 1


def test_without_a_bar_it_is_the_streams_own_write():
    plain = io.StringIO()
    stream = AboveBars(plain)
    stream.write('a\n')
    stream.flush()
    assert plain.getvalue() == 'a\n'


@pytest.mark.parametrize('error', [BrokenPipeError(32, 'Broken pipe'), OSError(28, 'No space left on device')])
def test_a_run_goes_on_when_nobody_reads_its_lines(error):
    gone = Gone(error)
    handler = logging.StreamHandler(AboveBars(gone))
    record = logging.LogRecord('x', logging.INFO, '', 0, 'line', (), None)
    for _ in range(3):
        handler.emit(record)  # would print a traceback for each
    assert gone.tried == 1
    stream = AboveBars(gone)
    stream.flush()
    assert stream.is_gone and gone.tried == 2


def test_a_process_without_an_output():
    stream = AboveBars(None)
    stream.write('a\n')
    stream.flush()


def test_what_a_broken_stream_still_holds_goes_nowhere():
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, 'w')
    stream.write('a\n')
    with pytest.raises(BrokenPipeError):
        stream.flush()
    give_up(stream)
    stream.write('b\n')
    stream.close()


@pytest.mark.parametrize('shown', [True, False])
def test_a_passing_bar(capsys, shown):
    assert list(passing_bar(range(3), 'validating x', 3, shown)) == [0, 1, 2]
    assert ('validating x' in capsys.readouterr().err) == shown


def test_what_is_a_terminal():
    assert on_terminal(Terminal()) and not on_terminal(io.StringIO()) and not on_terminal(object())
