"""Metrics in an environment of their own: a stand-in for the process, the worker itself with a stand-in for pyiqa."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import sys
from pathlib import Path

import numpy as np
import pytest

from effsr.metrics import external
from effsr.metrics.catalogue import MetricSettings, Unavailable, describe, open_metric
from effsr.metrics.external import WORKER, Worker, open_external

STAND_IN = """
import json, sys
import numpy as np
name = sys.argv[1]
if name == 'dies':
    sys.exit('no such luck')
print(json.dumps({'error': 'no weights'} if name == 'poor' else
                 {'ready': True, 'better': 'lower', 'needs_gt': name != 'blind', 'version': '9'}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if name == 'falls':
        raise SystemExit('fell over')
    result = np.load(request['result'])
    assert result.dtype == np.float32 and result.shape[2] == 3
    if len(result) < 8:
        print(json.dumps({'error': 'too small'}), flush=True)
        continue
    value = result if request['gt'] is None else result - np.load(request['gt'])
    print(json.dumps({'value': float(abs(value).mean())}), flush=True)
"""
PYIQA = """
import torch
__version__ = '0.1'
print('it talks')
class Metric(torch.nn.Module):
    metric_mode, lower_better = 'FR', True
    def forward(self, result, truth):
        assert result.shape[:2] == (1, 3) and not torch.is_grad_enabled()
        print('and talks')
        if result.shape[2] < 8:
            raise AssertionError('too small' + chr(10) + 'by far')
        return (result - truth).abs().mean()
def create_metric(name, device):
    if name == 'heavy':
        torch.hub.download_url_to_file('https://example.org/heavy.pth', 'x')
    assert name == 'plain', f'Metric {name} not implemented yet.'
    return Metric().to(device)
"""


def pair():
    draw = np.random.default_rng(0)
    return tuple(draw.integers(0, 256, (12, 14, 3), dtype=np.uint8) for _ in range(2))


def difference(result, truth):
    return np.abs(result / 255.0 - truth / 255.0).mean()


@pytest.fixture
def stand_in(tmp_path):
    """stand_in(name): a worker that needs no pyiqa."""
    script = tmp_path / 'stand_in.py'
    script.write_text(STAND_IN)
    workers = []

    def start(name):
        workers.append(Worker(name, [sys.executable, '-I', str(script), name]))
        return workers[-1]
    yield start
    for worker in workers:
        worker.close()


def test_scores_of_a_process(stand_in):
    (result, truth), worker = pair(), stand_in('any')
    assert worker.told == {'ready': True, 'better': 'lower', 'needs_gt': True, 'version': '9'}
    assert worker.score(0, result, truth) == pytest.approx(difference(result, truth), rel=1e-6)
    assert worker.score(2, result, truth) == pytest.approx(difference(result[2:-2, 2:-2], truth[2:-2, 2:-2]), rel=1e-6)
    # Not rounded to 8 bits, and grey pictures come with three channels.
    assert worker.score(0, truth + 0.3, truth) == pytest.approx(0.3 / 255, rel=1e-4)
    assert worker.score(0, result[..., 0], None) == pytest.approx(result[..., 0].mean() / 255, rel=1e-6)


def test_a_picture_that_is_refused_does_not_end_it(stand_in):
    (result, truth), worker = pair(), stand_in('any')
    with pytest.raises(ValueError, match='pyiqa:any: too small') as caught:
        worker.score(3, result, truth)
    assert not isinstance(caught.value, Unavailable)
    with pytest.raises(ValueError, match='different shapes'):
        worker.score(0, result, truth[1:])
    assert worker.score(0, result, result) == 0.0


@pytest.mark.parametrize(('name', 'message'), [('poor', 'pyiqa:poor: no weights'),
                                               ('dies', 'pyiqa:dies: its process ended with status 1: no such luck')])
def test_it_does_not_start(stand_in, name, message):
    with pytest.raises(Unavailable, match=message):
        stand_in(name)
    with pytest.raises(Unavailable, match='pyiqa:x: .*nowhere cannot be started'):
        Worker('x', [str(Path('nowhere').resolve())])


def test_it_ends_in_between(stand_in):
    worker = stand_in('falls')
    for _ in range(2):
        with pytest.raises(Unavailable, match='its process ended with status 1: fell over'):
            worker.score(0, *pair())


def test_nothing_is_left_behind(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(external.tempfile, 'tempdir', str(tmp_path))
    worker = stand_in('any')
    assert list(tmp_path.glob('effsr_pyiqa_*'))
    worker.close()
    worker.close()
    with pytest.raises(Unavailable):
        stand_in('dies')
    assert not list(tmp_path.glob('effsr_pyiqa_*'))


@pytest.mark.skipif(sys.platform == 'win32', reason='a virtual environment is imitated by a link')
def test_opened_in_an_environment(tmp_path):
    script = tmp_path / 'stand_in.py'
    script.write_text(STAND_IN)
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin' / 'python').symlink_to(sys.executable)
    # A link alone would not find the packages of a virtual environment.
    (tmp_path / 'pyvenv.cfg').write_text(f'home = {Path(sys.executable).resolve().parent}\n')
    packages = tmp_path / 'lib' / f'python3.{sys.version_info[1]}' / 'site-packages'
    packages.mkdir(parents=True)
    (packages / 'ours.pth').write_text(str(Path(np.__file__).parents[1]))
    settings = MetricSettings(pyiqa=tmp_path)
    opened = open_external(describe('pyiqa:blind', 2), 2, settings, script)
    try:
        assert (opened.info.better, opened.info.needs_gt, opened.identity) == ('lower', False, 'pyiqa 9')
        assert opened.score(pair()[0], None) > 0
    finally:
        opened.close()


def test_no_environment(tmp_path):
    with pytest.raises(Unavailable, match='pyiqa:musiq: pyiqa needs an environment of its own .*--pyiqa DIR'):
        open_metric('pyiqa:musiq')
    with pytest.raises(Unavailable, match='no virtual environment .*python -m venv'):
        open_metric('pyiqa:musiq', 0, MetricSettings(pyiqa=tmp_path))


@pytest.fixture
def real(tmp_path):
    """real(name): the worker as it is, beside a stand-in for the package pyiqa."""
    (tmp_path / 'pyiqa.py').write_text(PYIQA)
    workers = []

    def start(name, download='no'):
        code = f'import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); runpy.run_path({str(WORKER)!r}, ' \
               'run_name="__main__")'
        workers.append(Worker(name, [sys.executable, '-c', code, name, 'cpu', download]))
        return workers[-1]
    yield start
    for worker in workers:
        worker.close()


def test_the_worker_itself(real):
    (result, truth), worker = pair(), real('plain')
    assert worker.told == {'ready': True, 'better': 'lower', 'needs_gt': True, 'version': '0.1'}
    assert worker.score(0, result, truth) == pytest.approx(difference(result, truth), rel=1e-5)
    with pytest.raises(ValueError, match='pyiqa:plain: AssertionError: too small$'):
        worker.score(3, result, truth)
    for name, message in (('other', 'AssertionError: Metric other not implemented yet.'),
                          ('heavy', 'heavy.pth is not there, and downloading was not allowed')):
        with pytest.raises(Unavailable, match=f'pyiqa:{name}: .*{message}'):
            real(name)
