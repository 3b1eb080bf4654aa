"""How a command ends."""
import signal
import sys

import pytest

from effsr.curation.command import run_command


def end(error):
    def run(args):
        raise error
    return run_command('prepare x', run, None)


def test_its_own_status():
    assert run_command('prepare x', lambda args: 0, None) == 0 and run_command('prepare x', lambda args: 1, None) == 1


@pytest.mark.parametrize('error, line', [
    (ValueError('a.png: wrong'), 'a.png: wrong'),
    (FileNotFoundError(2, 'No such file or directory', 'a.png'), 'a.png: No such file or directory'),
    (MemoryError(), 'out of memory; lower --jobs, then run the same command again to go on'),
])
def test_errors_are_one_line_and_status_1(capsys, error, line):
    assert end(error) == 1
    assert capsys.readouterr() == ('', f'prepare x: {line}\n')


def test_a_mistake_of_ours_is_shown_whole():
    with pytest.raises(KeyError):
        end(KeyError('x'))


@pytest.mark.parametrize('name, status', [('SIGINT', 130), ('SIGTERM', 143), ('SIGHUP', 129)])
def test_signals(capsys, name, status):
    if not hasattr(signal, name):
        pytest.skip('no such signal')
    number = getattr(signal, name)
    before = signal.signal(number, signal.default_int_handler)  # under nohup SIGHUP would be ignored
    try:
        assert run_command('prepare x', lambda args: signal.raise_signal(number), None) == status
        assert capsys.readouterr().err == ('\nprepare x: stopped; what was finished is kept: run the same command '
                                           'again to go on\n')
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(not hasattr(signal, 'SIGHUP'), reason='no such signal')
def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_command('prepare x', lambda args: signal.raise_signal(signal.SIGHUP) or 0, None) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_signal_ends_it_at_once(monkeypatch):
    ended = []
    monkeypatch.setattr('effsr.curation.command.os._exit', ended.append)

    def run(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)

    assert run_command('prepare x', run, None) == 143 and ended == [130]


@pytest.mark.skipif(not hasattr(signal, 'SIGHUP'), reason='no such signal')
def test_nohup_stays():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_command('prepare x', lambda args: signal.raise_signal(signal.SIGHUP) or 0, None) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_whoever_read_the_lines_is_gone(monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError(32, 'Broken pipe')

        def fileno(self):
            raise ValueError('no file')

    monkeypatch.setattr(sys, 'stdout', Closed())
    assert run_command('prepare x', lambda args: print('x') or 0, None) == 1
