"""prepare.py lmdb, pack and shards killed: refused as it is, and finished by the next run as if nothing had been."""
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import effsr.prepare
from effsr.curation import pack, to_lmdb
from effsr.curation.journal import Journal
from effsr.data.storages.opening import open_storage

ROOT = Path(__file__).parents[2]
TILES = ROOT.parent / 'shared/data/train_hr'
pytestmark = [pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks its runs'),
              # From Python 3.12 on a fork beside torch's threads warns.
              pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')]
FLAGS = {'lmdb': (), 'pack': (), 'shards': ('--shard_count', '4')}
commands = pytest.mark.parametrize('command', FLAGS)


def prepare(command, source, out, *flags):
    return effsr.prepare.main([command, '-i', str(source), '-o', str(out), '--jobs', '1', *FLAGS[command], *flags])


def contents(folder):
    """Visible files and their bytes; what else is there is not to be left behind."""
    assert {path.name for path in folder.iterdir() if path.name.startswith('.')} <= {'.prepare.jsonl', '.prepare.lock'}
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith('.')}


def killed_at(step, run):
    """Whether a forked run was killed at its step-th call of what makes something durable; False if it has fewer."""
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        return status != 0
    try:
        _kill_at(step)
        os._exit(run())
    except BaseException:
        traceback.print_exc()
        os._exit(9)


def _kill_at(step):
    count = 0

    def counted(function):
        def call(*args, **flags):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **flags)
        return call

    for module, name in ((os, 'fsync'), (os, 'replace'), (Journal, 'append'), (to_lmdb, 'put'), (Path, 'unlink')):
        setattr(module, name, counted(getattr(module, name)))


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Twelve of them, in four batches."""
    for module in (pack, to_lmdb):
        monkeypatch.setattr(module, 'BATCH', 30_000)
    drawn = np.random.default_rng(3)
    (tmp_path / 'hr').mkdir()
    for number in range(12):
        Image.fromarray(drawn.integers(0, 256, (50, 60, 3), np.uint8)).save(tmp_path / 'hr' / f'{number:02d}.png')
    return tmp_path / 'hr'


@commands
def test_killed_at_every_step(pictures, tmp_path, command, capfd):
    assert prepare(command, pictures, tmp_path / 'whole') == 0
    expected = contents(tmp_path / 'whole')
    step = 0
    while killed_at(step := step + 1, lambda: prepare(command, pictures, tmp_path / 'out')):
        out = tmp_path / 'out'
        if (out / '.unfinished').exists() or not (out / '.prepare.jsonl').exists():
            with pytest.raises(ValueError, match='has not finished there|no such folder|no image'):
                open_storage(out)
        else:
            assert contents(out) == expected, f'step {step}: passes for whole'
        assert prepare(command, pictures, out) == 0, f'step {step}: {capfd.readouterr().err}'
        assert contents(out) == expected, f'step {step}'
        shutil.rmtree(out)
    assert step > 20
    assert contents(tmp_path / 'out') == expected


@commands
def test_killed_while_a_change_is_taken_over(pictures, tmp_path, command, capfd):
    """The old index lies there all the while, beside what it does not fit."""
    assert prepare(command, pictures, tmp_path / 'before') == 0
    Image.new('RGB', (33, 44), 'red').save(pictures / '05.png')
    Image.new('RGB', (20, 30), 'blue').save(pictures / '05a.png')
    (pictures / '08.png').unlink()
    shutil.copytree(tmp_path / 'before', tmp_path / 'out')
    assert prepare(command, pictures, tmp_path / 'out') == 0
    expected = contents(tmp_path / 'out')
    names = open_storage(tmp_path / 'out').names
    step = 0
    while True:
        shutil.rmtree(tmp_path / 'out')
        shutil.copytree(tmp_path / 'before', tmp_path / 'out')
        if not killed_at(step := step + 1, lambda: prepare(command, pictures, tmp_path / 'out')):
            break
        if (tmp_path / 'out' / '.unfinished').exists():
            with pytest.raises(ValueError, match='has not finished there'):
                open_storage(tmp_path / 'out')
        assert prepare(command, pictures, tmp_path / 'out') == 0, f'step {step}: {capfd.readouterr().err}'
        assert contents(tmp_path / 'out') == expected, f'step {step}'
    assert step > 5 and '05a.png' in names and '08.png' not in names


def test_killed_within_a_transaction(pictures, tmp_path, monkeypatch):
    """Pages of it are written, behind the end of the last one that was finished."""
    assert prepare('lmdb', pictures, tmp_path / 'whole') == 0
    expected = contents(tmp_path / 'whole')

    def run():
        calls, real = [], to_lmdb.put

        def put(environment, values):
            calls.append(1)
            if len(calls) == 3:
                transaction = environment.begin(write=True)
                for key, value in values.items():
                    transaction.put(key, value)
                with open(tmp_path / 'out' / 'data.mdb', 'ab') as file:
                    file.write(b'pages of the killed transaction' * 999)
                os.kill(os.getpid(), signal.SIGKILL)
            real(environment, values)

        monkeypatch.setattr(to_lmdb, 'put', put)
        return prepare('lmdb', pictures, tmp_path / 'out')

    assert killed_at(0, run)
    assert prepare('lmdb', pictures, tmp_path / 'out') == 0
    assert (tmp_path / 'out' / 'meta_info.txt').read_bytes() == expected['meta_info.txt']
    files, storage = open_storage(pictures), open_storage(tmp_path / 'out')
    for index in range(12):
        np.testing.assert_array_equal(storage.read(index), files.read(index))


@pytest.mark.slow
@pytest.mark.skipif(not TILES.is_dir(), reason='../shared/data/train_hr is not there')
@commands
def test_real_tiles_killed_in_the_middle(tmp_path, command):
    """By a signal from outside, with processes at work."""
    (tmp_path / 'list.txt').write_text(''.join(f'{path.name}\n' for path in sorted(TILES.iterdir())[:200]))
    flags = ('--meta_info', str(tmp_path / 'list.txt'))
    assert prepare(command, TILES, tmp_path / 'whole', *flags) == 0
    out = tmp_path / 'out'
    process = subprocess.Popen([sys.executable, str(ROOT / 'effsr' / 'prepare.py'), command, '-i', str(TILES), '-o',
                                str(out), '--jobs', '2', *flags, *FLAGS[command]], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and _size(out) < 5_000_000:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(ValueError, match=f'prepare {command} has not finished there'):
        open_storage(out)
    assert prepare(command, TILES, out, *flags) == 0
    assert contents(out) == contents(tmp_path / 'whole')
    assert len(open_storage(out)) == 200


def _size(folder):
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:  # not there yet, or a file renamed in between
        return 0
