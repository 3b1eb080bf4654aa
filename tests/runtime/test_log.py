"""The log: console at once, file with all that came before it was known, nothing left behind."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import logging

import pytest
from basicsr.utils.logger import get_root_logger

from effsr.runtime.log import CONSOLE_LINES, RunLog


@pytest.fixture
def logger():
    """BasicSR's logger, as it was afterwards."""
    logger = logging.getLogger('basicsr')
    before = logger.level, logger.propagate, list(logger.handlers)
    yield logger
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_console_and_file(logger, tmp_path, capsys):
    log = RunLog()
    logger.info('early')
    logger.debug('too fine')
    assert log.open_file(str(tmp_path / 'run.log')) is logger
    logger.info('late %d', 1)
    logger.info('long' + '\n' * CONSOLE_LINES)
    log.open_file(str(tmp_path / 'other.log'))  # the first counts
    log.close()
    assert capsys.readouterr().out == 'early\nlate 1\n'
    lines = (tmp_path / 'run.log').read_text(encoding='utf-8').splitlines()
    assert [line[24:] for line in lines if line] == ['INFO: early', 'INFO: late 1', 'INFO: long']
    assert not (tmp_path / 'other.log').exists()


def test_basicsrs_own_parts_do_not_double_a_line(logger, capsys):
    log = RunLog()
    get_root_logger().info('once')
    log.close()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ('once\n', '')


def test_other_processes_are_silent_below_errors(logger, tmp_path, capsys):
    log = RunLog(rank=1)
    logger.info('fine')
    logger.error('bad')
    log.open_file(str(tmp_path / 'run.log'))
    log.close()
    assert capsys.readouterr().out == 'bad\n'
    assert not (tmp_path / 'run.log').exists()


def test_a_failure_goes_to_the_file_alone(logger, tmp_path, capsys):
    log = RunLog()
    error = ValueError('what is wrong')
    log.note_failure(error)  # no file yet: nothing
    log.open_file(str(tmp_path / 'run.log'))
    log.note_failure(error)
    log.close()
    assert 'ValueError: what is wrong' in (tmp_path / 'run.log').read_text(encoding='utf-8')
    assert capsys.readouterr().out == ''


def test_one_run_after_another(logger, tmp_path, capsys):
    for number in range(2):
        log = RunLog()
        log.open_file(str(tmp_path / f'{number}.log'))
        logger.info('run %d', number)
        log.close()
    assert capsys.readouterr().out == 'run 0\nrun 1\n'
    assert (tmp_path / '0.log').read_text().count('run') == 1
