"""Whoever reads a run's lines goes away, or there is no room for them: the run goes through, and its status says so."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[1] / 'effsr/train.py'

pytestmark = pytest.mark.slow


def start(folder, options, output):
    return subprocess.Popen([sys.executable, TRAIN, '-opt', options], cwd=folder, stdout=output, text=True,
                            stderr=subprocess.PIPE, env={**os.environ, 'OMP_NUM_THREADS': '1'})


def closed_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, 'wb', 0)


def full_disk():
    if not Path('/dev/full').exists():
        pytest.skip('no /dev/full here')
    return open('/dev/full', 'wb', 0)


@pytest.mark.parametrize('open_output', [closed_pipe, full_disk])
def test_a_run_whose_lines_go_nowhere(tmp_path, write_options, open_output):
    options = write_options(tmp_path, {'train': {'total_iter': 2}})
    with open_output() as output, start(tmp_path, options, output) as run:
        assert (run.communicate(timeout=120)[1], run.returncode) == ('', 0)
    assert (tmp_path / 'experiments/tiny/models/net_g_latest.pth').exists()
    log, = (tmp_path / 'experiments/tiny').glob('*.log')
    assert 'INFO: ' in log.read_text(encoding='utf-8')


def test_a_reader_that_leaves_early(tmp_path, write_options):
    with start(tmp_path, write_options(tmp_path), subprocess.PIPE) as run:
        assert run.stdout.readline()
        run.stdout.close()
        assert (run.stderr.read(), run.wait(120)) == ('', 0)
